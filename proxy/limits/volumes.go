package limits

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"postern/acl/body"
	"postern/acl/scope"
)

// A volume has no id, and the engine makes one for whoever names it. So that a volume
// cannot be another one between the lookup and the request, all requests that name a
// volume hold the lock of its name.

// nameLocks has a lock for each name, and one for all of them.
type nameLocks struct {
	all  sync.RWMutex
	mu   sync.Mutex
	held map[string]*nameLock
}

type nameLock struct {
	sync.Mutex
	users int
}

// lock locks names and returns what unlocks them. The caller must not hold any.
func (l *nameLocks) lock(names ...string) (unlock func()) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	l.all.RLock()
	for _, name := range names {
		l.mu.Lock()
		if l.held == nil {
			l.held = map[string]*nameLock{}
		}
		lock := l.held[name]
		if lock == nil {
			lock = &nameLock{}
			l.held[name] = lock
		}
		lock.users++
		l.mu.Unlock()
		lock.Lock()
	}
	return sync.OnceFunc(func() {
		for _, name := range names {
			l.mu.Lock()
			lock := l.held[name]
			if lock.users--; lock.users == 0 {
				delete(l.held, name)
			}
			l.mu.Unlock()
			lock.Unlock()
		}
		l.all.RUnlock()
	})
}

// lockAll locks every name.
func (l *nameLocks) lockAll() (unlock func()) {
	l.all.Lock()
	return sync.OnceFunc(l.all.Unlock)
}

// seesVolume reports whether the client may see and use a volume: one in its scope,
// one that is shared, or one that nobody's label claims and that containers of the
// scope alone use. users lists whether the users of a volume are in the scope.
func (c *check) seesVolume(v volume, users func() (map[string]users, error)) (bool, error) {
	o := scope.Object{Kind: scope.Volume, Name: v.Name, Labels: v.Labels}
	switch {
	case c.shares(scope.Volume, v.Name) || c.Scope.Has(o):
		return true, nil
	case !c.Scope.Covers(scope.Volume) || !c.Scope.Unclaimed(o) || v.Labels[scope.Stamp] != "":
		return false, nil
	}
	all, err := users()
	return all[v.Name].mine(), err
}

// findVolume reports whether there is a volume that the client may see. users lists the
// users of volumes.
func (c *check) findVolume(name string, users func() (map[string]users, error)) (found, hidden bool, err error) {
	v, err := c.Engine.volume(c.ctx, name)
	isAbsent := errors.Is(err, errAbsent)
	switch {
	case isAnswer(err): // a plugin failed
		return false, true, nil
	case err != nil && !isAbsent:
		return false, false, err
	case !isAbsent && (c.shares(scope.Volume, v.Name) || c.Scope.Has(scope.Object{Kind: scope.Volume, Name: v.Name, Labels: v.Labels})):
		return true, false, nil
	case !c.Scope.Covers(scope.Volume):
		return false, !isAbsent, nil
	}
	// All others take as long as one without labels, whose users are asked for.
	users = once(users)
	if _, err := users(); err != nil || isAbsent {
		return false, false, err
	}
	in, err := c.seesVolume(v, users)
	return in, !in, err
}

// owns reports whether the client may see the object of the path although nothing
// shared it.
func (c *check) owns() (bool, error) {
	own := *c
	limits := *c.Limits
	limits.Shared, own.Limits = nil, &limits
	if c.rule.Kind == scope.Volume {
		found, _, err := own.findVolume(c.name, own.volumeUsers)
		return found, err
	}
	found, _, err := own.findNetwork(c.target)
	return found != nil, err
}

// makeVolume makes a volume in the scope, and reports whether it is there now. It is
// not if somebody else made one of this name at the same time.
func (e *Engine) makeVolume(ctx context.Context, v newVolume) (volume, error) {
	var made volume
	err := e.ask(ctx, "POST", "/volumes/create", nil, v, &made)
	if err == nil && made.Name != v.Name {
		err = errors.New("it made a volume of another name")
	}
	return made, err
}

// newVolume is the body of a VolumeCreate.
type newVolume struct {
	Name       string
	Driver     string            `json:",omitempty"`
	DriverOpts map[string]string `json:",omitempty"`
	Labels     map[string]string
}

