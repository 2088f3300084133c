// Package proxy serves the Docker API to clients and forwards what a client's
// [acl.Policy] allows to the engine. It moves bytes: which request may pass is
// decided in package acl, once per request, and this package never looks at a
// path to decide.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy/client"
	"postern/proxy/downstream"
	"postern/proxy/upstream"
)

// Proxy judges requests and forwards what is allowed. Make it with [New].
type Proxy struct {
	engine    Engine
	watch     *watch
	clients   *client.Set
	log       zerolog.Logger
	observers []Observer
	forward   *httputil.ReverseProxy
	hijack    *httputil.ReverseProxy // forwards operations that may leave HTTP
	rest      rest
	remedies  advise.Cache
}

// New returns a proxy in front of an engine. The log gets what is no request's;
// observers are told of each, in order.
func New(engine Engine, set *client.Set, log zerolog.Logger, observers ...Observer) *Proxy {
	p := &Proxy{engine: engine, watch: newWatch(engine, log), clients: set, log: log, observers: observers}
	transport := engine.Transport()
	p.forward = p.reverse(transport)
	p.hijack = p.reverse(transport.Hijacker())
	return p
}

// Check reports why the engine cannot be reached, or nil. It may be asked at
// any time and as often as anybody likes.
func (p *Proxy) Check() error { return p.watch.check() }

func (p *Proxy) reverse(transport http.RoundTripper) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      transport,
		BufferPool:     noBuffer{},
		ModifyResponse: meet,
		ErrorHandler:   p.fail,
		ErrorLog:       errorLog(p.log),
	}
}

// rewrite leaves a request as it is: the transport sends the target as it came
// in. Trailers are in the original's map when its body has been read, and the
// body goes on when ReverseProxy is done, which is when the answer begins.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.Trailer = r.In.Trailer
	if r.Out.Body != nil {
		r.Out.Body = r.In.Body
	}
}

// meet gives an answer to the exchange that it is for, which copies the body
// itself when ReverseProxy has written the head: ReverseProxy would hold a deep
// stack and a buffer for as long as /events is silent. The headers become the
// client's as they are: copying them costs as much as parsing them.
func meet(res *http.Response) error {
	from, ok := res.Request.Context().Value(peerKey{}).(*peer)
	if !ok {
		return nil
	}
	x := from.exchange
	if x.answer, _ = res.Body.(*upstream.Answer); x.answer != nil {
		x.from, res.Body = res, http.NoBody
		res.ContentLength = 0 // or a timer would flush
	}
	x.SetHeader(res.Header)
	res.Header = nil
	return nil
}

// noBuffer is for the copy of no body; without a pool it would take 32 KiB.
type noBuffer struct{}

var nothing [1]byte

func (noBuffer) Get() []byte { return nothing[:] }
func (noBuffer) Put([]byte)  {}

// ServeHTTP answers a request of a connection that withPeer knows.
func (p *Proxy) ServeHTTP(w *downstream.Response, r *http.Request) {
	p.rest.add(1)
	x := &exchange{Response: w, ctx: r.Context()}
	if from, ok := r.Context().Value(peerKey{}).(*peer); ok {
		from.exchange = x
	}
	defer func() {
		if x.takeover == nil {
			p.over(x)
		}
	}()
	p.serve(x, r)
	if x.takeover != nil {
		p.tunnel(x)
		return
	}
	if x.whole = x.answer == nil || x.copyAnswer(); !x.whole {
		x.Break()
	}
}

// over ends a request, also one that has panicked.
func (p *Proxy) over(x *exchange) {
	defer p.rest.add(-1)
	if x.answer != nil {
		x.answer.Close()
	}
	if x.begun {
		p.end(x)
	}
	if x.whole {
		x.drainBody()
	}
}

