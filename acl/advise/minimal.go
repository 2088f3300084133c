package advise

import (
	"slices"
	"strings"

	"postern/acl"
)

// MinimalToggles returns settings, NAME=value, that allow all the needs without
// ALLOW. They are minimal: without any one of the toggles that are on, they would
// refuse a need. They replace the rules, of which they keep DENY and the prefix.
func MinimalToggles(rules acl.Rules, needs []acl.Subject) []string {
	base := acl.Only()
	base.Deny = rules.Deny
	on := smallestToggles(base, needs)
	var settings []string
	add := func(setting string) { settings = append(settings, rules.Prefix+setting) }
	for _, t := range acl.AllToggles() {
		switch used, byDefault := slices.Contains(on, t.Var), t.Default == "1"; {
		case used && !byDefault:
			add(t.Var + "=1")
		case !used && byDefault:
			add(t.Var + "=0")
		}
	}
	if len(settings) == 0 { // a client without any setting would not start
		for _, s := range acl.Sections {
			if s.Default {
				add(s.Var + "=1")
			}
		}
	}
	if len(rules.Deny) > 0 {
		add("DENY=" + strings.Join(rules.Deny, ","))
	}
	return settings
}

// smallestToggles returns toggles that allow all the needs, and none to spare. It
// begins with all toggles that bear on the needs. As long as it can spare one, it
// removes the one that closes most: POST before ALLOW_START.
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
	for {
		spare, left := -1, 0
		for i := range on {
			rules := with(base, slices.Delete(slices.Clone(on), i, i+1))
			if !allowsAll(rules, needs) {
				continue
			}
			if n := width(rules); spare < 0 || n < left {
				spare, left = i, n
			}
		}
		if spare < 0 {
			return on
		}
		on = slices.Delete(on, spare, spare+1)
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

// MinimalAllow returns settings, NAME=value, that allow the needs and nothing
// else, as far as ALLOW can name them, and the needs that it cannot name. They
// replace the rules, of which they keep the prefix.
func MinimalAllow(rules acl.Rules, needs []acl.Subject) (settings []string, unnamed []acl.Subject) {
	for _, s := range acl.Sections {
		if s.Default {
			settings = append(settings, rules.Prefix+s.Var+"=0")
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
		settings = append(settings, rules.Prefix+"ALLOW="+strings.Join(ids, ","))
	}
	return settings, unnamed
}
