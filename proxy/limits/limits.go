// Package limits holds a client to its limits: which objects it may see (SCOPE),
// what its requests may contain (GUARD) and what responses show to it (REDACT).
// The policy has allowed the operation before. Packages acl/scope, acl/guard and
// acl/redact say what is within the limits; this package reads bodies, asks the
// engine about the objects that a request names, and forwards the very ids that
// it decided on.
package limits

import (
	"net/http"

	"postern/acl"
	"postern/acl/redact"
)

// Limits are one client's. A nil Limits limits nothing. Make it with [New].
type Limits struct {
	Options
}

// Options say what limits a client.
type Options struct {
	// Redact is what responses do not show to the client.
	Redact Redaction
}

// New returns the limits of a client, or nil if nothing limits it.
func New(o Options) *Limits {
	if o.Redact.Kinds == 0 {
		return nil
	}
	return &Limits{o}
}

// Redaction returns what responses do not show to the client.
func (l *Limits) Redaction() redact.Redaction {
	if l == nil {
		return redact.Redaction{}
	}
	return l.Redact.Redaction
}

// Passed is a request that is within the limits. End must be called when the
// response has ended.
type Passed struct {
	// Request is to be forwarded in place of the client's.
	Request *http.Request
	// Response changes the engine's response, as [net/http/httputil.ReverseProxy]'s
	// ModifyResponse does. It is nil for a response that passes unchanged.
	Response func(*http.Response) error
	end      []func()
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
	// "CLIENT_CI_SCOPE=mine".
	Rule string
	// Reason says in words what is outside the limits. It follows "... is not
	// allowed: ". Remedy says which settings would allow it, or is "".
	Reason, Remedy string
	// Response is sent in place of a message of postern's own, if it is not nil:
	// what the engine says of an object that does not exist.
	Response *http.Response
}

// Check looks at a request that the policy allows. It returns either what is to be
// forwarded, or the refusal.
func (l *Limits) Check(d acl.Decision, r *http.Request) (Passed, *Refusal) {
	passed := Passed{Request: r}
	if refusal := l.Redact.check(d, &passed); refusal != nil {
		return Passed{}, refusal
	}
	return passed, nil
}
