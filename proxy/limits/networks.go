package limits

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"postern/acl/body"
	"postern/acl/scope"
)

// createNetwork looks at the network that a new one takes its settings from. Engines up
// to 24 may allow a second network of a name, and then start no container in either of
// them: one client could so stop another's.
func (c *check) createNetwork() *Refusal {
	c.body.Set(true, "CheckDuplicate")
	if from := c.body.String("ConfigFrom", "Network"); from != "" {
		id, refusal := c.reference(scope.Network, from)
		if refusal != nil {
			return refusal
		}
		c.body.Set(id, "ConfigFrom", "Network")
	}
	if refusal := c.projects(); refusal != nil {
		return refusal
	}
	c.passed.Then(func(res *http.Response) error {
		if res.StatusCode != http.StatusCreated {
			return nil
		}
		return change(res, maxError, c.blank)
	})
	return nil
}

// networksOf puts ids in place of the networks of a new container.
func (c *check) networksOf(host *body.Object) *Refusal {
	if refusal := c.mode(host, "NetworkMode"); refusal != nil {
		return refusal
	}
	ids := map[string]string{}
	pin := func(name string) *Refusal {
		if ids[name] != "" || isMode(name) {
			return nil
		}
		id, refusal := c.reference(scope.Network, name)
		ids[name] = id
		return refusal
	}
	mode := host.String("NetworkMode")
	if !strings.HasPrefix(mode, "container:") {
		if refusal := pin(mode); refusal != nil {
			return refusal
		}
		if ids[mode] != "" {
			host.Set(ids[mode], "NetworkMode")
		}
	}
	endpoints := c.body.Object("NetworkingConfig", "EndpointsConfig")
	var names []string
	for name := range endpoints.All() {
		names = append(names, name)
	}
	for _, name := range names {
		if refusal := pin(name); refusal != nil {
			return refusal
		}
		if refusal := c.endpoint(endpoints.Object(name), name, ids[name]); refusal != nil {
			return refusal
		}
		if ids[name] != "" && !endpoints.Rename(name, ids[name]) {
			return c.refuse("its networks have " + name + " twice")
		}
	}
	return nil
}

// isMode reports whether a network's name is a word of the engine's own.
func isMode(name string) bool {
	return name == "" || name == "default" || slices.Contains(predefined, name)
}

// endpoint puts ids in place of what a container's end in a network refers to.
func (c *check) endpoint(e *body.Object, name, id string) *Refusal {
	if e == nil {
		return nil
	}
	if refusal := c.containerList(e, "Links"); refusal != nil {
		return refusal
	}
	if said := e.String("NetworkID"); said != "" && said != name {
		other, refusal := c.reference(scope.Network, said)
		if refusal == nil && slices.Contains(predefined, name) {
			id, refusal = c.reference(scope.Network, name) // the engine's own have no id until here
		}
		if refusal != nil {
			return refusal
		}
		if other != id && len(c.absent) == 0 {
			return c.refuse("NetworkID " + said + " is not " + name)
		}
	}
	if id != "" && e.String("NetworkID") != "" {
		e.Set(id, "NetworkID")
	}
	return nil
}

// connect holds the container that is connected or disconnected to the scope.
func (c *check) connect() *Refusal {
	if refusal := c.readBody(); refusal != nil {
		return refusal
	}
	network, missing := c.name, len(c.absent)
	if name := c.body.String("Container"); name != "" {
		id, refusal := c.reference(scope.Container, name)
		if refusal != nil {
			return refusal
		}
		c.body.Set(id, "Container")
		// Engines put the name of a network that does not exist into a container that
		// does not run, and say that all went well.
		c.asksItself = missing > 0 && len(c.absent) == missing
	}
	if c.Scope == nil && c.Guard == nil {
		return nil
	}
	before, connected := len(c.absent), c.found // not what it is linked to
	refusal := c.endpoint(c.body.Object("EndpointConfig"), network, c.target)
	c.found = connected
	c.asksItself = c.asksItself || before == 0 && len(c.absent) > 0 // the engine accepts links to nothing
	return refusal
}

// buildNetwork holds the network of a build's containers to the scope.
func (c *check) buildNetwork() *Refusal {
	mode := c.query.Get("networkmode")
	kind, name := scope.Network, mode
	if of, joins := strings.CutPrefix(mode, "container:"); joins {
		kind, name = scope.Container, of
	} else if isMode(mode) {
		return nil
	}
	id, refusal := c.reference(kind, name)
	if refusal != nil {
		return refusal
	}
	c.setQuery("networkmode", strings.TrimSuffix(mode, name)+id)
	if len(c.absent) > 0 {
		c.asksItself = true
	}
	return nil
}

// start judges the networks of a container that was not in them before. Until then
// the engine keeps the network's name, even of one that was given by its id, and
// looks it up at the start: it may be another client's by then.
func (c *check) start() *Refusal {
	switch n := c.out.ContentLength; {
	case c.found == nil || c.Scope == nil && c.Guard == nil:
		return nil
	case c.d.Configures:
		return c.refuse("a start in an API before 1.24 can configure the container")
	case c.d.OperationID() == "ContainerStart" && (n < 0 || n > 7):
		// Engines read a body of more bytes than {} has.
		return c.refuse("a start with a body would configure the container")
	case c.query.Has("checkpoint") || c.query.Has("checkpoint-dir"):
		return c.refuse("a checkpoint cannot be held to a scope")
	case c.Guard == nil && !c.Scope.Covers(scope.Network):
		return nil
	}
	pending := false
	for name, endpoint := range c.found.NetworkSettings.Networks {
		if endpoint.NetworkID != "" || isMode(name) {
			continue
		}
		pending = true
		if _, refusal := c.reference(scope.Network, name); refusal != nil {
			return refusal
		}
		if refusal := c.startsIn(name); refusal != nil {
			return refusal
		}
	}
	if len(c.absent) > 0 {
		c.asksItself = true // the container is there: the answer is about the network
		return nil
	}
	if pending {
		id := c.found.ID
		c.outlive()
		c.passed.Then(func(res *http.Response) error { return c.afterStart(res, id) })
	}
	return nil
}

// afterStart kills a container that has come into a network out of the scope, one that
// got its name between the lookup and the start, and takes it out of there: from now on
// the engine keeps the network's id, and the next start would not be judged.
func (c *check) afterStart(res *http.Response, id string) error {
	if res.StatusCode >= 300 {
		return nil
	}
	foreign, err := c.foreignNetworks(id)
	if err == nil && len(foreign) == 0 {
		return nil
	}
	c.Engine.ask(c.ctx, http.MethodPost, "/containers/"+id+"/kill", nil, nil, nil)
	for _, network := range foreign {
		c.Engine.ask(c.ctx, http.MethodPost, "/networks/"+network+"/disconnect", nil, disconnect{id, true}, nil)
	}
	return cmp.Or(err, errNetwork)
}

// disconnect is the body of a NetworkDisconnect.
type disconnect struct {
	Container string
	Force     bool
}

// foreignNetworks lists the networks of a container that the client may not use.
func (c *check) foreignNetworks(id string) (foreign []string, err error) {
	now, err := c.Engine.container(c.ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := c.Engine.networks(c.ctx)
	if err != nil {
		return nil, err
	}
	for _, endpoint := range now.NetworkSettings.Networks {
		for _, n := range all {
			if n.ID == endpoint.NetworkID && !(c.seesNetwork(n) && c.guardPermits(n)) {
				foreign = append(foreign, n.ID)
			}
		}
	}
	return foreign, nil
}
