package engine

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Transport is an http.RoundTripper for the engine's unix socket. It does what
// http.Transport cannot:
//
//   - The request target goes out byte for byte as it came in.
//   - When the client closes its half of the connection behind a request, the
//     transport closes its half of the engine's connection, and still returns
//     the response: the engine ends a wait, a build or a pull, and answers
//     everything else (printf | nc -N). http.Transport would close the whole
//     connection and lose the response.
//   - A request with a body that finds its idle connection dead is sent again
//     on a new one, as long as no byte of the body was read.
//   - A response of which part is still to come has the ContentLength -1, whatever
//     its header says: ReverseProxy then passes on each piece as it comes.
//   - It writes the request and reads the response in the goroutine that calls
//     RoundTrip. http.Transport hands both to two goroutines of the connection.
//
// It sets no time limit on a response: /events, logs and stats last as long as
// they are read, and /containers/{id}/wait, /build and /images/create may be
// silent for hours.
//
// An idle connection is used again only when the response was read to its end,
// the request was sent to its end, and no byte has come behind the response: a
// byte that belongs to no request must not become the response to the next one.
// Expect: 100-continue holds the body back until the engine asks for it.
// Informational responses go to httptrace.ClientTrace.Got1xxResponse, the only
// hook that is called. Trailers work both ways. A truncated response is an
// error, never a clean end.
//
// There is no TLS, HTTP/2, compression, cookie, redirect or limit on response
// headers: the engine is trusted by the person who mounts its socket.
type Transport struct {
	// SocketPath is the engine's socket.
	SocketPath string
	// MaxIdle is how many idle connections are kept. Zero keeps none.
	MaxIdle int
	// IdleTimeout closes a connection that was idle for that long, at the
	// latest after twice the time. Zero never does.
	IdleTimeout time.Duration

	mu      sync.Mutex
	idle    []*conn     // the longest idle first
	sweeper *time.Timer // runs while idle is not empty
}

// SilenceLimit is how long the engine may be silent after the client has closed
// its half of the connection. TCP does not tell a half-close from a close, so a
// hung engine would otherwise collect the connections of clients that gave up.
const SilenceLimit = 45 * time.Second

// RoundTrip sends a request and returns the response when its header has come.
//
// It sends a request once more, on a new connection, when an idle connection
// turns out to be dead, no byte of a response was read, no byte of the body was
// read, and either the engine cannot have received the whole header or the
// method is GET or HEAD.
//
// The error of a request whose context is done is the context's cause.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if c := t.takeIdle(); c != nil {
		res, err := t.roundTrip(c, req)
		var stale *staleError
		if !errors.As(err, &stale) {
			return res, err
		}
		// The engine has restarted: the other idle connections are dead too.
		t.CloseIdleConnections()
	}
	c, err := t.Dial(req.Context())
	if err != nil {
		return nil, err
	}
	return t.roundTrip(&conn{UnixConn: c, r: bufio.NewReader(c)}, req)
}

// Dial connects to the engine. Its errors are *net.OpError with Op "dial". A
// done context does not stop it: a client that has closed its half of the
// connection still waits for a response.
func (t *Transport) Dial(ctx context.Context) (*net.UnixConn, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: t.SocketPath, Net: "unix"})
		// connect(2) on a unix socket with a full backlog fails with EAGAIN,
		// where TCP would wait.
		if err == nil || !errors.Is(err, syscall.EAGAIN) || wait > time.Second {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
	}
}

// conn is a connection to the engine. It belongs to one roundTrip or is idle.
type conn struct {
	*net.UnixConn
	r         *bufio.Reader
	reused    bool
	idleSince time.Time
}

// isQuiet reports whether nothing has come on an idle connection: neither its
// end nor bytes.
func (c *conn) isQuiet() bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
	})
	return err == nil && quiet
}

// takeIdle returns the connection that was idle for the shortest time, or nil.
// It closes those on which something has come.
func (t *Transport) takeIdle() *conn {
	for {
		c := t.popIdle()
		if c == nil || c.isQuiet() {
			return c
		}
		c.Close()
	}
}

func (t *Transport) popIdle() *conn {
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

func (t *Transport) putIdle(c *conn) {
	c.reused = true
	c.idleSince = time.Now()
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

// sweep closes the connections that were idle for too long. It runs again while
// any connection is idle.
func (t *Transport) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	expired := 0
	for expired < len(t.idle) && time.Since(t.idle[expired].idleSince) >= t.IdleTimeout {
		t.idle[expired].Close()
		expired++
	}
	kept := copy(t.idle, t.idle[expired:])
	clear(t.idle[kept:])
	t.idle = t.idle[:kept]
	if kept == 0 {
		t.sweeper = nil
		return
	}
	t.sweeper.Reset(t.IdleTimeout)
}

// CloseIdleConnections closes the connections that are idle now.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.idle {
		c.Close()
	}
	clear(t.idle)
	t.idle = t.idle[:0]
}
