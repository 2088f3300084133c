package limits

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"postern/acl/scope"
)

// path finds the object that the path names and puts its id there.
func (c *check) path() *Refusal {
	if c.Scope == nil && c.Guard == nil && c.rule.Kind != scope.Container && c.rule.Kind != scope.Exec && len(c.d.Names) == 0 {
		return nil
	}
	id, refusal := c.reference(c.rule.Kind, c.d.Name())
	if refusal != nil {
		return refusal
	}
	c.target = id
	name := c.name
	defer func() { c.name = name }() // more is looked up below
	if len(c.absent) > 0 && c.d.OperationID() != "NetworkConnect" && c.d.OperationID() != "NetworkDisconnect" {
		return nil
	}
	switch c.d.OperationID() {
	case "ContainerRename":
		return c.rename()
	case "ContainerStart", "ContainerRestart":
		return c.start()
	case "ContainerTop":
		return c.top()
	case "NetworkInspect":
		c.passed.Then(c.hideContainers)
	case "NetworkConnect", "NetworkDisconnect":
		return c.connect()
	case "NetworkDelete", "VolumeDelete":
		return c.remove()
	}
	return nil
}

// maxReferences is how many objects one request may name, since each is asked for.
const maxReferences = 256

// reference returns the id of the object that a request names, or an id that nothing
// has: the object is then out of scope or absent, and c.absent has it.
func (c *check) reference(k scope.Kind, name string) (id string, refusal *Refusal) {
	if c.references++; c.references > maxReferences {
		return "", c.refuse(fmt.Sprintf("it names more than %d objects", maxReferences))
	}
	var hidden bool
	var err error
	switch k {
	case scope.Container:
		var found *container
		if found, hidden, err = c.findContainer(name); found != nil {
			id, c.name, c.found = found.ID, found.Name, found
		}
	case scope.Exec:
		var found *container
		if found, hidden, err = c.findExec(name); found != nil {
			id, c.name, c.found = name, found.Name, found
		}
	case scope.Network:
		var found *network
		if found, hidden, err = c.findNetwork(name); found != nil {
			id, c.name = found.ID, found.Name
		}
	case scope.Volume:
		c.passed.end = append(c.passed.end, c.Engine.volumes.lock(name))
		var found bool
		if found, hidden, err = c.findVolume(name, c.volumeUsers); found {
			id, c.name = name, name
		}
	}
	if err != nil {
		return "", c.failed(err)
	}
	if id == "" {
		id = nobody()
		c.absent = append(c.absent, absent{k, name, id, hidden})
	}
	return id, nil
}

// findContainer finds the container that a name, an id, the beginning of an id or a
// link's alias stands for. It returns nil if none is in the scope; hidden reports
// whether there is one outside.
func (c *check) findContainer(name string) (found *container, hidden bool, err error) {
	name = strings.TrimPrefix(name, "/")
	found, err = c.Engine.container(c.ctx, name)
	switch {
	case err == nil:
		in, err := c.hasContainer(found)
		if err == nil && in {
			in, err = c.seesParent(name)
		}
		if in || err != nil {
			return found, false, err
		}
	case !errors.Is(err, errAbsent) && !isAnswer(err):
		return nil, false, err
	}
	hidden = !errors.Is(err, errAbsent)
	// Without the containers outside the scope, the name might be the beginning of the
	// id of one inside. An absent one is looked for too, so that it takes as long.
	if !scope.CouldBeID(name) || len(name) == idLength {
		return nil, hidden, nil
	}
	found, err = c.byPrefix(name)
	return found, hidden && found == nil, err
}

// idLength is how many digits a container's id has.
const idLength = 64

// isAnswer reports whether an error is the engine's answer: that several ids begin with a
// name, or that it could not look. Such words may be about what is hidden.
func isAnswer(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.status < 502
}

// byPrefix finds the one container of the scope whose id begins with a prefix, or nil.
func (c *check) byPrefix(prefix string) (*container, error) {
	visible, err := c.visible()
	if err != nil {
		return nil, err
	}
	switch ids := withPrefix(visible, prefix); len(ids) {
	case 0:
		return nil, nil
	case 1:
		found, err := c.Engine.container(c.ctx, ids[0])
		if errors.Is(err, errAbsent) {
			return nil, nil
		}
		return found, err
	}
	return nil, fmt.Errorf("multiple IDs found with provided prefix: %s", prefix)
}

// withPrefix returns the ids that begin with a prefix. The engine's own filter for ids is
// no help: engine 20.10 finds nothing by a prefix that a hidden container's id has too.
func withPrefix(ids map[string]bool, prefix string) (found []string) {
	for id := range ids {
		if strings.HasPrefix(id, prefix) {
			found = append(found, id)
		}
	}
	return found
}

