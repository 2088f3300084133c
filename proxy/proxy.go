// Package proxy serves the Docker API to clients and forwards what an
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
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
)

// Proxy judges requests and forwards what is allowed. Make it with [New].
type Proxy struct {
	engine  Engine
	watch   *watch
	policy  *acl.Policy
	log     zerolog.Logger
	forward *httputil.ReverseProxy
	open    atomic.Int64 // requests being served, taken-over connections included
}

// New returns a proxy in front of an engine. A nil policy refuses everything.
func New(engine Engine, policy *acl.Policy, log zerolog.Logger) *Proxy {
	p := &Proxy{engine: engine, watch: newWatch(engine, log), policy: policy, log: log}
	p.forward = &httputil.ReverseProxy{
		Rewrite:      rewrite,
		Transport:    engine.Transport(),
		ErrorHandler: p.fail,
		ErrorLog:     errorLog(log),
	}
	return p
}

// rewrite aims a request at the engine. Path and query go out as they came in.
// ReverseProxy would drop query parameters that it cannot parse, as a guard
// for proxies that judge the query; this one does not, and without its filter
// a prune that the engine answers with 400 would become a prune of everything.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"
	r.Out.URL.Host = "docker"
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	if path, _, _ := strings.Cut(r.In.RequestURI, "?"); strings.HasPrefix(path, "/") {
		r.Out.URL.Opaque = path // else what net/url would escape goes out escaped
	}
}

// ServeHTTP is a request's way: classify, decide, then forward or refuse, and
// one log event.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.open.Add(1)
	defer p.open.Add(-1)

	policy, silent := p.policyFor(r)
	request, verdict := policy.Judge(r.Method, r.URL.Path, r.URL.EscapedPath())

	x := &exchange{ResponseWriter: w}
	if !silent {
		defer p.logRequest(time.Now(), x, r, request, verdict)
	}
	switch {
	case request.Redirect != "":
		redirect(x, r, request.Redirect)
	case !verdict.Allowed:
		refuse(x, request, verdict)
	default:
		if !request.Hijacks() {
			// A connection that switches protocols is past every later
			// decision, so only operations that need it may ask.
			r.Header.Del("Upgrade")
		}
		p.forward.ServeHTTP(x, r)
	}
	x.whole = true // ReverseProxy panics when it has to break an answer off
}

// redirect answers like the engine's router: 301 to the clean path, so that
// the client's next request is judged by the path that the engine will use.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	clean := *r.URL
	clean.Path = path
	w.Header().Set("Location", clean.String())
	w.WriteHeader(http.StatusMovedPermanently)
}

// refuse is the one place that answers a request which the policy denies.
func refuse(w http.ResponseWriter, r acl.Request, v *acl.Verdict) {
	subject := r.Method + " " + printable(r.Path)
	if id := r.ID(); id != "" {
		subject += " (" + id + ")"
	}
	reason := v.Advice
	if reason == "" {
		reason = "this path is in no section of the Docker API"
	}
	writeMessage(w, http.StatusForbidden, fmt.Sprintf("%s is not allowed: %s", subject, reason))
}

// fail answers a request that the engine did not.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	if x, ok := w.(*exchange); ok {
		x.err = err
	}
	p.watch.note(err)
	switch {
	case errors.Is(context.Cause(r.Context()), errStopping):
		writeMessage(w, http.StatusServiceUnavailable, errStopping.Error())
	case errors.Is(err, context.Canceled):
		// The client has gone; the status is for the log.
		w.WriteHeader(statusClientGone)
	case isDown(err):
		writeMessage(w, http.StatusServiceUnavailable, p.engine.explain(err))
	default:
		writeMessage(w, http.StatusBadGateway, p.engine.explain(err))
	}
}

// statusClientGone is nginx's status for a client that closed the connection
// before it was answered.
const statusClientGone = 499

// printable makes a path fit for a terminal, where a client may print it, and
// short enough to read.
func printable(path string) string {
	const most = 200
	if len(path) > most {
		path = path[:most] + "..."
	}
	quoted := fmt.Sprintf("%+q", path)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
