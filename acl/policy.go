package acl

import (
	"net/url"
	"slices"
	"strings"
)

// Outcome says whether a policy allows a request. The zero value refuses.
type Outcome int

const (
	Refused Outcome = iota
	Allowed
	Redirected
)

// String is the outcome's name in the log and in metrics.
func (o Outcome) String() string { return [...]string{"refused", "allowed", "redirected"}[o] }

// Decision is the decision on one request. Its zero value refuses.
type Decision struct {
	Outcome Outcome
	// Rule is the setting that decided, such as "CONTAINERS=1", "POST=0" or
	// "DENY=*Prune", or [NoSection] or [Learning].
	Rule string
	// Reason says in words why the proxy refused the request, whatever the policy
	// says, see [Decision.Refuse]. It is "" if the policy decided.
	Reason string
	// Method is the request's, as sent.
	Method string
	// Path is decoded and has no version prefix. If the escaped reading of the
	// path decided, Path is that reading. Of a redirected request it is the whole
	// path.
	Path string
	// Version is the prefix that was cut from Path, such as "/v1.41", or "".
	Version string
	// Redirect is the clean path when Outcome is Redirected, else "". The engine
	// would answer such a request with a redirect; it must never be forwarded.
	Redirect string
	// Names are patterns, one of which the name of the object must match that the
	// operation is about. The rule allows the operation on no other. It is empty if
	// the rule allows it on all.
	Names []string
	// Subject is what was decided on. It is zero when Outcome is Redirected.
	Subject
	// also is the subject of the path's other reading, if that differs.
	also Subject
}

// NoSection is the rule that refuses a path outside every section.
const NoSection = "no section"

// Learning is the rule that allows a request only because LEARN=1: the other
// settings refuse it. LEARN allows neither what DENY names nor a path in no
// section.
const Learning = "LEARN=1"

// Hijacks reports whether the connection may leave HTTP.
func (d Decision) Hijacks() bool { return d.Operation != nil && d.Operation.Hijacks }

// Streams reports whether the response may go on for as long as it is read.
func (d Decision) Streams() bool { return d.Operation != nil && d.Operation.Streams }

// Name is what the path names: the container's name or id in
// /containers/{name}/json. It is "" for a path that names nothing.
func (d Decision) Name() string {
	if d.Operation == nil {
		return ""
	}
	start, end := d.Operation.route.variable(d.Path)
	return d.Path[start:end]
}

// Target is the path of the same request about another name, decoded, with the
// version prefix. It must not be called for a path that names nothing.
func (d Decision) Target(name string) string {
	start, end := d.Operation.route.variable(d.Path)
	return d.Version + d.Path[:start] + name + d.Path[end:]
}

// Subjects lists the subjects that all have to be allowed: the one that was
// decided on, and that of the path's other reading, if it differs.
func (d Decision) Subjects() []Subject {
	if d.also == (Subject{}) {
		return []Subject{d.Subject}
	}
	return []Subject{d.Subject, d.also}
}

// Refuse returns the decision with a refusal in place of the policy's outcome.
// The proxy calls it for a request that it refuses whatever the policy says.
// reason says why, in words, and must not be "".
func (d Decision) Refuse(rule, reason string) Decision {
	d.Outcome, d.Rule, d.Reason, d.Redirect = Refused, rule, reason, ""
	return d
}

// Policy holds the decision for every subject. A nil or zero Policy allows
// nothing. It is immutable; make it with [Compile].
type Policy struct {
	rules   Rules
	rulings []ruling // by Subject.index
}

type ruling struct {
	allowed bool
	rule    string
	names   []string
}

// Compile makes the policy that the rules describe.
func Compile(rules Rules) *Policy {
	p := &Policy{rules: rules, rulings: make([]ruling, numSubjects)}
	for i := range Operations {
		s := Operations[i].Subject()
		p.compile(s)
		if s.OperationID() == configuringID {
			s.Configures = true
			p.compile(s)
		}
	}
	for i := range Sections {
		p.compile(Subject{Section: &Sections[i]})
		p.compile(Subject{Section: &Sections[i], Writes: true})
	}
	return p
}

func (p *Policy) compile(s Subject) {
	allowed, by := p.rules.Evaluate(s)
	r := ruling{allowed, p.rules.Prefix + by.String(), nil}
	if allowed && by.Name == "ALLOW" {
		r.names = names(by.Value)
	}
	if p.rules.Learn && by.Name != "DENY" && (!allowed || len(r.names) > 0) {
		r = ruling{true, Learning, nil}
	}
	p.rulings[s.index()] = r
}

// names are the patterns in items such as ContainerRestart:web.
func names(items string) (patterns []string) {
	for item := range strings.SplitSeq(items, ",") {
		if _, name, isNamed := strings.Cut(item, ":"); isNamed {
			patterns = append(patterns, name)
		}
	}
	return patterns
}

// HasNames reports whether the policy allows an operation on objects of some names
// only.
func (p *Policy) HasNames() bool {
	return p != nil && slices.ContainsFunc(p.rulings, func(r ruling) bool { return len(r.names) > 0 })
}

// Names lists the patterns of the names that the rules are about.
func (r Rules) Names() []string { return names(strings.Join(r.Allow, ",")) }

// Rules returns the rules that the policy was compiled from.
func (p *Policy) Rules() Rules {
	if p == nil {
		return Rules{}
	}
	return p.rules
}

// Decide decides on a request by its method and its URL, as net/http parsed them.
// It looks at nothing else. It allocates nothing when the path is clean and
// written without escapes.
//
// Docker's router looks at the path as it is decoded, Podman's at the path as it
// is escaped. Where the two differ both readings have to be allowed: else
// POST /libpod/manifests/x%2Fadd would be decided as ManifestAddLibpod and
// Podman would run ManifestCreateLibpod.
func (p *Policy) Decide(method string, u *url.URL) Decision {
	if !isClean(u.Path) {
		return Decision{Outcome: Redirected, Rule: NoSection, Method: method, Path: u.Path, Redirect: clean(u.Path)}
	}
	d := p.decide(method, u.Path)
	escaped := u.EscapedPath()
	if escaped == u.Path || d.Outcome == Refused {
		return d
	}
	other := p.decide(method, escaped)
	switch {
	case other.Section == nil, other.Subject == d.Subject:
		return d // outside every section Podman has no route
	case other.Outcome == Refused:
		return other
	case other.Rule == Learning:
		d, other = other, d
	}
	d.also = other.Subject
	return d
}

// decide decides on one reading of a clean path.
func (p *Policy) decide(method, path string) Decision {
	s, rest := classify(method, path)
	d := p.ruling(s)
	d.Method, d.Path, d.Version = method, rest, strings.TrimSuffix(path, rest)
	return d
}

// Operation returns the decision on every request that runs Operations[i]. It
// has no path.
func (p *Policy) Operation(i int) Decision {
	d := p.ruling(Operations[i].Subject())
	d.Method = Operations[i].Method
	return d
}

func (p *Policy) ruling(s Subject) Decision {
	d := Decision{Rule: NoSection, Subject: s}
	if i := s.index(); p != nil && i < len(p.rulings) {
		d.Rule, d.Names = p.rulings[i].rule, p.rulings[i].names
		if p.rulings[i].allowed {
			d.Outcome = Allowed
		}
	}
	return d
}
