package advise

import (
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/preset"
	"postern/acl/redact"
)

// Narrowest returns the settings, NAME=value, that allow a refused subject and least
// beside it: ALLOW with what it has already, or toggles where ALLOW cannot name the
// subject. It is empty if no setting allows the subject.
func Narrowest(p *acl.Policy, s acl.Subject) []string {
	sets := RemedyFor(p, acl.Decision{Subject: s}).Sets
	if len(sets) == 0 {
		return nil
	}
	rules := p.Rules()
	if s.Nameable() {
		ids := beside(rules, s.Operation.ID)
		return []string{rules.Prefix + "ALLOW=" + strings.Join(slices.Concat(rules.Allow, ids), ",")}
	}
	return sets[0]
}

// Allowable keeps those of the subjects that the policy refuses and that a setting
// would allow.
func Allowable(p *acl.Policy, all []acl.Subject) (some []acl.Subject) {
	for _, s := range all {
		if len(RemedyFor(p, acl.Decision{Subject: s}).Sets) > 0 {
			some = append(some, s)
		}
	}
	return some
}

// Opens lists the dangers that a policy would have beside its own with the settings, as
// [Narrowest], [AllowFor] and [Shortest] return them. Those of Podman alone are left out unless the
// policy's settings mean Podman.
func Opens(p *acl.Policy, r redact.Redaction, settings []string) (more []Danger) {
	rules := p.Rules()
	var on []string
	for _, setting := range settings {
		name, value, _ := strings.Cut(strings.TrimPrefix(setting, rules.Prefix), "=")
		switch {
		case name == "ALLOW":
			rules.Allow = strings.Split(value, ",")
		case name == "PRESET":
			for name := range strings.SplitSeq(value, ",") {
				if p, err := preset.Find(name); err == nil {
					rules.Presets = append(slices.Clip(rules.Presets), p)
				}
			}
		case value == "1":
			on = append(on, name)
		}
	}
	had := allowedIDs(p, r)
	for _, d := range Dangers(acl.Compile(with(rules, on)), r) {
		told := slices.ContainsFunc(more, func(other Danger) bool { return other.Why == d.Why })
		if !d.in(had) && !told && (MeansPodman(rules) || !d.Podman) {
			more = append(more, d)
		}
	}
	return more
}
