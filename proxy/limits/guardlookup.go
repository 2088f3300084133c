package limits

import (
	"errors"
	"slices"
	"strings"

	"postern/acl/body"
	"postern/acl/guard"
	"postern/acl/scope"
)

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
	if listed, _ := l.c.Guard.ListsVolume(name); listed {
		// A volume without labels belongs to its users, who may be the client's alone only
		// because it is listed.
		l.note(err)
		return len(v.Options) == 0 && l.c.ownScope().Has(scope.Object{Kind: scope.Volume, Name: v.Name, Labels: v.Labels})
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

// target returns why the client may not reach into a container. An operator who names a
// container in SCOPE or ALLOW, without a *, gives it away whole.
func (l *looker) target(found *container) []guard.Violation {
	isSelf := l.c.Guard.Self.Container != "" && found.ID == l.c.Guard.Self.Container
	named := slices.Contains(l.c.d.Names, found.Name) || l.c.Scope != nil && slices.Contains(l.c.Scope.Names, found.Name)
	if named && !isSelf {
		return nil
	}
	return l.has(found)
}

// has returns what a container has and the client could not have given it.
func (l *looker) has(found *container) []guard.Violation {
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

// newTag reports whether nothing has a tag, or an image that the client gave it. Podman
// takes localhost/web for web, before it looks at docker.io/library/web: a tag there is
// new if both are.
func (l *looker) newTag(reference string) bool {
	if short, isLocal := strings.CutPrefix(reference, "localhost/"); isLocal && !l.newTag(guard.Reference(short)) {
		return false
	}
	i, err := l.c.Engine.image(l.c.ctx, reference)
	if errors.Is(err, errAbsent) {
		return true
	}
	l.note(err)
	return err == nil && l.c.Engine.tags.isMade(l.c.Client, reference, i.ID)
}
