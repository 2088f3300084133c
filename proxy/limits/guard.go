package limits

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"postern/acl/body"
	"postern/acl/guard"
	"postern/acl/scope"
)

// content judges what a request asks for, before anything is looked up.
func (c *check) content() *Refusal {
	if c.Guard == nil {
		return nil
	}
	id := c.d.OperationID()
	if why := c.Guard.Whole(id, c.d.Section.Var); why != "" {
		if c.Observes && id != "" {
			return c.violated([]guard.Violation{{Field: "the operation", Asks: id, Hint: why}})
		}
		return c.forbid(why, "")
	}
	query, err := body.Query(c.out.URL.RawQuery, guard.Lists(id)...)
	if err != nil {
		return c.malformed(err)
	}
	c.query = query
	if c.out.ContentLength != 0 {
		// readBody looks at Content-Encoding, which says nothing about an archive.
		if err := body.CheckHeaders(c.out.Header.Get("Content-Type"), ""); err != nil {
			return c.malformed(err)
		}
	}
	if body.ByOperation[id] != nil {
		if refusal := c.readBody(); refusal != nil {
			return refusal
		}
	}
	before := query.Encode()
	violations := c.Guard.Judge(c.request(query), guard.Lookup{})
	if c.judgedQuery = maps.Clone(query); c.judgedQuery == nil {
		c.judgedQuery = url.Values{}
	}
	c.queryChanged = c.queryChanged || query.Encode() != before
	return c.violated(violations)
}

// malformed refuses a request that two readers could read differently.
func (c *check) malformed(err error) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Rule: c.GuardRule, Reason: err.Error(), Message: c.subject() + " is refused: " + err.Error()}
}

// forbid refuses a request because of the guard.
func (c *check) forbid(reason, remedy string) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Rule: c.GuardRule, Reason: reason, Remedy: remedy, Message: c.subject() + " is refused: " + reason}
}

// request is what the guard judges.
func (c *check) request(query url.Values) *guard.Request {
	name := c.d.Name()
	if c.rule.Kind == scope.Network && c.target != "" {
		name = c.target // what is forwarded: the name could be another network's by now
	}
	return &guard.Request{Operation: c.d.OperationID(), Name: name, Query: query, Body: c.body, Unknown: c.unknown}
}

// violated refuses violations, or notes them where the guard only observes.
func (c *check) violated(all []guard.Violation) *Refusal {
	if c.Observes {
		for _, v := range all {
			// The second time names have become ids.
			again := func(other guard.Violation) bool {
				return other == v || v.Variable == "" && other.Field == v.Field && other.Hint == v.Hint
			}
			if !slices.ContainsFunc(c.passed.Violations, again) {
				c.passed.Violations = append(c.passed.Violations, v)
			}
		}
		all = slices.DeleteFunc(slices.Clone(all), func(v guard.Violation) bool { return !v.Own })
	}
	if len(all) == 0 {
		return nil
	}
	var remedies []string
	for _, v := range all {
		if remedy := v.Remedy(); remedy != "" && !slices.Contains(remedies, remedy) {
			remedies = append(remedies, remedy)
		}
	}
	refusal := c.forbid(guard.Message(all), strings.Join(remedies, ", "))
	refusal.Violations = all
	return refusal
}

// loads reports whether the request loads images, and the guard lets the client write
// any tag.
func (c *check) loads() bool {
	return c.Guard != nil && c.d.OperationID() == "ImageLoad" && len(c.Guard.Judge(&guard.Request{Operation: "ImageLoad"}, guard.Lookup{})) == 0
}

// reaches are the operations that reach into a container that exists. A client may
// reach into what it might have made itself, and no further.
var reaches = strings.Fields("ContainerExec ExecStart ExecResize ContainerAttach ContainerAttachWebsocket ContainerArchive " +
	"ContainerArchiveInfo PutContainerArchive ContainerCopy ContainerExport ImageCommit")

// reaches reports whether the request reaches into a container. A rename does if the
// operator has given away the container of the new name whole, see looker.target.
func (c *check) reaches() bool {
	id := c.d.OperationID()
	return slices.Contains(reaches, id) || id == "ContainerRename" && slices.Contains(c.Given, strings.TrimPrefix(c.query.Get("name"), "/"))
}

// powers judges what only the engine knows: whose the objects are that a request
// names, and what the container has that it reaches into. The scope has seen the
// request before: what it hides is answered as absent, not as forbidden.
func (c *check) powers() *Refusal {
	if c.Guard == nil || len(c.absent) > 0 || c.judgedQuery == nil {
		return nil
	}
	l := looker{c: c}
	if mode := c.query.Get("networkmode"); mode != "" {
		c.judgedQuery.Set("networkmode", mode) // the id
	}
	all := c.Guard.Judge(c.request(c.judgedQuery), l.lookup())
	switch {
	case c.found == nil:
	case c.reaches():
		for _, v := range l.target(c.found) {
			v.Field = "the container's " + v.Field
			all = append(all, v)
		}
		if c.isExec && c.privileged {
			exec := body.New(body.ContainerExec)
			exec.Set(true, "Privileged")
			all = append(all, c.Guard.Judge(&guard.Request{Operation: "ContainerExec", Body: exec}, guard.Lookup{})...)
		}
	case c.found.ID == c.Guard.Self.Container:
		all = append(all, l.target(c.found)...)
	}
	if c.rule.Kind == scope.Volume && slices.Contains(c.Guard.Self.Volumes, c.d.Name()) {
		return c.forbid("the volume "+c.d.Name()+" is postern's own", "")
	}
	if l.err != nil {
		return c.failed(l.err)
	}
	if c.Observes && c.found != nil {
		v, err := c.outOfScope()
		if err != nil {
			return c.failed(err)
		}
		all = append(all, v...)
	}
	if refusal := c.violated(all); refusal != nil {
		return refusal
	}
	c.tags()
	return nil
}

// outOfScope says that the client has not made the container of the request, which
// SCOPE=mine would hide. It is for a report: where the guard only observes, no scope is
// in force.
func (c *check) outOfScope() ([]guard.Violation, error) {
	own := *c
	limits := *c.Limits
	limits.Scope, own.Limits = c.ownScope(), &limits
	in, err := own.hasContainer(c.found)
	if err != nil || in {
		return nil, err
	}
	return []guard.Violation{{
		Field: "the request", Asks: "the container " + c.found.Name + ", which the client has not made",
		Variable: c.Prefix + "SCOPE", Value: "mine,name=" + c.found.Name,
	}}, nil
}

// guardPermits reports whether the guard lets a container of the client be in a
// network.
func (c *check) guardPermits(n network) bool {
	return c.Guard == nil || n.Name == "none" || c.ownsNetwork(n) || c.Guard.ListsNetwork(n.Name)
}

// startsIn judges the network that a container's first start puts it into.
func (c *check) startsIn(name string) *Refusal {
	if c.Guard == nil || len(c.absent) > 0 {
		return nil
	}
	found, _, err := c.findNetwork(name)
	switch {
	case err != nil:
		return c.failed(err)
	case found != nil && !c.guardPermits(*found):
		return c.forbid("the container would come into the network "+name+", which is not the client's own", "")
	}
	return nil
}
