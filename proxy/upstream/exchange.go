package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"postern/proxy/readahead"
)

// conn is a connection to the engine. At any time it belongs to one exchange
// or is idle in the transport's pool.
type conn struct {
	*net.UnixConn
	ahead     *readahead.Reader
	r         *bufio.Reader // of ahead
	reused    bool
	idleSince time.Time
}

// headBuffer has room for the head of an ordinary answer. A silent stream holds
// one.
const headBuffer = 1 << 10

func newConn(c *net.UnixConn) (*conn, error) {
	ahead, err := readahead.New(c)
	if err != nil {
		return nil, err
	}
	return &conn{UnixConn: c, ahead: ahead, r: bufio.NewReaderSize(ahead, headBuffer)}, nil
}

// buffered is how many bytes have been read and not used.
func (c *conn) buffered() int { return c.r.Buffered() + len(c.ahead.Ahead()) }

// silent reports whether nothing has come on an idle connection: neither its
// end nor bytes, which would be read as the answer to the next request.
func (c *conn) silent() bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	silent := false
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = err == syscall.EAGAIN
	})
	return err == nil && silent
}

// exchange is one request on its connection and the answer to it.
type exchange struct {
	t    *Transport
	c    *conn
	ctx  context.Context
	req  *http.Request // nil when nobody needs it any more
	stop func() bool   // ends the watch over the context
	// raw is set for a request whose answer may take the connection over; head
	// is then the head of the answer as it came.
	raw  bool
	head []byte

	// clientDone is set when the client's bytes have come to their end.
	clientDone atomic.Bool
	// sent is set when the request has been sent to its end.
	sent  atomic.Bool
	ended bool

	mu    sync.Mutex
	taken bool // the connection has been taken over
	// sending is closed when the goroutine that sends the body has ended; nil
	// when none was started.
	sending chan struct{}
}

// exchange sends a request on a connection and reads the head of the answer.
// The connection is the exchange's until the answer's body ends.
func (t *Transport) exchange(c *conn, req *http.Request) (*http.Response, error) {
	x := &exchange{t: t, c: c, ctx: req.Context(), req: req}
	res, err := x.run()
	if err != nil {
		x.end(false)
		return nil, x.explain(err)
	}
	return x.answered(res, !res.Close), nil
}

// answered leaves the rest of the exchange to the answer's body, if there is
// one.
func (x *exchange) answered(res *http.Response, reusable bool) *http.Response {
	if res.Body == http.NoBody {
		x.end(reusable)
		return res
	}
	res.Body = newAnswer(x, res, reusable)
	if x.bodyGoroutine() == nil {
		x.req = nil
	}
	return res
}

// run sends the request and reads answers up to the final one.
func (x *exchange) run() (*http.Response, error) {
	hasBody := x.req.Body != nil && x.req.Body != http.NoBody
	x.sent.Store(!hasBody)
	if err := writeHead(x.c, x.req, hasBody); err != nil {
		return nil, x.stale(err, true)
	}
	if hasBody && !expectsContinue(x.req) {
		x.startBody()
	}
	// Not before the head is sent: a client that has closed its half by now
	// has still asked something.
	x.stop = context.AfterFunc(x.ctx, x.cancel)
	if _, err := x.c.r.Peek(1); err != nil {
		safe := x.req.Method == http.MethodGet || x.req.Method == http.MethodHead
		return nil, x.stale(err, safe)
	}
	return x.readAnswer()
}

// cancel tells the engine that the client has gone.
func (x *exchange) cancel() {
	if context.Cause(x.ctx) != context.Canceled {
		x.c.Close()
		return
	}
	if x.raw {
		x.linger()
		return
	}
	x.clientDone.Store(true)
	x.c.SetReadDeadline(time.Now().Add(lingerLimit))
	// The end of the client's bytes can be known before the last of them has
	// been passed on.
	if sending := x.bodyGoroutine(); sending != nil {
		<-sending
	}
	x.c.CloseWrite()
}

func (x *exchange) startBody() {
	sending := make(chan struct{})
	x.mu.Lock()
	x.sending = sending
	x.mu.Unlock()
	go x.sendBody(sending)
}

func (x *exchange) bodyGoroutine() chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sending
}

// sendBody passes the client's body on. A failure is not reported: the
// engine's answer, or that it ends without one, tells what happened.
func (x *exchange) sendBody(done chan struct{}) {
	defer close(done)
	defer x.req.Body.Close()
	if err := writeBody(x.c, x.req); err != nil {
		// A body that broke off on the client's side must not look complete
		// to the engine, nor as if it were still coming.
		x.c.CloseWrite()
		return
	}
	x.sent.Store(true)
}

// readAnswer reads up to the head of the final answer.
func (x *exchange) readAnswer() (*http.Response, error) {
	trace := httptrace.ContextClientTrace(x.ctx)
	for {
		res, err := x.readHead()
		if err != nil {
			return nil, err
		}
		switch {
		case res.StatusCode == http.StatusSwitchingProtocols:
			if !x.raw || x.req.Header.Get("Upgrade") == "" {
				return nil, errors.New("it switched protocols unasked")
			}
			return res, nil
		case res.StatusCode >= 200:
			return res, nil
		}
		if trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header)); err != nil {
				return nil, err
			}
		}
		// Not before the engine's word is passed on: to read the body is to
		// ask for it, and the server would do that in a word of its own.
		if res.StatusCode == http.StatusContinue && !x.sent.Load() && x.bodyGoroutine() == nil {
			x.startBody()
		}
	}
}