// serve is a request's way: identify the client, classify, decide, then forward
// or refuse.
func (p *Proxy) serve(x *exchange, r *http.Request) {
	e := &x.event
	e.Start = time.Now()
	from := p.identify(r)
	e.Client = from.Client
	e.Decision = from.Policy.Decide(r.Method, r.URL)
	status, excess := oversize(r)
	switch {
	case from.refused != "":
		e.Decision, status = e.Decision.Refuse("ALLOW_FROM", from.refused), 0
	case status != 0:
		e.Decision = e.Decision.Refuse("64 KiB", "the URL or the headers are longer than 64 KiB")
	}
	if !from.silent {
		p.begin(x, r)
		x.begun = true
	}
	switch {
	case status != 0:
		writeMessage(x, status, excess)
	case e.Decision.Outcome == acl.Redirected:
		redirect(x, r, e.Decision.Redirect)
	case e.Decision.Outcome != acl.Allowed:
		refuse(x, e.Decision, p.remedies.RemedyFor(from.Policy, e.Decision), from.stranger)
	case e.Decision.Hijacks():
		p.hijack.ServeHTTP(x, r)
	default:
		// A connection that switches protocols is past every later decision,
		// so only operations that need it may ask.
		r.Header.Del("Upgrade")
		p.forward.ServeHTTP(x, r)
	}
}

// maxHead is the most that a URL, and all headers together, may have: several
// times what any client sends, registry credentials of 50 hosts included.
const maxHead = 64 << 10

// maxMethod is longer than any HTTP method; a longer one would only be copied
// into the log.
const maxMethod = 32

// oversize returns the status for a request that is too large, or 0.
func oversize(r *http.Request) (status int, reason string) {
	switch {
	case len(r.RequestURI) > maxHead:
		return http.StatusRequestURITooLong, "the URL is longer than 64 KiB"
	case headerSize(r.Header) > maxHead:
		return http.StatusRequestHeaderFieldsTooLarge, "the headers are longer than 64 KiB"
	}
	return 0, ""
}

func headerSize(h http.Header) int {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	return size
}

// redirect answers like the engine's router: 301 to the clean path, so that
// the client's next request is judged by the path that the engine will use.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	clean := *r.URL
	clean.Path = path
	w.Header().Set("Location", clean.String())
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMovedPermanently)
}

// OutsideAPI says why nothing allows a path outside every section.
const OutsideAPI = "this path is in no section of the Docker API"

// refuse is the one place that answers a request which the policy denies. Who
// is no declared client, though there are some, may have meant to be one.
func refuse(w http.ResponseWriter, d acl.Decision, remedy advise.Remedy, stranger netip.Addr) {
	subject := d.Method + " " + Printable(d.Path)
	if id := d.OperationID(); id != "" {
		subject += " (" + id + ")"
	}
	reason := remedy.String()
	if reason == "" {
		reason = OutsideAPI
	} else if stranger.IsValid() {
		reason += "; " + stranger.String() + " is none of the declared clients"
	}
	writeMessage(w, http.StatusForbidden, fmt.Sprintf("%s is not allowed: %s", subject, reason))
}

// fail answers a request that the engine did not, or hands a connection that
// has left HTTP to the tunnel.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	x, _ := w.(*exchange)
	if errors.As(err, &x.takeover) {
		return
	}
	x.err = err
	p.watch.note(err)
	switch {
	case errors.Is(context.Cause(r.Context()), errStopping):
		writeMessage(w, http.StatusServiceUnavailable, errStopping.Error())
	case errors.Is(err, context.Canceled):
		// The client has gone; the status is for the log.
		w.WriteHeader(statusClientGone)
	case errors.Is(err, upstream.ErrTarget):
		writeMessage(w, http.StatusBadRequest, err.Error())
	case isDown(err):
		writeMessage(w, http.StatusServiceUnavailable, p.engine.explain(err))
	default:
		writeMessage(w, http.StatusBadGateway, p.engine.explain(err))
	}
}

// statusClientGone is nginx's status for a client that closed the connection
// before it was answered.
const statusClientGone = 499

// Printable makes a path fit for a terminal, where a client may print it, and
// short enough to read.
func Printable(path string) string {
	const most = 200
	if len(path) > most {
		path = path[:most] + "..."
	}
	return ascii(path)
}

// ascii escapes what is not printable ASCII: control characters, C1 ones among
// them, and those that turn the direction of text could forge a line.
func ascii(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	quoted := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
