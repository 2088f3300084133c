package compose

import (
	"maps"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
)

// cover returns settings that open the wanted operations, by id, and no others that
// the old proxy refused: toggles as far as they open nothing else, and ALLOW for the
// rest. old are the ids of all that it allowed.
func cover(wanted, old map[string]bool, podman bool) (all []setting) {
	chosen := acl.Only()
	open := opened(chosen, podman)
	try := func(toggle string) {
		if chosen.Toggles[toggle] || !podman && strings.HasPrefix(toggle, "LIBPOD_") {
			return
		}
		rules := acl.Rules{Toggles: maps.Clone(chosen.Toggles)}
		rules.Toggles[toggle] = true
		now := opened(rules, podman)
		for id := range now {
			if !old[id] {
				return
			}
		}
		if len(now) > len(open) {
			chosen, open = rules, now
		}
	}
	for range 2 { // AUTH opens nothing before POST does
		for _, t := range acl.AllToggles() {
			if t.Default == "0" || t.Default == "1" {
				try(t.Var)
			}
		}
	}
	for _, t := range acl.AllToggles() {
		switch on := chosen.Toggles[t.Var]; {
		case on && t.Default == "0":
			all = append(all, setting{name: t.Var, raw: "1"})
		case !on && t.Default == "1" && (podman || !strings.HasPrefix(t.Var, "LIBPOD_")):
			all = append(all, setting{name: t.Var, raw: "0"})
		}
	}
	var ids []string
	for _, op := range acl.Operations {
		if wanted[op.ID] && !open[op.ID] && !slices.Contains(ids, op.ID) {
			ids = append(ids, op.ID)
		}
	}
	if len(ids) > 0 {
		all = append(all, setting{name: "ALLOW", raw: strings.Join(ids, ",")})
	}
	return all
}

// opened returns the ids of the operations that the rules allow.
func opened(r acl.Rules, podman bool) map[string]bool {
	policy, ids := acl.Compile(r), map[string]bool{}
	for i, op := range acl.Operations {
		if policy.Operation(i).Outcome == acl.Allowed && (podman || !advise.IsPodman(op.Section())) {
			ids[op.ID] = true
		}
	}
	return ids
}
