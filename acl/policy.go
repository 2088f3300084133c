package acl

import (
	"maps"
	"slices"
	"strings"
)

// Verdict says what a policy makes of a request. Its zero value denies.
type Verdict struct {
	Allowed bool
	// Rule is the setting that decided, such as "CONTAINERS=1" or "POST=0", or
	// NoSection.
	Rule string
	// Remedies are the ways to allow what was denied, each a list of settings
	// that do it together; the narrowest comes first. A path in no section has
	// none.
	Remedies [][]string
}

// NoSection is the rule that denies a path outside every section.
const NoSection = "no section"

// denied is the verdict on everything that no policy has an entry for.
var denied = &Verdict{Rule: NoSection}

// Policy holds the verdict on every operation and every section. A nil or zero
// Policy denies everything. It is immutable after [Compile].
type Policy struct {
	operations []Verdict    // as in Operations
	sections   [][2]Verdict // as in Sections: paths without an operation, read and write
}

// Decide returns the verdict on a request. It does not allocate.
func (p *Policy) Decide(r Request) *Verdict {
	if p == nil || r.Redirect != "" {
		return denied
	}
	if i := r.operation - 1; 0 <= i && i < len(p.operations) {
		return &p.operations[i]
	}
	if i := r.section - 1; 0 <= i && i < len(p.sections) {
		if r.Writes() {
			return &p.sections[i][1]
		}
		return &p.sections[i][0]
	}
	return denied
}

// Compile makes the policy that the toggles describe.
func Compile(toggles Toggles) *Policy {
	p := &Policy{
		operations: make([]Verdict, len(Operations)),
		sections:   make([][2]Verdict, len(Sections)),
	}
	for i := range Operations {
		op := &Operations[i]
		s := router[firstSegment(op.Pattern)]
		p.operations[i] = judge(toggles, subject{
			Operation: *op,
			section:   Sections[s.index].Var,
			writes:    Request{Method: op.Method, Operation: op}.Writes(),
		})
	}
	for i, s := range Sections {
		p.sections[i] = [2]Verdict{
			judge(toggles, subject{section: s.Var}),
			judge(toggles, subject{section: s.Var, writes: true}),
		}
	}
	return p
}

// subject is what is judged: an operation, or with a zero Operation the paths
// of a section that match none.
type subject struct {
	Operation
	section string
	writes  bool
}

// decide is the order of evaluation; the package comment says it in words.
func decide(t Toggles, s subject) (allowed bool, rule string) {
	for _, grant := range s.GrantedBy {
		if t.on(grant) {
			return true, grant + "=1"
		}
	}
	switch {
	case !t.on(s.section):
		return false, s.section + "=0"
	case s.Also != "" && !t.on(s.Also):
		return false, s.Also + "=0"
	case s.RefusedBy != "" && t.refuses(s.RefusedBy):
		return false, s.RefusedBy + "=0"
	case s.writes && !t.on("POST"):
		return false, "POST=0"
	}
	return true, s.section + "=1"
}

func judge(t Toggles, s subject) Verdict {
	allowed, rule := decide(t, s)
	v := Verdict{Allowed: allowed, Rule: rule}
	if !allowed {
		v.Remedies = remedies(t, s)
	}
	return v
}

// remedies tries every combination of the toggles that bear on the subject and
// keeps the smallest ones that allow it. Asking decide itself means that the
// advice in a refusal cannot disagree with it.
func remedies(t Toggles, s subject) [][]string {
	candidates := slices.Clone(s.GrantedBy)
	for _, name := range []string{s.section, s.Also} {
		if name != "" && !t.on(name) {
			candidates = append(candidates, name)
		}
	}
	// POST=1 would also let files be read that ALLOW_ARCHIVE=1 lets be read,
	// but nobody should open every write in order to read.
	if s.writes && !t.on("POST") {
		candidates = append(candidates, "POST")
	}
	if s.RefusedBy != "" && t.refuses(s.RefusedBy) {
		candidates = append(candidates, s.RefusedBy)
	}
	var found [][]string
	for set := 1; set < 1<<len(candidates); set++ {
		changed := maps.Clone(t)
		if changed == nil {
			changed = Toggles{}
		}
		var settings []string
		for i, name := range candidates {
			if set&(1<<i) != 0 {
				changed[name] = true
				settings = append(settings, name+"=1")
			}
		}
		if allowed, _ := decide(changed, s); allowed {
			found = append(found, settings)
		}
	}
	slices.SortStableFunc(found, func(a, b []string) int { return len(a) - len(b) })
	return minimal(found)
}

// minimal drops every set that contains another; sets come smallest first.
func minimal(sets [][]string) [][]string {
	var kept [][]string
	for _, set := range sets {
		covers := func(smaller []string) bool {
			return !slices.ContainsFunc(smaller, func(s string) bool { return !slices.Contains(set, s) })
		}
		if !slices.ContainsFunc(kept, covers) {
			kept = append(kept, set)
		}
	}
	return kept
}

// Advice puts the remedies into words, "set CONTAINERS=1 and POST=1", or
// returns "" when there is none.
func (v *Verdict) Advice() string {
	if len(v.Remedies) == 0 {
		return ""
	}
	ways := make([]string, len(v.Remedies))
	for i, settings := range v.Remedies {
		ways[i] = strings.Join(settings, " and ")
	}
	return "set " + strings.Join(ways, ", or ")
}

// Open lists the sections that are on, in the order of Sections.
func (t Toggles) Open() []Section {
	return slices.DeleteFunc(slices.Clone(Sections), func(s Section) bool { return !t.on(s.Var) })
}
