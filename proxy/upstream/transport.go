// Package upstream carries requests to the Docker Engine's unix socket.
package upstream

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Transport is an http.RoundTripper for one unix socket, made for a reverse
// proxy: it writes the request and reads the answer in the goroutine that
// calls it, where http.Transport passes both through two goroutines of the
// connection. It sets no time limit on an answer: /events, logs and stats last
// as long as they are read, and /containers/{id}/wait, /build and
// /images/create may say nothing for hours.
//
// # What it keeps of http.Transport
//
// Idle connections are used again, but only when the answer was read to its
// end, the request was sent to its end and nothing has come behind the answer
// up to the next request: bytes that belong to nobody's request can never
// become the answer to the next. A connection that the engine closed while it was idle is
// replaced, as told at [Transport.RoundTrip]. A request with a body sends it
// in a second goroutine, so that an answer which comes early is returned while
// the body is still being sent. Expect: 100-continue holds the body back until
// the engine asks for it, without a time limit. Informational answers go to
// httptrace.ClientTrace.Got1xxResponse, the one hook that is served. Trailers
// work both ways. A truncated answer is an error, never a clean end.
//
// # What it does otherwise
//
// A request goes out as it came in: the target is Request.RequestURI byte for
// byte, headers of no proxy's concern are neither added (no User-Agent, no
// Accept-Encoding, hence nothing is decompressed) nor taken away; those of a
// single hop are httputil.ReverseProxy's to strip.
//
// When the request's context is cancelled without a cause of its own, which is
// how the server says that it has seen the end of the client's bytes, the
// engine's connection is closed for writing only. So the engine learns of it
// as it would on the socket itself and does what it does there: it ends a
// wait, a build or a pull, and it still answers a client that has merely
// closed its own half (printf | nc -N). Any other cause, and lingerLimit of
// silence, close the connection.
//
// # What it does not need
//
// There is one engine, on a unix socket, trusted by whoever runs the proxy: no
// TLS, no HTTP/2, no proxies, no cookies, no redirects, no limit on the size
// of an answer's headers, no limit per host on connections. No connection is
// dialled ahead of need.
type Transport struct {
	// SocketPath is the engine's socket.
	SocketPath string
	// MaxIdle is how many idle connections are kept. Zero keeps none.
	MaxIdle int
	// IdleTimeout closes a connection that was idle for so long, at the
	// latest after twice the time. Zero never does.
	IdleTimeout time.Duration

	mu      sync.Mutex
	idle    []*conn     // the longest idle first
	sweeper *time.Timer // runs while idle is not empty
}

// lingerLimit is how long the engine may be silent after the client has closed
// its half of the connection, or all of it: TCP does not tell which. An engine
// that hangs would otherwise gather the connections of clients that gave up.
const lingerLimit = time.Minute

// RoundTrip sends a request and returns the answer when its headers have come.
//
// A request that finds an idle connection dead is sent once more, on a new
// one, when no byte of an answer was read, no byte of a body was taken from
// the client, and either the engine cannot have got the whole head of the
// request or the method is GET or HEAD, which may be done twice.
//
// The error of a request whose context is done is the context's cause.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if c := t.take(); c != nil {
		res, err := t.exchange(c, req)
		var stale *staleError
		if !errors.As(err, &stale) {
			return res, err
		}
		// The engine has been restarted: the others are dead too.
		t.CloseIdleConnections()
	}
	c, err := t.dial(req.Context())
	if err != nil {
		return nil, err
	}
	return t.exchange(c, req)
}

// dial connects to the engine. Its errors are *net.OpError with Op "dial". A
// client that has closed its half by now has still asked something, so that a
// done context is no reason not to connect, which a unix socket does at once.
func (t *Transport) dial(ctx context.Context) (*conn, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: t.SocketPath, Net: "unix"})
		if err == nil {
			return newConn(c)
		}
		// A unix socket whose backlog is full says EAGAIN where TCP would
		// wait for a place.
		if !errors.Is(err, syscall.EAGAIN) || wait > time.Second {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
	}
}

// take returns the connection that was idle for the shortest time, or nil.
// Those on which something has come meanwhile it closes.
func (t *Transport) take() *conn {
	for {
		c := t.pop()
		if c == nil || c.silent() {
			return c
		}
		c.Close()
	}
}

func (t *Transport) pop() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.idle) - 1
	if last < 0 {
		return nil
	}
	c := t.idle[last]
	t.idle[last] = nil
	t.idle = t.idle[:last]
	return c
}

// put makes a connection idle.
func (t *Transport) put(c *conn) {
	c.reused = true
	if t.IdleTimeout > 0 {
		c.idleSince = time.Now()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle) >= t.MaxIdle {
		c.Close()
		return
	}
	t.idle = append(t.idle, c)
	if t.IdleTimeout > 0 && t.sweeper == nil {
		t.sweeper = time.AfterFunc(t.IdleTimeout, t.sweep)
	}
}

// sweep closes what was idle for too long, and comes back while anything is
// idle.
func (t *Transport) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := 0
	for old < len(t.idle) && time.Since(t.idle[old].idleSince) >= t.IdleTimeout {
		t.idle[old].Close()
		old++
	}
	kept := copy(t.idle, t.idle[old:])
	clear(t.idle[kept:])
	t.idle = t.idle[:kept]
	if kept == 0 {
		t.sweeper = nil
		return
	}
	t.sweeper.Reset(t.IdleTimeout)
}

// CloseIdleConnections closes what is idle now.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.idle {
		c.Close()
	}
	clear(t.idle)
	t.idle = t.idle[:0]
}
