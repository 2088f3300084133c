// Package monitor shows what the proxy does, on a listener of its own: metrics
// for Prometheus, two answers for a supervisor, and a page for people.
//
// Nothing here sends a request to the engine or changes a setting, and nothing
// that a client of the proxy sends can reach it. What it shows is not secret
// from whoever reaches the listener: who may do what, which paths were asked
// for, and how often.
package monitor

import (
	"bytes"
	"context"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
)

// Monitor observes a proxy and serves what it has seen. Make it with [New].
type Monitor struct {
	// Engine reports why the engine cannot be reached. It must be set before
	// Start.
	Engine func() error

	version  string
	started  time.Time
	metrics  *metrics
	refusals refusals
	streams  streams
	policies []byte // the part of the page that never changes
	stopping atomic.Bool
	conns    atomic.Int64
}

// New returns a monitor for a proxy that has these clients; the first is
// everybody who is none of the others.
func New(version string, all []*client.Client) *Monitor {
	m := &Monitor{
		version:  version,
		started:  time.Now(),
		policies: renderPolicies(all),
		streams:  streams{open: map[*proxy.Event]struct{}{}},
	}
	m.metrics = newMetrics(m, all)
	return m
}

// Begin and End make the Monitor a [proxy.Observer].
func (m *Monitor) Begin(e *proxy.Event) {
	if e.Streams() {
		m.metrics.of(e.Client).streams.Add(1)
		m.streams.add(e)
	}
}

func (m *Monitor) End(e *proxy.Event) {
	if e.Streams() {
		m.metrics.of(e.Client).streams.Add(-1)
		m.streams.remove(e)
	}
	if e.Decision.Outcome == acl.Refused {
		m.refusals.add(e)
	}
	m.metrics.count(e)
}

// maxConns is the most connections at a time: somebody who opens any number of
// them must not use up the descriptors that the proxy needs.
const maxConns = 64

// Start answers on the listeners until stop is called, which closes them. A
// listener that fails takes nothing else with it. When ctx is done, the proxy
// is stopping, and /readyz says so.
func (m *Monitor) Start(ctx context.Context, listeners []net.Listener, log zerolog.Logger) (stop func()) {
	server := &http.Server{
		Handler:   m,
		ConnState: m.limit,
		// Every answer is short and every request is without a body.
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  5 * time.Second,
		WriteTimeout:                 10 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               8 << 10,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     stdlog.New(io.Discard, "", 0),
	}
	context.AfterFunc(ctx, func() { m.stopping.Store(true) })
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

func (m *Monitor) limit(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if m.conns.Add(1) > maxConns {
			c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		m.conns.Add(-1)
	}
}

func (m *Monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, plain, []byte("only GET and HEAD\n"))
		return
	}
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Security-Policy", contentSecurity)
		answer(w, http.StatusOK, "text/html; charset=utf-8", m.page())
	case "/metrics":
		var b bytes.Buffer
		m.metrics.write(&b)
		answer(w, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", b.Bytes())
	case "/healthz":
		answer(w, http.StatusOK, plain, []byte("ok\n"))
	case "/readyz":
		status, text := m.ready()
		answer(w, status, plain, []byte(text+"\n"))
	default:
		answer(w, http.StatusNotFound, plain, []byte("want /, /metrics, /healthz or /readyz\n"))
	}
}

// ready says whether requests can be answered now.
func (m *Monitor) ready() (status int, text string) {
	if m.stopping.Load() {
		return http.StatusServiceUnavailable, "stopping"
	}
	if err := m.Engine(); err != nil {
		return http.StatusServiceUnavailable, err.Error()
	}
	return http.StatusOK, "ready"
}

const plain = "text/plain; charset=utf-8"

func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
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
