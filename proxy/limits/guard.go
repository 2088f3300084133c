package limits

import (
	"errors"
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
		return c.forbid(why, "")
	}
	query, err := body.Query(c.out.URL.RawQuery, guard.Lists(id)...)
	if err != nil {
		return c.malformed(err)
	}
	c.query = query
	if c.out.ContentLength != 0 {
		if err := body.CheckHeaders(c.out.Header.Get("Content-Type"), c.out.Header.Get("Content-Encoding")); err != nil {
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
	c.judgedQuery = maps.Clone(query)
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
			if !slices.Contains(c.passed.Violations, v) {
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
	return c.forbid(guard.Message(all), strings.Join(remedies, ", "))
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

// powers judges what only the engine knows: whose the objects are that a request
// names, and what the container has that it reaches into. The scope has seen the
// request before: what it hides is answered as absent, not as forbidden.
func (c *check) powers() *Refusal {
	if c.Guard == nil || len(c.absent) > 0 {
		return nil
	}
	l := looker{c: c}
	if mode := c.query.Get("networkmode"); mode != "" {
		c.judgedQuery.Set("networkmode", mode) // the id
	}
	all := c.Guard.Judge(c.request(c.judgedQuery), l.lookup())
	switch {
	case c.found == nil:
	case slices.Contains(reaches, c.d.OperationID()):
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
	all = append(all, l.project()...)
	if l.err != nil {
		return c.failed(l.err)
	}
	if refusal := c.violated(all); refusal != nil {
		return refusal
	}
	c.noteTags()
	return nil
}

// noteTags remembers the tags that the request makes, which then count as the client's
// own.
func (c *check) noteTags() {
	references := guard.Written(c.request(c.judgedQuery))
	if len(references) == 0 {
		return
	}
	made := false
	c.passed.Then(func(res *http.Response) error { made = res.StatusCode < 300; return nil })
	c.passed.end = append(c.passed.end, func() {
		for _, reference := range references {
			if !made {
				continue
			}
			if i, err := c.Engine.image(c.ctx, reference); err == nil {
				c.Engine.tags.note(c.Client, reference, i.ID)
			}
		}
	})
}

// looker answers what the guard asks. It keeps the first error: then the answers mean
// nothing.
type looker struct {
	c     *check
	err   error
	depth int
}

func (l *looker) lookup() guard.Lookup {
	return guard.Lookup{Network: l.network, OwnVolume: l.ownVolume, Container: l.container, ImageNames: l.imageNames, NewTag: l.newTag}
}

func (l *looker) note(err error) {
	if l.err == nil {
		l.err = err
	}
}

// ownScope is what counts as the client's own: its scope, or with SCOPE=* what it made.
func (c *check) ownScope() *scope.Scope {
	if c.Scope != nil {
		return c.Scope
	}
	return &scope.Scope{Mine: c.Client}
}

func (c *check) ownsNetwork(n network) bool {
	return c.ownScope().Has(scope.Object{Kind: scope.Network, Name: n.Name, Labels: n.Labels})
}

func (l *looker) network(nameOrID string) (name string, own bool) {
	found, _, err := l.c.findNetwork(nameOrID)
	switch {
	case err != nil:
		l.note(err)
	case found != nil:
		return found.Name, l.c.ownsNetwork(*found)
	}
	return nameOrID, false
}

// ownVolume reports whether a volume is the client's own. One with options of a driver
// is not, whoever labelled it: it may be any directory of the host.
func (l *looker) ownVolume(name string) bool {
	v, err := l.c.Engine.volume(l.c.ctx, name)
	if errors.Is(err, errAbsent) {
		return true // the engine makes it
	}
	own := *l.c
	limits := *l.c.Limits
	limits.Scope, limits.Shared, own.Limits = l.c.ownScope(), nil, &limits
	in := false
	if err == nil && len(v.Options) == 0 && (v.Driver == "" || v.Driver == "local") {
		in, err = own.seesVolume(v, own.volumeUsers)
	}
	l.note(err)
	return in
}

// maxJoins is how many containers may share something with one another in a row.
const maxJoins = 4

// container returns why the client may not join a container.
func (l *looker) container(nameOrID string) []guard.Violation {
	found, hidden, err := l.c.findContainer(nameOrID)
	if l.depth++; l.depth > maxJoins {
		err = errors.New("too many containers share something with one another")
	}
	defer func() { l.depth-- }()
	switch {
	case err != nil:
		l.note(err)
		return nil
	case hidden || found == nil:
		return []guard.Violation{{Field: "owner", Asks: "another client"}}
	}
	return l.target(found)
}

// target returns what a container has and the client could not have given it. An
// operator who names a container in SCOPE or ALLOW, without a *, gives it away whole.
func (l *looker) target(found *container) []guard.Violation {
	isSelf := l.c.Guard.Self.Container != "" && found.ID == l.c.Guard.Self.Container
	named := slices.Contains(l.c.d.Names, found.Name) || l.c.Scope != nil && slices.Contains(l.c.Scope.Names, found.Name)
	if named && !isSelf {
		return nil
	}
	host, unknown, err := body.Read(found.HostConfig, body.HostConfig, body.Drop)
	if err != nil {
		l.note(err)
		return nil
	}
	return l.c.Guard.Target(found.ID, nil, host, found.Mounts, unknown, l.lookup())
}

func (l *looker) imageNames(name string) []string {
	i, err := l.c.Engine.image(l.c.ctx, name)
	if !errors.Is(err, errAbsent) {
		l.note(err)
	}
	return append(i.RepoTags, i.RepoDigests...)
}

// newTag reports whether nothing has a tag, or an image that the client gave it.
func (l *looker) newTag(reference string) bool {
	i, err := l.c.Engine.image(l.c.ctx, reference)
	if errors.Is(err, errAbsent) {
		return true
	}
	l.note(err)
	return err == nil && l.c.Engine.tags.isMade(l.c.Client, reference, i.ID)
}

// project refuses a compose project in which others have containers: who works on the
// project with docker compose would get those of the client.
func (l *looker) project() []guard.Violation {
	c := l.c
	if c.d.OperationID() != "ContainerCreate" || c.Scope == nil {
		return nil
	}
	const label = "com.docker.compose.project"
	project := c.body.String("Labels", label)
	if project == "" {
		return nil
	}
	all, err := c.Engine.containers(c.ctx, filters{"label": {label + "=" + project}})
	if err != nil {
		l.note(err)
	}
	for _, s := range all {
		in, err := c.hasSummary(s)
		if err != nil {
			l.note(err)
		}
		if !in {
			return []guard.Violation{{Field: "Labels", Asks: "compose project " + project, Flag: "--label", Hint: "others have containers in it"}}
		}
	}
	return nil
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