// readHead reads the head of one answer.
func (x *exchange) readHead() (*http.Response, error) {
	if !x.raw {
		return http.ReadResponse(x.c.r, x.req)
	}
	head, err := readRawHead(x.c.r)
	if err != nil {
		return nil, err
	}
	x.head = head
	return http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), x.c.r)), x.req)
}

// end gives the connection back or closes it.
func (x *exchange) end(reusable bool) {
	if x.ended {
		return
	}
	x.ended = true
	// The watch over the context has to end before the connection is another
	// request's. If it has begun to act, the connection is lost.
	if x.stop != nil && x.stop() && reusable && x.sent.Load() && x.c.buffered() == 0 {
		x.t.put(x.c)
		return
	}
	x.c.Close()
}

// staleError wraps the failure of a request that may be sent again.
type staleError struct{ error }

func (e *staleError) Unwrap() error { return e.error }

// stale marks an error that may only say that the connection had died before
// the request was sent on it.
func (x *exchange) stale(err error, again bool) error {
	if again && x.c.reused && x.bodyGoroutine() == nil {
		return &staleError{err}
	}
	return err
}

// errNoAnswer completes the sentence "the Docker Engine did not answer".
var errNoAnswer = errors.New("it closed the connection")

func (x *exchange) explain(err error) error {
	if stale := new(staleError); errors.As(err, &stale) {
		return err
	}
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errNoAnswer
	}
	return err
}

// Answer is the body of an answer. It ends the exchange at its end.
type Answer struct {
	body     io.Reader
	x        *exchange
	chunked  bool
	reusable bool
	full     bool // the last Read got as much as it asked for
	err      error
}

func newAnswer(x *exchange, res *http.Response, reusable bool) *Answer {
	return &Answer{body: res.Body, x: x, chunked: len(res.TransferEncoding) > 0, reusable: reusable}
}

// Begun reports, before the first Read, whether part of the body is here.
func (a *Answer) Begun() bool {
	if !a.chunked {
		return a.x.c.buffered() > 0
	}
	_, rest, found := a.x.c.nextChunk("")
	return found && rest > 0
}

// More reports whether another Read would get something without waiting, or at
// most for the rest of a chunk whose beginning is here: the engine is about to
// write it, and net/http waits for it, too.
func (a *Answer) More() bool {
	// Past its end the connection may be another request's.
	if a.err != nil || a.x.c.buffered() == 0 {
		return false
	}
	if !a.chunked || a.x.c.hasChunk(readahead.Size) {
		return true
	}
	// The line break behind a chunk is no beginning of another.
	first, err := a.x.c.r.Peek(1)
	return a.full && err == nil && first[0] != '\r'
}

// Wait returns when there is something to read, which need not be of the body,
// and false behind the end.
func (a *Answer) Wait() bool {
	if a.err != nil {
		return false
	}
	a.limit()
	a.x.c.r.Peek(1) // whose error Read will meet
	return true
}

// limit bounds the wait for an engine whose client is done.
func (a *Answer) limit() {
	if a.x.clientDone.Load() {
		a.x.c.SetReadDeadline(time.Now().Add(lingerLimit))
	}
}

// Ended reports whether the body has been read to its end.
func (a *Answer) Ended() bool { return a.err == io.EOF }

// Read reads as much as there is without waiting for more than a byte.
func (a *Answer) Read(p []byte) (n int, err error) {
	if a.err != nil {
		return 0, a.err
	}
	a.limit()
	n, err = a.body.Read(p)
	for err == nil && a.chunked && n < len(p) && a.x.c.hasChunk(len(p)-n) {
		var more int
		more, err = a.body.Read(p[n:])
		n += more
	}
	a.full = n == len(p)
	if err != nil {
		a.err = err
		a.x.end(err == io.EOF && a.reusable)
	}
	return n, err
}

// nextChunk returns the length of the next chunk and how many bytes of it, and
// behind it, are here, if the line that says so is. Before that stands the line
// break of the chunk before.
func (c *conn) nextChunk(before string) (length, rest int, found bool) {
	const maxLine = len("\r\nffffffff\r\n")
	start, err := c.r.Peek(min(maxLine, c.buffered()))
	if err != nil || !bytes.HasPrefix(start, []byte(before)) {
		return 0, 0, false
	}
	size, _, whole := bytes.Cut(start[len(before):], []byte("\r\n"))
	if !whole {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(string(size), 16, 31) // with an extension, which the engine does not send, an error
	return int(n), c.buffered() - len(before) - len(size) - len("\r\n"), err == nil
}

// hasChunk reports whether the next chunk is here, or as much of it as there is
// room for, so that it can be read without waiting. All of the last one but the
// line break behind it has been read.
func (c *conn) hasChunk(room int) bool {
	length, rest, found := c.nextChunk("\r\n")
	if length == 0 {
		return found && rest == len("\r\n") // else trailers come
	}
	return found && rest >= min(length, room)
}

// Close cuts the connection unless the answer has been read to its end.
func (a *Answer) Close() error {
	if a.err == nil {
		a.err = http.ErrBodyReadAfterClose
		a.x.end(false)
	}
	return nil
}
