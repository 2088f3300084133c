// Package limits holds a client to its limits: which objects it may see (SCOPE),
// what its requests may contain (GUARD) and what responses show to it (REDACT).
// The policy has allowed the operation before. Packages acl/scope, acl/guard and
// acl/redact say what is within the limits; this package reads bodies, asks the
// engine about the objects that a request names, and forwards the very ids that
// it decided on.
//
// The files, in reading order: limits.go, check.go (one request), lookup.go (asking
// the engine), resolve.go and alias.go (from a name to an id), absent.go (the answer for
// what is out of scope), query.go, list.go, prune.go, events.go and usage.go (what names
// no object), keep.go, uses.go, stream.go and fields.go (what is left of a response), and
// for what makes objects create.go, volumes.go and networks.go. top.go and further.go are
// about parameters that reach further. The guard is in guard.go, guardlookup.go, image.go
// and tagging.go, and self.go finds out what belongs to postern.
package limits

import (
	"net/http"
	"slices"

	"postern/acl"
	"postern/acl/guard"
	"postern/acl/redact"
	"postern/acl/scope"
)

// Limits are one client's. A nil Limits limits nothing. Make it with [New].
type Limits struct {
	Options
	decisive []string // the scope's keys
}

// keys are the keys of the labels that decide what is in the scope.
func (l *Limits) keys() []string { return l.decisive }

// Options say what limits a client.
type Options struct {
	// Redact is what responses do not show to the client.
	Redact Redaction
	// Engine is asked about objects. All clients share it.
	Engine *Engine
	// Prefix stands before the names of the client's settings, such as "CLIENT_CI_".
	Prefix string
	// Client is the value of the stamp: the client's name, or [scope.Everybody].
	Client string
	// Scope is what the client may see. Nil is everything. ScopeRule is the setting
	// that says so, such as "CLIENT_CI_SCOPE=mine".
	Scope     *scope.Scope
	ScopeRule string
	// Stamps is whether what the client makes gets the stamp. It must be set for all
	// clients once one client's scope has what that client made.
	Stamps bool
	// Shared reports whether the client may see and use a network or a volume that
	// others made, and may not remove it. Nil shares none.
	Shared func(k scope.Kind, name string) bool
	// Guard judges what requests ask for. Nil judges nothing. GuardRule is the setting
	// that says so, such as "GUARD=1".
	Guard     *guard.Guard
	GuardRule string
	// Observes lets pass what the guard would refuse, and notes it in
	// [Passed.Violations]. What would touch postern itself is refused all the same.
	Observes bool
	// Reserved reports whether a new container may not have a name, because another
	// client's settings are about containers of this name. Nil reserves none.
	Reserved func(name string) bool
	// Given are the names, and patterns of names, of objects on which the client's policy
	// allows an operation.
	Given []string
}

// New returns the limits of a client, or nil if nothing limits it. names is whether
// its policy allows an operation on objects of some names only.
func New(o Options, names bool) *Limits {
	if o.Scope == nil && !o.Stamps && o.Guard == nil && !names && o.Redact.Kinds == 0 {
		return nil
	}
	return &Limits{Options: o, decisive: slices.Clip(o.Scope.Keys())}
}

// Redaction returns what responses do not show to the client.
func (l *Limits) Redaction() redact.Redaction {
	if l == nil {
		return redact.Redaction{}
	}
	return l.Redact.Redaction
}

// Guards reports whether a guard holds for the client.
func (l *Limits) Guards() bool { return l != nil && l.Guard != nil }

// Passed is a request that is within the limits. End must be called when the
// response has ended.
type Passed struct {
	// Request is to be forwarded in place of the client's.
	Request *http.Request
	// Response changes the engine's response, as [net/http/httputil.ReverseProxy]'s
	// ModifyResponse does. It is nil for a response that passes unchanged.
	Response func(*http.Response) error
	// Violations are what the guard would have refused, see [Options.Observes].
	Violations []guard.Violation
	end        []func()
}

// Then has f change the response after what changes it already.
func (p *Passed) Then(f func(*http.Response) error) {
	first := p.Response
	if first == nil {
		p.Response = f
		return
	}
	p.Response = func(r *http.Response) error {
		if err := first(r); err != nil {
			return err
		}
		return f(r)
	}
}

// End gives back what the request holds.
func (p Passed) End() {
	for _, end := range p.end {
		end()
	}
}

// Refusal is the response to a request that is outside the limits.
type Refusal struct {
	Status int
	// Rule is the setting that decided, with the client's prefix, such as
	// "CLIENT_CI_SCOPE=mine". It is "" for a request about an object that does not
	// exist: nothing refuses it, and Response is the engine's.
	Rule string
	// Reason says in words what is outside the limits. It follows "... is not
	// allowed: ". Remedy says which settings would allow it, or is "".
	Reason, Remedy string
	// Message is the whole message, in place of one that begins with the request.
	// It is "" for all refusals but the guard's.
	Message string
	// Violations are what the guard refuses in it.
	Violations []guard.Violation
	// Response is sent in place of a message of postern's own, if it is not nil:
	// what the engine says of an object that does not exist.
	Response *http.Response
	// Err is why the engine could not be asked, or nil.
	Err error
}

// Check looks at a request that the policy allows. It returns either what is to be
// forwarded, or the refusal.
func (l *Limits) Check(d acl.Decision, r *http.Request) (Passed, *Refusal) {
	redacted := Passed{Request: r}
	if refusal := l.Redact.check(d, &redacted); refusal != nil {
		return Passed{}, refusal
	}
	c := newCheck(l, d, redacted.Request)
	if refusal := c.run(); refusal != nil {
		c.passed.End()
		return Passed{}, refusal
	}
	if redacted.Response != nil {
		c.passed.Then(redacted.Response)
	}
	return c.passed, nil
}
