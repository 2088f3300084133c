package proxy

import (
	"net/http"
	"time"

	"postern/acl"
	"postern/proxy/client"
)

// Event is one request: what it asks, what is made of it and what comes of it.
// Everything in it but what [acl] decided comes from the client; nothing in it
// has been made fit for a terminal or a page.
type Event struct {
	Start time.Time
	// Client is who sent it. It is never nil.
	Client *client.Client
	// Address is the peer's, and "@" on a unix socket.
	Address string
	// Method has at most maxMethod bytes, Path and Query together 64 KiB.
	// Path is decoded, with the version in front.
	Method, Path, Query string
	Decision            acl.Decision

	// The rest is known when the request is over.

	Ending Ending
	// Status is 0 when the client got no answer.
	Status int
	// Bytes is the length of the answer's body or of the engine's half of a
	// taken-over connection, Received that of the request's or the client's.
	Bytes, Received int64
	Duration        time.Duration
	// Err is why the engine did not answer, or nil.
	Err error
}

// Ending is how a request came to its end.
type Ending int

const (
	// Whole is an answer that came to its end.
	Whole Ending = iota
	// Failed is an answer that postern gave in the engine's stead.
	Failed
	// CutByClient and CutByEngine are answers, or waits for one, that one of
	// the two broke off.
	CutByClient
	CutByEngine
)

// Streams reports whether the request is forwarded and may stay open for as
// long as both sides like.
func (e *Event) Streams() bool { return e.Decision.Outcome == acl.Allowed && e.Decision.Streams() }

// Observer is told of every request but the health check's. Both methods are
// called in the request's own goroutine, which waits for them. An Event is the
// observer's from Begin until End returns; of what is in it by Begin nothing
// changes.
type Observer interface {
	Begin(*Event)
	End(*Event)
}

// begin tells of a request that has been decided.
func (p *Proxy) begin(x *exchange, r *http.Request) {
	e := &x.event
	// Whoever connects to a unix socket names its own end of it, 10.0.0.5:80 if
	// it likes.
	e.Address = "@"
	if from, ok := r.Context().Value(peerKey{}).(*peer); ok && from.Addr.IsValid() {
		e.Address = r.RemoteAddr
	}
	e.Method = r.Method[:min(len(r.Method), maxMethod)]
	e.Path, e.Query = r.URL.Path, r.URL.RawQuery
	for _, o := range p.observers {
		o.Begin(e)
	}
}

// end tells what came of it.
func (p *Proxy) end(x *exchange) {
	e := &x.event
	e.Ending = x.ending()
	e.Status, e.Bytes, e.Received, e.Err = x.status, x.bytes, x.Body.Received()+x.input, x.err
	e.Duration = time.Since(e.Start)
	for _, o := range p.observers {
		o.End(e)
	}
}

func (x *exchange) ending() Ending {
	gone := x.ctx.Err() != nil && x.takeover == nil
	// A client cannot have seen the end of an answer without a length yet: it
	// is written when the handler is over.
	whole := x.whole && (!gone || x.Header().Get("Content-Length") != "")
	switch {
	case x.event.Decision.Outcome != acl.Allowed:
		return Whole
	case gone && !whole:
		return CutByClient
	case !gone && !whole:
		return CutByEngine
	case !gone && x.err != nil:
		return Failed
	}
	return Whole
}
