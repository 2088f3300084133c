package acl

import "strings"

// Verdict says what a policy makes of a request. Its zero value denies.
type Verdict struct {
	Allowed bool
	// Rule is the setting that decided, such as "CONTAINERS=1", "POST=0" or
	// "DENY=*Prune", or NoSection.
	Rule string
	// Remedies are the ways to allow what was denied, or would be but for
	// Learning, each a list of settings that do it together; the last is the
	// narrow one, ALLOW. A path in no section has none, and neither has one that
	// DENY forbids.
	Remedies [][]string
	// Advice puts them into words: "set CONTAINERS=1, or ALLOW=ContainerList".
	Advice string
}

// NoSection is the rule that denies a path outside every section.
const NoSection = "no section"

// Learning is the rule that allows what the settings deny while they are being
// learned. DENY and paths in no section stay denied.
const Learning = "LEARN=1"

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
	if r.operation > 0 {
		v := p.Operation(r.operation - 1)
		if v.Allowed && r.configures {
			// ALLOW_START does not stand for what such a start can do.
			if s := p.section(r); !s.Allowed || s.Rule == Learning {
				return s
			}
		}
		return v
	}
	return p.section(r)
}

// section returns the verdict on the paths of a section that are no operation.
func (p *Policy) section(r Request) *Verdict {
	i := r.section - 1
	switch {
	case i < 0 || i >= len(p.sections):
		return denied
	case r.Writes():
		return &p.sections[i][1]
	}
	return &p.sections[i][0]
}

// Operation returns the verdict on Operations[i].
func (p *Policy) Operation(i int) *Verdict {
	if p == nil || i < 0 || i >= len(p.operations) {
		return denied
	}
	return &p.operations[i]
}

// Judge classifies a request and decides it. escaped is the path as the client
// wrote it, decoded as net/http decoded it. Docker's router looks at the
// decoded path and Podman's at the escaped one, so where the two differ both
// readings have to be allowed: else POST /libpod/manifests/x%2Fadd would be
// judged as ManifestAddLibpod and run as ManifestCreateLibpod.
func (p *Policy) Judge(method, decoded, escaped string) (Request, *Verdict) {
	request := Classify(method, decoded)
	verdict := p.Decide(request)
	if escaped == decoded || !verdict.Allowed {
		return request, verdict
	}
	// Outside every section Podman has no route either.
	other := Classify(method, escaped)
	if other.Section == nil {
		return request, verdict
	}
	if v := p.Decide(other); !v.Allowed {
		return other, v
	}
	if other.use() != request.use() {
		request.also = other.use()
	}
	return request, verdict
}

// Compile makes the policy that the rules describe.
func Compile(rules Rules) *Policy {
	p := &Policy{
		operations: make([]Verdict, len(Operations)),
		sections:   make([][2]Verdict, len(Sections)),
	}
	for i := range Operations {
		p.operations[i] = judge(rules, subjects[i])
	}
	for i, s := range Sections {
		p.sections[i] = [2]Verdict{
			judge(rules, subject{Operation: noOperation, section: s.Var}),
			judge(rules, subject{Operation: noOperation, section: s.Var, writes: true}),
		}
	}
	warnOfWidth(rules, p.operations)
	return p
}

// subject is what is judged: an operation, or with noOperation the paths of a
// section that match none.
type subject struct {
	*Operation
	section string
	writes  bool
}

// noOperation has no id, no grants and no refusals.
var noOperation = &Operation{}

// subjects holds the subjects of Operations.
var subjects = func() []subject {
	all := make([]subject, len(Operations))
	for i := range Operations {
		op := &Operations[i]
		all[i] = subject{Operation: op, section: op.Section().Var, writes: op.NeedsPOST()}
	}
	return all
}()

// decide is the order of evaluation; the package comment says it in words. The
// rule is without the prefix of its variable.
func decide(r Rules, s subject) (allowed bool, rule string) {
	if pattern, denied := matching(r.Deny, s.ID); denied {
		return false, "DENY=" + pattern
	}
	if pattern, allowed := matching(r.Allow, s.ID); allowed {
		return true, "ALLOW=" + pattern
	}
	if name, allowed := r.preset(s.ID); allowed {
		return true, "PRESET=" + name
	}
	t := r.Toggles
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

func judge(r Rules, s subject) Verdict {
	allowed, rule := decide(r, s)
	v := Verdict{Allowed: allowed, Rule: r.Prefix + rule}
	if allowed {
		return v
	}
	if _, forbidden := matching(r.Deny, s.ID); forbidden {
		v.Advice = v.Rule + " forbids it"
		return v
	}
	v.Remedies = remedies(r, s)
	v.Advice = "set " + strings.Join(ways(v.Remedies), ", or ")
	if r.Learn {
		v.Allowed, v.Rule = true, Learning
	}
	return v
}