// createVolume holds a new volume to the scope. The engine answers with the volume of
// that name if there is one, and so with another client's.
func (c *check) createVolume(name string) *Refusal {
	if refusal := c.projects(); refusal != nil {
		return refusal
	}
	if name == "" {
		return nil // the engine makes up a name
	}
	c.passed.end = append(c.passed.end, c.Engine.volumes.lock(name))
	_, hidden, err := c.findVolume(name, c.volumeUsers)
	switch {
	case err != nil:
		return c.failed(err)
	case hidden:
		return c.taken(name)
	}
	c.passed.Then(func(res *http.Response) error {
		if res.StatusCode >= 300 {
			return nil
		}
		return change(res, maxError, func(text []byte) ([]byte, error) {
			var made volume
			if err := json.Unmarshal(text, &made); err != nil {
				return nil, err
			}
			if in, err := c.seesVolume(made, c.volumeUsers); err != nil || !in {
				return nil, errors.Join(errVolume, err)
			}
			return text, nil
		})
	})
	return nil
}

var (
	errVolume  = errors.New("it gave another client's volume")
	errNetwork = errors.New("the container came into another client's network, and was killed")
)

// taken refuses the name of another client's volume.
func (c *check) taken(name string) *Refusal {
	return &Refusal{Status: http.StatusConflict, Rule: c.rulePlace(), Reason: "the volume name " + name + " is taken"}
}

// volumesOf holds the named volumes of a new container to the scope. Those that do not
// exist are made first, so that they have the labels of the scope, and are removed
// again if the container cannot be made.
func (c *check) volumesOf(host *body.Object) *Refusal {
	wanted := map[string]newVolume{}
	binds := host.Strings("Binds")
	for path := range c.body.Object("Volumes").All() {
		binds = append(binds, path) // Podman takes name:/x for a bind
	}
	for _, bind := range binds {
		// The engine takes all but absolute paths for names. Those of a plugin's volumes may
		// have any letters.
		if name, _, named := strings.Cut(bind, ":"); named && !strings.HasPrefix(name, "/") {
			wanted[name] = newVolume{Name: name, Driver: host.String("VolumeDriver")}
		}
	}
	for _, m := range host.List("Mounts") {
		mount, _ := m.(*body.Object)
		switch name := mount.String("Source"); {
		case mount.String("Type") == "cluster":
			return c.refuse("a cluster volume cannot be held to a scope")
		case mount.String("Type") == "volume" && name != "":
			wanted[name] = newVolume{
				Name: name, Driver: mount.String("VolumeOptions", "DriverConfig", "Name"),
				DriverOpts: stringsOf(mount.Object("VolumeOptions", "DriverConfig", "Options")),
				Labels:     stringsOf(mount.Object("VolumeOptions", "Labels")),
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(wanted))
	c.volumes = names
	c.passed.end = append(c.passed.end, c.Engine.volumes.lock(names...))
	var missing []newVolume
	users := once(c.volumeUsers)
	for _, name := range names {
		found, hidden, err := c.findVolume(name, users)
		switch {
		case err != nil:
			return c.failed(err)
		case hidden || !found && c.Scope.CheckName(scope.Volume, name) != nil:
			c.absent = append(c.absent, absent{scope.Volume, name, nobody(), hidden})
		case !found:
			missing = append(missing, wanted[name])
		}
	}
	if len(c.absent) > 0 {
		return nil
	}
	return c.makeVolumes(missing)
}

// undoAll takes back what was made for a request that is not forwarded.
func (c *check) undoAll() {
	for _, undo := range c.undo {
		undo()
	}
}

func (c *check) makeVolumes(all []newVolume) *Refusal {
	var made []string
	undo := func() {
		for _, name := range made {
			c.Engine.ask(c.ctx, http.MethodDelete, "/volumes/"+name, nil, nil, nil)
		}
	}
	c.undo = append(c.undo, undo)
	for _, v := range all {
		add, err := c.Scope.NewLabels(c.Client, v.Labels)
		if err != nil {
			return c.refuse(err.Error())
		}
		if v.Labels == nil {
			v.Labels = map[string]string{}
		}
		maps.Copy(v.Labels, add)
		if c.Stamps {
			v.Labels[scope.Stamp] = c.Client
		}
		got, err := c.Engine.makeVolume(c.ctx, v)
		if said := (*statusError)(nil); errors.As(err, &said) && said.status < 500 {
			return &Refusal{Status: said.status, Rule: c.rulePlace(), Reason: said.message()} // about its name or options
		}
		if err != nil {
			return c.failed(err)
		}
		if in, err := c.seesVolume(got, c.volumeUsers); err != nil || !in {
			return c.taken(v.Name)
		}
		made = append(made, v.Name)
	}
	if len(made) > 0 {
		c.passed.Then(func(res *http.Response) error {
			if res.StatusCode >= 400 {
				undo()
			}
			return nil
		})
	}
	return nil
}

// stringsOf is an object of strings as a map.
func stringsOf(o *body.Object) map[string]string {
	if o.Len() == 0 {
		return nil
	}
	all := map[string]string{}
	for key, value := range o.All() {
		all[key], _ = value.(string)
	}
	return all
}
