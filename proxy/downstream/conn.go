package downstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"postern/proxy/readahead"
)

// Stream is what TCP and unix connections have in common.
type Stream interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// The states of a connection.
const (
	idle   int32 = iota // no byte of a request has come
	active              // a request is read or answered
	closed
	taken // the handler has it
)

// conn is a client's connection.
type conn struct {
	Stream
	server *Server
	ctx    context.Context
	leave  context.CancelFunc // ends ctx: the client has gone
	in     *readahead.Reader  // of Stream
	room   int64              // how much of a head may still be read from in
	r      *bufio.Reader      // of the conn; nil while nothing is to be read
	remote string
	state  atomic.Int32
	last   string // the method of the last request
	watch  watch
}

// headSize has room for the head of an ordinary request.
const headSize = 1 << 10

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headSize) }}

func newConn(s *Server, stream Stream) (*conn, error) {
	in, err := readahead.New(stream)
	if err != nil {
		return nil, err
	}
	c := &conn{Stream: stream, server: s, in: in}
	if remote := stream.RemoteAddr(); remote != nil {
		c.remote = remote.String()
	}
	return c, nil
}

// Read reads of a head what there is room for, and anything else.
func (c *conn) Read(b []byte) (int, error) {
	if c.room <= 0 {
		return 0, errTooLong
	}
	n, err := c.in.Read(b[:min(int64(len(b)), c.room)])
	c.room -= int64(n)
	return n, err
}

var errTooLong = errors.New("the head of the request is too long")

// serve answers requests until the connection is to be closed.
func (c *conn) serve(ctx context.Context) {
	c.ctx, c.leave = context.WithCancel(ctx)
	defer c.end()
	c.SetReadDeadline(time.Now().Add(c.server.HeadTimeout))
	for c.next() {
		c.SetReadDeadline(time.Now().Add(c.server.IdleTimeout))
	}
}

// end closes the connection, also when a handler has panicked to cut it.
func (c *conn) end() {
	if failure := recover(); failure != nil && failure != http.ErrAbortHandler {
		c.server.Log.Printf("panic serving %s: %v\n%s", c.remote, failure, debug.Stack())
	}
	c.server.forget(c)
	if c.state.Swap(closed) != taken {
		c.leave()
		c.watch.stop(c)
		c.Stream.Close()
	}
}

// closeIdle closes a connection on which nothing has come yet.
func (c *conn) closeIdle() {
	if here, err := peek(c.Stream); here == 0 && err == syscall.EAGAIN && c.state.CompareAndSwap(idle, closed) {
		c.Stream.Close()
	}
}

// next answers one request and reports whether another may follow.
func (c *conn) next() bool {
	if c.r == nil {
		c.r = readers.Get().(*bufio.Reader)
		c.r.Reset(c)
	}
	c.room = int64(c.server.MaxHead)
	if err := c.await(); err != nil || !c.state.CompareAndSwap(idle, active) {
		return false
	}
	r, status, err := c.read()
	if err != nil {
		return c.refuse(status, err)
	}
	c.room = math.MaxInt64
	w := newResponse(c, r)
	if w.Body != nil {
		r.Body = w.Body
	} else if c.watch.start(c); c.r.Buffered() == 0 {
		c.release()
	}
	c.server.Handler(w, r)
	if w.taken {
		return false
	}
	again := w.finish()
	// Asked before the stop: an end of the body that is seen has started its watch.
	ended := w.Body.Ended()
	c.watch.stop(c)
	if !ended && !w.broken {
		c.linger()
		return false
	}
	return again && !c.server.stopping.Load() && c.state.CompareAndSwap(active, idle)
}

// await waits for the beginning of a request. Old clients end a body with a line
// break or two that are not in its length, RFC 9112 section 2.2.
func (c *conn) await() error {
	least := 1
	if c.last != "" {
		least = 4 // two line breaks
	}
	begin, err := c.r.Peek(least)
	if err == nil && c.last == http.MethodPost {
		c.r.Discard(len(begin) - len(bytes.TrimLeft(begin, "\r\n")))
	}
	return err
}

// release gives a buffer back that nothing is in: a stream may be silent for
// days.
func (c *conn) release() {
	c.r.Reset(nil)
	readers.Put(c.r)
	c.r = nil
}

// read reads the head of a request. The error's status is 0 for one that
// nobody waits for an answer to.
func (c *conn) read() (r *http.Request, status int, err error) {
	head, _ := c.r.Peek(c.r.Buffered())
	whole, hasHost := scan(head)
	if !whole {
		c.SetReadDeadline(time.Now().Add(c.server.HeadTimeout))
	}
	r, err = http.ReadRequest(c.r)
	if err == nil {
		status, err = check(r, whole && !hasHost)
	} else {
		status = statusOf(err)
	}
	if err != nil {
		return nil, status, err
	}
	if !whole || r.ContentLength != 0 {
		c.SetReadDeadline(time.Time{})
	}
	c.last = r.Method
	// In place: trailers go to the request that the body was read for.
	*r = *r.WithContext(c.ctx)
	r.RemoteAddr = c.remote
	return r, 0, nil
}

func statusOf(err error) int {
	var broken *net.OpError
	var errno syscall.Errno
	switch {
	case errors.Is(err, errTooLong):
		return http.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &broken), errors.As(err, &errno):
		return 0
	case strings.HasPrefix(err.Error(), "unsupported transfer encoding"), strings.HasPrefix(err.Error(), "too many transfer encodings"):
		// Their type is net/http's secret.
		return http.StatusNotImplemented
	}
	return http.StatusBadRequest
}

func (c *conn) refuse(status int, err error) bool {
	if status != 0 {
		w := newResponse(c, nil)
		c.server.Refuse(w, status, err.Error())
		w.finish()
		c.linger()
	}
	return false
}

// lingerLimit is how long a client may send what nobody wants any more: to
// close a connection with unread bytes on it is to reset it, and the client
// could lose its answer.
const lingerLimit = 500 * time.Millisecond

func (c *conn) linger() {
	c.state.Store(closed) // a body that ends now starts no watch
	c.watch.stop(c)
	c.Stream.CloseWrite()
	c.SetReadDeadline(time.Now().Add(lingerLimit))
	// Whoever passes the body on may still read from c.in.
	io.Copy(io.Discard, c.Stream)
}

// Hijacked is a connection that is the handler's. The request's context ends
// when it is closed.
type Hijacked struct {
	Stream
	leave context.CancelFunc
}

// Close closes the connection.
func (h *Hijacked) Close() error {
	h.leave()
	return h.Stream.Close()
}

// hijack gives the connection away, with what has been read of it.
func (c *conn) hijack() (h *Hijacked, early []byte) {
	c.watch.stop(c)
	c.SetReadDeadline(time.Time{})
	c.state.Store(taken)
	c.server.forget(c)
	if c.r != nil {
		early, _ = c.r.Peek(c.r.Buffered())
		c.r = nil // the pool is for buffers that no body has read from
	}
	early = append(bytes.Clone(early), c.in.Rest()...)
	return &Hijacked{c.Stream, c.leave}, early
}
