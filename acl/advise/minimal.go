package advise

import (
	"slices"
	"strings"

	"postern/acl"
)

// MinimalToggles returns settings, NAME=value, that allow all the needs without
// ALLOW. They are minimal: without any one of the toggles that are on, they would
// refuse a need. They replace the rules, of which they keep DENY, the prefix and
// the zeros that close what is open by default and not needed.
func MinimalToggles(rules acl.Rules, needs []acl.Subject) []string {
	base := acl.Only()
	base.Deny = rules.Deny
	on := smallestToggles(base, needs)
	var settings []string
	for _, t := range acl.AllToggles() {
		used, byDefault := slices.Contains(on, t.Var), t.Default == "1"
		if used && !byDefault {
			settings = append(settings, rules.Prefix+t.Var+"=1")
		} else if !used && isClosed(rules, t) {
			settings = append(settings, rules.Prefix+t.Var+"=0")
		}
	}
	settings = orDefaults(rules, settings, needs)
	if len(rules.Deny) > 0 {
		settings = append(settings, rules.Prefix+"DENY="+strings.Join(rules.Deny, ","))
	}
	return settings
}

// isClosed reports whether the rules switch off a toggle that is on by default.
func isClosed(rules acl.Rules, t acl.Toggle) bool {
	on, set := rules.Toggles[t.Var]
	return t.Default == "1" && set && !on
}

// orDefaults returns the settings of a declared client, which does not start without
// any: if there are none, those of the defaults that it needs.
func orDefaults(rules acl.Rules, settings []string, needs []acl.Subject) []string {
	if len(settings) > 0 || rules.Prefix == "" {
		return settings
	}
	for _, s := range acl.Sections {
		if s.Default && slices.ContainsFunc(needs, func(n acl.Subject) bool { return n.Section.Var == s.Var }) {
			settings = append(settings, rules.Prefix+s.Var+"=1")
		}
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
// else but what is open by default, as far as ALLOW can name them, and the needs
// that it cannot name. They replace the rules, of which they keep the prefix, the
// zeros that close what is open by default, and a DENY that does.
func MinimalAllow(rules acl.Rules, needs []acl.Subject) (settings []string, unnamed []acl.Subject) {
	base := closed(rules)
	for _, t := range acl.AllToggles() {
		if isClosed(rules, t) {
			settings = append(settings, rules.Prefix+t.Var+"=0")
		}
	}
	missing, unnamed := lacks(base, needs)
	if len(missing) > 0 {
		settings = append(settings, rules.Prefix+"ALLOW="+strings.Join(missing, ","))
	}
	settings = orDefaults(rules, settings, needs)
	base.Deny = rules.Deny
	if width(base) < width(closed(rules)) { // DENY closes what is open by default
		settings = append(settings, rules.Prefix+"DENY="+strings.Join(rules.Deny, ","))
	}
	return settings, unnamed
}

// closed returns rules that allow what is open by default, but for what the rules
// switch off.
func closed(rules acl.Rules) acl.Rules {
	off := acl.Toggles{}
	for _, t := range acl.AllToggles() {
		if isClosed(rules, t) {
			off[t.Var] = false
		}
	}
	return acl.Rules{Toggles: off}
}

// lacks returns the ids of the needs that the rules do not allow, and the needs
// that no id names. LEARN does not count.
func lacks(rules acl.Rules, needs []acl.Subject) (ids []string, unnamed []acl.Subject) {
	for _, s := range needs {
		if allows(rules, s) {
			continue
		}
		if s.Nameable() {
			ids = append(ids, withTwin(s.Operation.ID)...)
		} else {
			unnamed = append(unnamed, s)
		}
	}
	var once []string
	for _, id := range ids {
		if !slices.Contains(once, id) && !allows(rules, subjectOf(id)) {
			once = append(once, id)
		}
	}
	return once, unnamed
}

// withTwin returns an id with the one that a client asks for in its place: Docker's Go
// client sends GET /_ping to an engine that does not answer HEAD.
func withTwin(id string) []string {
	if id == "SystemPingHead" {
		return []string{id, "SystemPing"}
	}
	return []string{id}
}

func subjectOf(id string) acl.Subject {
	i := slices.IndexFunc(acl.Operations, func(op acl.Operation) bool { return op.ID == id })
	return acl.Operations[i].Subject()
}
