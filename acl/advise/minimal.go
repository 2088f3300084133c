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
		used, byDefault := slices.Contains(on, t.Var), t.Default == "1"
		if used && !byDefault {
			add(t.Var + "=1")
		} else if byDefault && !used {
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
		on = append(on, candidates(base.Toggles, s)...)
	}
	slices.Sort(on) // needs come in any order
	on = slices.Compact(on)
	for {
		var best []string
		var least int
		for i := range on {
			rest := slices.Delete(slices.Clone(on), i, i+1)
			rules := with(base, rest)
			if !allows(rules, needs...) {
				continue
			}
			if n := width(rules); best == nil || n < least {
				best, least = rest, n
			}
		}
		if best == nil {
			return on
		}
		on = best
	}
}

// width counts the operations that the rules allow.
func width(r acl.Rules) (n int) {
	for i := range acl.Operations {
		if allows(r, acl.Operations[i].Subject()) {
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
