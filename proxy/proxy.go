package proxy

import (
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy/client"
	"postern/proxy/engine"
	"postern/proxy/hijack"
	"postern/proxy/limits"
	"postern/proxy/logging"
)

// Proxy decides on requests and forwards those that are allowed. Make it with
// [New].
type Proxy struct {
	engine    engine.Engine
	watchdog  *engine.Watchdog
	clients   *client.Set
	log       zerolog.Logger
	observers []Observer
	forward   *httputil.ReverseProxy
	hijack    *hijack.Handler
	remedies  advise.Cache
	missing   missing

	connections  connections
	handshakes   *handshakes
	largeHeaders chan struct{} // has room for maxLargeHeaders
	open         atomic.Int64  // requests being served, hijacked connections included
}

// New returns a proxy in front of an engine. Observers are told of each request,
// in order. The log receives what belongs to no request.
func New(e engine.Engine, clients *client.Set, log zerolog.Logger, observers ...Observer) *Proxy {
	transport := e.Transport()
	errorLog := logging.Std(log)
	p := &Proxy{engine: e, watchdog: engine.NewWatchdog(e, log), clients: clients, log: log, observers: observers}
	p.handshakes = newHandshakes(log)
	p.connections.open = map[*clientConn]struct{}{}
	p.largeHeaders = make(chan struct{}, maxLargeHeaders)
	p.forward = &httputil.ReverseProxy{
		Rewrite:   rewrite,
		Transport: transport,
		// FlushInterval stays 0. With a negative one ReverseProxy starts a goroutine for
		// each response, which is a quarter of the cost of a short one. Pieces of
		// streams are sent at once nevertheless: ReverseProxy does that for every
		// response whose ContentLength is -1, see engine.Transport.
		BufferPool:   &bufferPool{sync.Pool{New: func() any { return new([copyBuffer]byte) }}},
		ErrorHandler: p.fail,
		ErrorLog:     errorLog,
	}
	p.hijack = &hijack.Handler{Dial: transport.Dial, Failure: p.failureResponse, ErrorLog: errorLog}
	return p
}

// ServeHTTP is the way of every request: identify the client, decide, look at the
// client's limits, then refuse, redirect, hijack or forward. Nothing else reaches
// the engine, but the lookups of package limits.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := p.record(w, r)
	defer rec.end()
	from := p.identify(r)
	decision, refusal := p.decide(from, r)
	passed := limits.Passed{Request: r}
	if decision.Outcome == acl.Allowed && (from.client.Limits != nil || len(decision.Names) > 0) {
		passed, decision, refusal = p.limit(from.client.Limits, decision, r)
		defer passed.End()
	}
	rec.event.Violations = passed.Violations
	rec.begin(from, decision, refusal)
	switch {
	case refusal != nil:
		rec.event.Err = refusal.err
		refuse(rec, refusal)
	case decision.Outcome == acl.Redirected:
		redirect(rec, r, decision.Redirect)
	case decision.Outcome != acl.Allowed:
		panic("unreachable: a decision without a refusal that allows nothing")
	case decision.Hijacks():
		rec.hijacked(p.hijack.ServeHTTP(w, passed.Request.WithContext(connOf(r).cutting)))
	default:
		// A connection that switches protocols is past every later decision.
		// Only operations that need it may ask the engine to.
		passed.Request.Header.Del("Upgrade")
		forward := p.forward
		if passed.Response != nil {
			limited := *p.forward
			limited.ModifyResponse = passed.Response
			forward = &limited
		}
		forward.ServeHTTP(rec, passed.Request)
	}
	rec.complete = true
}

// Check returns why the engine cannot be reached, or nil. It may be called at any
// rate: it connects at most once a second.
func (p *Proxy) Check() error { return p.watchdog.Check() }

// rewrite leaves the request as it is: the transport sends its target as it came
// in. A clone's trailers would stay empty, since net/http fills in the
// original's when the body has been read.
func rewrite(r *httputil.ProxyRequest) { r.Out.Trailer = r.In.Trailer }

// copyBuffer is the size of the buffers with which ReverseProxy copies the
// bodies of responses, in bytes.
const copyBuffer = 32 << 10

// bufferPool is a [httputil.BufferPool] of arrays: a slice in a sync.Pool would
// be allocated anew by each Put.
type bufferPool struct{ sync.Pool }

func (p *bufferPool) Get() []byte       { return p.Pool.Get().(*[copyBuffer]byte)[:] }
func (p *bufferPool) Put(buffer []byte) { p.Pool.Put((*[copyBuffer]byte)(buffer)) }
