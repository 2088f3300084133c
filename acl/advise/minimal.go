package advise

import (
	"slices"
	"strings"

	"postern/acl"
)

// MinimalToggles returns settings without ALLOW that allow all the needs: with
// any toggle that is on taken away, they would refuse one. They replace the
// rules, of which they keep DENY and the prefix.
func MinimalToggles(rules acl.Rules, needs []acl.Subject) []acl.Setting {
	base := acl.Only()
	base.Deny = rules.Deny
	on := smallestToggles(base, needs)
	var settings []acl.Setting
	add := func(name, value string) {
		settings = append(settings, acl.Setting{Name: rules.Prefix + name, Value: value})
	}
	for _, t := range acl.AllToggles() {
		switch used, byDefault := slices.Contains(on, t.Var), t.Default == "1"; {
		case used && !byDefault:
			add(t.Var, "1")
		case !used && byDefault:
			add(t.Var, "0")
		}
	}
	if len(settings) == 0 { // a client without any setting would not start
		for _, s := range acl.Sections {
			if s.Default {
				add(s.Var, "1")
			}
		}
	}
	if len(rules.Deny) > 0 {
		add("DENY", strings.Join(rules.Deny, ","))
	}
	return settings
}

// smallestToggles returns toggles that allow all the needs, none of which can be
// taken away. It begins with all that bear on the needs and takes away the one
// that closes most, POST before ALLOW_START, as long as one can be taken away.
func smallestToggles(base acl.Rules, needs []acl.Subject) []string {
	var on []string
	for _, s := range needs {
		for _, name := range candidates(base.Toggles, s) {
			if !slices.Contains(on, name) {
				on = append(on, name)
			}
		}
	}
	slices.Sort(on) // needs come in any order
	rules := base
	rules.Toggles = clone(base.Toggles)
	for _, name := range on {
		rules.Toggles[name] = true
	}
	for {
		spare, left := -1, 0
		for i, name := range on {
			restore(rules.Toggles, base.Toggles, name)
			if allowsAll(rules, needs) {
				if n := width(rules); spare < 0 || n < left {
					spare, left = i, n
				}
			}
			rules.Toggles[name] = true
		}
		if spare < 0 {
			return on
		}
		restore(rules.Toggles, base.Toggles, on[spare])
		on = slices.Delete(on, spare, spare+1)
	}
}

// restore gives a toggle the value that it has in before, or none.
func restore(t, before acl.Toggles, name string) {
	if value, set := before[name]; set {
		t[name] = value
	} else {
		delete(t, name)
	}
}

func allowsAll(r acl.Rules, needs []acl.Subject) bool {
	return !slices.ContainsFunc(needs, func(s acl.Subject) bool { allowed, _ := r.Evaluate(s); return !allowed })
}

// width counts the operations that the rules allow.
func width(r acl.Rules) (n int) {
	for i := range acl.Operations {
		if allowed, _ := r.Evaluate(acl.Operations[i].Subject()); allowed {
			n++
		}
	}
	return n
}

// MinimalAllow returns the settings that allow the needs and nothing else, as far
// as ALLOW can name them, and the needs that it cannot name. They replace the
// rules, of which they keep the prefix.
func MinimalAllow(rules acl.Rules, needs []acl.Subject) (settings []acl.Setting, unnamed []acl.Subject) {
	for _, s := range acl.Sections {
		if s.Default {
			settings = append(settings, acl.Setting{Name: rules.Prefix + s.Var, Value: "0"})
		}
	}
	var ids []string
	for _, s := range needs {
		if !s.Nameable() {
			unnamed = append(unnamed, s)
		} else if !slices.Contains(ids, s.Operation.ID) {
			ids = append(ids, s.Operation.ID)
		}
	}
	if len(ids) > 0 {
		settings = append(settings, acl.Setting{Name: rules.Prefix + "ALLOW", Value: strings.Join(ids, ",")})
	}
	return settings, unnamed
}
