// Package engine is a stand-in for the Docker Engine: on a unix socket it has the
// responses of an engine with three made-up containers, good enough for the docker
// command, and records every request it receives.
//
// Known routes respond like the engine's (see routes.go). Any other request gets 200
// and {"stand-in":true}, so that a test can tell "forwarded" from "refused" for
// operations that the stand-in does not imitate.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// apiVersion is the newest version that the stand-in claims to speak.
const apiVersion = "1.51"

// Options are the knobs of a stand-in. The zero value is ready to use.
type Options struct {
	// Tick is the pause between two lines of what the stand-in produces by
	// itself: followed logs, stats and build output. If zero, 100 ms.
	Tick time.Duration
	// Handlers respond in place of the stand-in from the first request on, by
	// pattern; see [Engine.Handle] for adding more later.
	Handlers map[string]http.Handler
}

// Engine is a running stand-in. Its methods may be called from any goroutine.
type Engine struct {
	tick      time.Duration
	overrides *http.ServeMux
	routes    *http.ServeMux

	ctx      context.Context // done when the engine stops
	listener *net.UnixListener
	server   *http.Server
	served   chan struct{} // closed when server no longer accepts
	stop     func(unlink bool)

	mu          sync.Mutex
	changed     *sync.Cond // a request arrived, was read further or ended
	requests    []*Request
	conns       map[net.Conn]struct{}
	containers  []*container
	execs       map[string]*execution
	subscribers map[chan []byte]struct{}
}

// Start listens on socketPath with mode 0660, as the engine does, and serves
// until [Engine.Close] or [Engine.Crash]. To bring an engine back, start
// another one on the same path: a socket that a crash left behind is replaced,
// one that another process serves is an error.
func Start(socketPath string, opts Options) (*Engine, error) {
	l, err := listen(socketPath)
	if err != nil {
		return nil, fmt.Errorf("stand-in engine: %w", err)
	}
	e := &Engine{
		tick:        opts.Tick,
		overrides:   http.NewServeMux(),
		listener:    l,
		served:      make(chan struct{}),
		conns:       map[net.Conn]struct{}{},
		containers:  newContainers(),
		execs:       map[string]*execution{},
		subscribers: map[chan []byte]struct{}{},
	}
	for pattern, h := range opts.Handlers {
		e.Handle(pattern, h)
	}
	if e.tick == 0 {
		e.tick = 100 * time.Millisecond
	}
	e.changed = sync.NewCond(&e.mu)
	e.routes = e.newRoutes()

	ctx, cancel := context.WithCancel(context.Background())
	var once sync.Once
	e.ctx = ctx
	e.stop = func(unlink bool) { once.Do(func() { cancel(); e.shutDown(unlink) }) }
	e.server = &http.Server{
		Handler:     http.HandlerFunc(e.serve),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState:   e.track,
	}
	go func() {
		defer close(e.served)
		e.server.Serve(l)
	}()
	return e, nil
}

func listen(socketPath string) (*net.UnixListener, error) {
	c, err := net.Dial("unix", socketPath)
	if err == nil {
		c.Close()
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		os.Remove(socketPath)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketPath, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socketPath, 0o660); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close stops the engine like a package upgrade does: the socket is removed
// and every connection, hijacked ones included, is closed at once. What was
// recorded stays readable. Further calls do nothing.
func (e *Engine) Close() { e.stop(true) }

// Crash stops the engine like kill -9 does: as Close, but the socket stays
// behind and refuses connections.
func (e *Engine) Crash() { e.stop(false) }

func (e *Engine) shutDown(unlink bool) {
	e.listener.SetUnlinkOnClose(unlink)
	e.server.Close()
	<-e.served
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.conns {
		c.Close()
	}
}

// track keeps hijacked connections too, which http.Server forgets.
func (e *Engine) track(c net.Conn, state http.ConnState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch state {
	case http.StateNew:
		e.conns[c] = struct{}{}
	case http.StateClosed:
		delete(e.conns, c)
	}
}

// Handle responds to the requests that match pattern, in the syntax of
// [http.ServeMux] and without the API version in front, with h instead of the
// stand-in's own handler. It panics if the pattern conflicts with one handled before.
func (e *Engine) Handle(pattern string, h http.Handler) { e.overrides.Handle(pattern, h) }

func (e *Engine) serve(w http.ResponseWriter, r *http.Request) {
	rec := e.record(r)
	defer e.end(rec)
	if clean := cleanPath(r.URL.Path); clean != r.URL.Path {
		u := *r.URL
		u.Path, u.RawPath = clean, ""
		w.Header().Set("Location", u.String())
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	for name, value := range map[string]string{
		"Api-Version":         apiVersion,
		"Docker-Experimental": "false",
		"Ostype":              "linux",
		"Server":              "Docker/" + engineVersion + " (linux)",
	} {
		w.Header().Set(name, value)
	}
	r = unversioned(r)
	if _, pattern := e.overrides.Handler(r); pattern != "" {
		e.overrides.ServeHTTP(w, r)
		return
	}
	// ServeMux answers HEAD wherever it answers GET; the engine's router does
	// not, and a HEAD that follows the events would never end.
	if r.Method == http.MethodHead && r.URL.Path != "/_ping" {
		standIn(w, r)
		return
	}
	e.routes.ServeHTTP(w, r)
}

// cleanPath is the path that the engine's router (gorilla/mux) redirects p to,
// p itself if it is served as it is. A trailing slash survives.
func cleanPath(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

var versioned = regexp.MustCompile(`^(/v[0-9.]+)/`)

// unversioned returns r without the API version in front of its path.
func unversioned(r *http.Request) *http.Request {
	m := versioned.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return r
	}
	u := new(url.URL)
	*u = *r.URL
	u.Path = strings.TrimPrefix(u.Path, m[1])
	u.RawPath = strings.TrimPrefix(u.RawPath, m[1])
	r2 := new(http.Request)
	*r2 = *r
	r2.URL = u
	return r2
}

// standIn responds to requests that have no handler of their own.
func standIn(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	writeJSON(w, http.StatusOK, object{"stand-in": true})
}

// object is a JSON object.
type object = map[string]any

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func writeError(w http.ResponseWriter, status int, format string, args ...any) {
	writeJSON(w, status, object{"message": fmt.Sprintf(format, args...)})
}

// wait lets one tick pass and reports whether there is a reason to go on.
func (e *Engine) wait(ctx context.Context) bool {
	t := time.NewTimer(e.tick)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
