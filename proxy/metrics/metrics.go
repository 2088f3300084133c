// Package metrics shows what the proxy does on a listener of its own: metrics for
// Prometheus, /healthz and /readyz for a supervisor, and a status page.
//
// It never sends a request to the engine and never changes a setting. Requests to the
// proxy's listeners cannot reach it. A client that can connect to its own listener can
// read permissions, the paths of requests, and their number.
//
// The page is in page.go; refused.go has its refusals, clients.go its clients, snippet.go
// what to copy. recent.go and counters.go hold what it shows.
package metrics

import (
	"context"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
)

// Server observes a proxy and shows what it has observed. Make it with [New].
type Server struct {
	// Engine reports why the engine cannot be reached. It must be set before
	// Start.
	Engine func() error
	// CertificateExpires is when the certificate of the tls:// listeners expires, and
	// TurnedAway counts the clients that got no further than the handshake. Without
	// such a listener they are zero. They must be set before Start.
	CertificateExpires time.Time
	TurnedAway         func() proxy.TurnedAway
	// Notices are the first sections of the page. They must be set before Start.
	Notices []Notice

	version  string
	started  time.Time
	counters *counters
	refusals refusals
	streams  streams
	pages    pages
	stopping atomic.Bool

	mu    sync.Mutex
	conns []net.Conn // the oldest first
}

// New returns a server for a proxy with these clients. The first one stands for
// all that are not declared.
func New(version string, clients []*client.Client) *Server {
	return &Server{
		version:  version,
		started:  time.Now(),
		streams:  streams{open: map[*proxy.Event]struct{}{}},
		counters: newCounters(clients),
	}
}

// Begin and End make the Server a [proxy.Observer].
func (s *Server) Begin(e *proxy.Event) {
	if e.Streams() {
		s.counters.stream(e, 1)
		s.streams.add(e)
	}
}

func (s *Server) End(e *proxy.Event) {
	if e.Streams() {
		s.counters.stream(e, -1)
		s.streams.remove(e)
	}
	if e.Decision.Outcome == acl.Refused {
		s.refusals.add(e)
	}
	s.counters.count(e)
}

// maxConns limits the connections open at one time, so that a program that opens
// many here cannot use up the file descriptors that the proxy needs. A further one
// closes the oldest: a scrape takes milliseconds, so the oldest is idle.
const maxConns = 64

// Start serves the listeners until stop is called, which closes them. If serving
// one fails, the others and the proxy go on. When ctx is done the proxy is
// stopping, and /readyz reports that.
func (s *Server) Start(ctx context.Context, listeners []net.Listener, log zerolog.Logger) (stop func()) {
	server := &http.Server{
		Handler:   s,
		ConnState: s.limit,
		// Requests here have no body and responses are short, so a connection
		// that takes longer only holds one of maxConns.
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  5 * time.Second,
		WriteTimeout:                 10 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               8 << 10,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     stdlog.New(io.Discard, "", 0),
	}
	context.AfterFunc(ctx, func() { s.stopping.Store(true) })
	var serving sync.WaitGroup
	for _, l := range listeners {
		serving.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Error().Err(err).Str("listen", l.Addr().String()).Msg("metrics and status page are gone")
			}
		})
	}
	return func() {
		server.Close()
		serving.Wait()
	}
}

func (s *Server) limit(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		if s.conns = append(s.conns, c); len(s.conns) > maxConns {
			s.conns[0].Close()
			s.conns = s.conns[1:]
		}
	case http.StateClosed, http.StateHijacked:
		s.conns = slices.DeleteFunc(s.conns, func(open net.Conn) bool { return open == c })
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		respond(w, http.StatusMethodNotAllowed, plainText, []byte("only GET and HEAD\n"))
		return
	}
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Security-Policy", contentSecurity)
		respond(w, http.StatusOK, "text/html; charset=utf-8", s.page())
	case "/page.js":
		respond(w, http.StatusOK, "text/javascript; charset=utf-8", script)
	case "/metrics":
		respond(w, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", s.metrics())
	case "/healthz":
		respond(w, http.StatusOK, plainText, []byte("ok\n"))
	case "/readyz":
		status, text := s.ready()
		respond(w, status, plainText, []byte(text+"\n"))
	default:
		respond(w, http.StatusNotFound, plainText, []byte("want /, /metrics, /healthz or /readyz\n"))
	}
}

// ready returns 200 if the proxy can forward requests now, or 503 and the reason.
func (s *Server) ready() (status int, text string) {
	if s.stopping.Load() {
		return http.StatusServiceUnavailable, "stopping"
	}
	if err := s.Engine(); err != nil {
		return http.StatusServiceUnavailable, err.Error()
	}
	return http.StatusOK, "ready"
}

const plainText = "text/plain; charset=utf-8"

func respond(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(status)
	w.Write(body)
}
