package acl

import (
	"slices"
	"strings"
)

// Learned counts what one client asks for. It holds an entry for each
// operation and two for each section at most, so no client can make it grow
// beyond that. The zero value is empty. It is not safe for concurrent use.
type Learned struct{ uses map[use]*Use }

// Use is an operation, or the paths of a section that are none, and how often
// it was asked for.
type Use struct {
	// ID is "" for paths that are no operation.
	ID string
	// Method and Path are the first request's, the path without the version and
	// not longer than 200 bytes.
	Method, Path string
	// Count is the number of requests.
	Count int
	// Verdict is the policy's.
	Verdict *Verdict

	use use
}

// use is what a request is, for the purpose of permissions: places in
// Operations and Sections, plus one.
type use struct {
	section, operation int
	writes             bool // of a path that is no operation
	configures         bool
}

func (r Request) use() use {
	return use{r.section, r.operation, r.operation == 0 && r.Writes(), r.configures}
}

// subjects lists what all has to be allowed; a path in no section has none,
// since no setting allows it.
func (u use) subjects() []subject {
	var all []subject
	if u.operation > 0 {
		all = append(all, subjects[u.operation-1])
	}
	if u.section > 0 && (u.operation == 0 || u.configures) {
		all = append(all, subject{Operation: noOperation, section: Sections[u.section-1].Var, writes: u.writes || u.configures})
	}
	return all
}

// HasID reports whether ALLOW can name the use.
func (u Use) HasID() bool { return u.ID != "" && !u.use.configures }

// Asked reports whether the settings without LEARN would refuse the use.
func (u Use) Asked() bool { return u.Verdict.Advice != "" || !u.Verdict.Allowed }

// Add counts a request and reports whether it is the first of its kind. A
// redirect counts as nothing: the client's next request is what it wants.
func (l *Learned) Add(r Request, v *Verdict) (first bool) {
	if r.Redirect != "" {
		return false
	}
	first = l.add(r, r.use(), v)
	if r.also != (use{}) {
		first = l.add(r, r.also, v) || first
	}
	return first
}

func (l *Learned) add(r Request, key use, v *Verdict) (first bool) {
	if seen, ok := l.uses[key]; ok {
		seen.Count++
		return false
	}
	u := &Use{Method: strings.Clone(cut(r.Method, 32)), Path: strings.Clone(cut(r.Path, 200)), Count: 1, Verdict: v, use: key}
	if key.operation > 0 {
		u.ID = Operations[key.operation-1].ID
	}
	if l.uses == nil {
		l.uses = map[use]*Use{}
	}
	l.uses[key] = u
	return true
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// Uses lists what was asked for, in the order of Operations, and behind them
// the paths that are none.
func (l *Learned) Uses() []Use {
	var all []Use
	for _, u := range l.uses {
		all = append(all, *u)
	}
	rank := func(u Use) int {
		n := 2 * u.use.operation
		if n == 0 {
			n = 2 * (len(Operations) + 1 + u.use.section)
		}
		if u.use.configures {
			n++
		}
		return n
	}
	slices.SortFunc(all, func(a, b Use) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Method, b.Method)
	})
	return all
}

// Setting is a variable with its value.
type Setting struct{ Name, Value string }

func (s Setting) String() string { return s.Name + "=" + s.Value }

// Toggles returns the settings without ALLOW that suffice for what was
// forwarded: taking any that is on away would refuse some of it. They stand
// for themselves, whatever the rules have beside DENY, which stays.
func (l *Learned) Toggles(rules Rules) []Setting {
	base := Only()
	base.Deny = rules.Deny
	var needs []subject
	for _, u := range l.uses {
		if u.Verdict.Allowed {
			needs = append(needs, u.use.subjects()...)
		}
	}
	on := smallest(base, needs)
	settings := []Setting{}
	for _, t := range AllToggles() {
		switch used := slices.Contains(on, t.Var); {
		case used && !onByDefault[t.Var]:
			settings = append(settings, Setting{rules.Prefix + t.Var, "1"})
		case !used && onByDefault[t.Var]:
			settings = append(settings, Setting{rules.Prefix + t.Var, "0"})
		}
	}
	if len(settings) == 0 { // else a client would seem to have no settings
		for _, s := range Sections {
			if s.Default {
				settings = append(settings, Setting{rules.Prefix + s.Var, "1"})
			}
		}
	}
	if len(rules.Deny) > 0 {
		settings = append(settings, Setting{rules.Prefix + "DENY", strings.Join(rules.Deny, ",")})
	}
	return settings
}

// smallest returns toggles that allow what is needed, none of which can be
// spared. It begins with all that could help and takes away, as long as it can,
// the one that closes most: the widest goes first, POST before ALLOW_START.
func smallest(base Rules, needs []subject) []string {
	var on []string
	for _, s := range needs {
		for _, name := range candidates(base.Toggles, s) {
			if !slices.Contains(on, name) {
				on = append(on, name)
			}
		}
	}
	slices.Sort(on) // a client's requests come in any order
	for {
		spare, left := -1, 0
		for i := range on {
			rules := base.having(slices.Delete(slices.Clone(on), i, i+1))
			if !rules.allow(needs) {
				continue
			}
			if n := rules.width(); spare < 0 || n < left {
				spare, left = i, n
			}
		}
		if spare < 0 {
			return on
		}
		on = slices.Delete(on, spare, spare+1)
	}
}

// having returns the rules with toggles switched on.
func (r Rules) having(on []string) Rules {
	settings := make([]string, len(on))
	for i, name := range on {
		settings[i] = r.Prefix + name + "=1"
	}
	return r.with(settings)
}

// allow reports whether the rules allow all the subjects.
func (r Rules) allow(all []subject) bool {
	return !slices.ContainsFunc(all, func(s subject) bool { allowed, _ := decide(r, s); return !allowed })
}

// width counts the operations that the rules allow.
func (r Rules) width() (n int) {
	for _, s := range subjects {
		if allowed, _ := decide(r, s); allowed {
			n++
		}
	}
	return n
}

// Exact returns the settings that allow the operations that were forwarded and
// nothing else, and the uses for which there are none: ALLOW cannot name a path
// that is no operation.
func (l *Learned) Exact(rules Rules) (settings []Setting, unnamed []Use) {
	for _, s := range Sections {
		if s.Default {
			settings = append(settings, Setting{rules.Prefix + s.Var, "0"})
		}
	}
	var ids []string
	for _, u := range l.Uses() {
		switch {
		case !u.Verdict.Allowed:
		case !u.HasID():
			unnamed = append(unnamed, u)
		case !slices.Contains(ids, u.ID):
			ids = append(ids, u.ID)
		}
	}
	if len(ids) > 0 {
		settings = append(settings, Setting{rules.Prefix + "ALLOW", strings.Join(ids, ",")})
	}
	return settings, unnamed
}
