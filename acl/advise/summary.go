package advise

import (
	"fmt"
	"slices"

	"postern/acl"
	"postern/acl/redact"
)

// Summary says how much a policy allows.
type Summary struct {
	// Allowed is the number of operations that it allows, Of the number of all.
	Allowed int `json:"allowed"`
	Of      int `json:"of"`
	// Reads and Writes are the variables of the sections in which it allows any
	// operation without POST, and any that needs POST. They are not nil.
	Reads  []string `json:"reads"`
	Writes []string `json:"writes"`
}

// Summarize counts what a policy allows and redaction does not refuse, of Podman's own
// API only if podman is set.
func Summarize(p *acl.Policy, r redact.Redaction, podman bool) Summary {
	s := Summary{Reads: []string{}, Writes: []string{}}
	for i := range acl.Operations {
		d := p.Operation(i)
		if IsPodman(d.Section) && !podman {
			continue
		}
		s.Of++
		if d.Outcome != acl.Allowed || r.Refuses(d) != "" {
			continue
		}
		s.Allowed++
		list := &s.Reads
		if d.Writes {
			list = &s.Writes
		}
		if !slices.Contains(*list, d.Section.Var) {
			*list = append(*list, d.Section.Var)
		}
	}
	return s
}

// IneffectiveRefusals warns of refusals such as ALLOW_LOGS=0 that are set and
// refuse nothing, because ALLOW or PRESET allows the operation first: the two
// settings contradict each other.
func IneffectiveRefusals(r acl.Rules) (warnings []string) {
	for i := range acl.Operations {
		op := &acl.Operations[i]
		if value, set := r.Toggles[op.RefusedBy]; !set || value {
			continue
		}
		without := acl.Rules{Allow: r.Allow, Deny: r.Deny, Presets: r.Presets}
		if allowed, by := without.Evaluate(op.Subject()); allowed {
			warnings = append(warnings, fmt.Sprintf("%s%s=0 does not refuse %s, which %s%s allows: %sDENY=%s does",
				r.Prefix, op.RefusedBy, op.ID, r.Prefix, by, r.Prefix, op.ID))
		}
	}
	return warnings
}