func (c *check) findExec(id string) (*container, bool, error) {
	var exec struct {
		ContainerID   string
		ProcessConfig struct{ Privileged bool }
	}
	if strings.Contains(id, "/") {
		return nil, false, nil
	}
	err := c.Engine.get(c.ctx, "/exec/"+id+"/json", nil, &exec)
	switch {
	case errors.Is(err, errAbsent):
		return nil, false, nil
	case isAnswer(err): // old engines: "Container 9f1c... is paused"
		return nil, true, nil
	case err != nil:
		return nil, false, err
	case exec.ContainerID == "":
		return nil, false, errors.New("its answer has no container")
	}
	c.isExec, c.privileged = true, exec.ProcessConfig.Privileged
	return c.findContainer(exec.ContainerID)
}

// findNetwork finds a network among those that the client may see. Two networks may
// have one name, and the engine would call it ambiguous although one of them is out
// of scope.
func (c *check) findNetwork(name string) (found *network, hidden bool, err error) {
	all, err := c.Engine.networks(c.ctx)
	if err != nil {
		return nil, false, err
	}
	visible := slices.DeleteFunc(slices.Clone(all), func(n network) bool { return !c.seesNetwork(n) })
	for _, is := range []func(network) bool{
		func(n network) bool { return n.ID == name },
		func(n network) bool { return n.Name == name },
		func(n network) bool { return name != "" && strings.HasPrefix(n.ID, name) },
	} {
		matches := slices.DeleteFunc(slices.Clone(visible), func(n network) bool { return !is(n) })
		switch {
		case len(matches) == 1:
			return &matches[0], false, nil
		case len(matches) > 1:
			return nil, false, fmt.Errorf("network %s is ambiguous (%d matches found)", name, len(matches))
		}
		hidden = hidden || slices.ContainsFunc(all, is)
	}
	return nil, hidden, nil
}

// predefined are the networks that every engine has and nobody made.
var predefined = []string{"bridge", "host", "none"}

// seesNetwork reports whether the client may see and use a network.
func (c *check) seesNetwork(n network) bool {
	return slices.Contains(predefined, n.Name) || c.shares(scope.Network, n.Name) ||
		c.Scope.Has(scope.Object{Kind: scope.Network, Name: n.Name, Labels: n.Labels})
}

func (l *Limits) shares(k scope.Kind, name string) bool { return l.Shared != nil && l.Shared(k, name) }

// hasContainer reports whether a container is in the scope.
func (l *Limits) hasContainer(ctx context.Context, o scope.Object, image string) (bool, error) {
	if !l.Scope.Has(o) {
		return false, nil
	}
	if len(l.keys()) == 0 {
		return true, nil
	}
	labels, err := l.Engine.imageLabels(ctx, image)
	if errors.Is(err, errAbsent) {
		labels, err = o.Labels, nil // the image is gone: it may have given any of them
	}
	o.Image = labels
	return err == nil && l.Scope.Has(o), err
}

func (c *check) hasContainer(found *container) (bool, error) {
	return c.Limits.hasContainer(c.ctx, scope.Object{Kind: scope.Container, Name: found.Name, Labels: found.Config.Labels}, found.Image)
}

func (c *check) hasSummary(s summary) (bool, error) {
	return c.Limits.hasContainer(c.ctx, scope.Object{Kind: scope.Container, Name: s.name(), Labels: s.Labels}, s.ImageID)
}

// visible lists the ids of the containers in the scope.
func (c *check) visible() (map[string]bool, error) {
	var f filters
	if labels := c.Scope.Filter(); labels != nil {
		f = filters{"label": labels}
	}
	all, err := c.Engine.containers(c.ctx, f)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, s := range all {
		in, err := c.hasSummary(s)
		if err != nil {
			return nil, err
		}
		if in {
			ids[s.ID] = true
		}
	}
	return ids, nil
}

// rename holds a container's new name to the scope.
func (c *check) rename() *Refusal {
	name := strings.TrimPrefix(c.query.Get("name"), "/")
	if c.Scope != nil && len(c.Scope.Names) > 0 {
		return c.refuse("a container cannot be renamed in a scope of names")
	}
	return c.checkName(scope.Container, name)
}

// checkName refuses a name that a new object may not have.
func (c *check) checkName(k scope.Kind, name string) *Refusal {
	if c.Scope == nil && c.Guard == nil {
		return nil
	}
	if err := c.Scope.CheckName(k, name); err != nil {
		return c.refuse(err.Error())
	}
	if k == scope.Container && c.Reserved != nil && c.Reserved(name) {
		return c.refuse("another client's settings are about containers of the name " + name)
	}
	return nil
}

// remove refuses to remove what others made.
func (c *check) remove() *Refusal {
	if c.Scope != nil && !slices.Contains(predefined, c.name) && c.shares(c.rule.Kind, c.name) {
		if in, err := c.owns(); err != nil || !in {
			return &Refusal{Status: http.StatusForbidden, Rule: c.rulePlace(), Reason: fmt.Sprintf("%s %s is shared with others", c.rule.Kind, c.name)}
		}
	}
	return nil
}
