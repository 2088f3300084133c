package engine

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// roundTrip is one request on its connection and the response to it.
type roundTrip struct {
	t         *Transport
	c         *conn
	ctx       context.Context
	req       *http.Request
	stopWatch func() bool // ends the watch over ctx
	ended     bool

	clientDone atomic.Bool // the client has closed its half of the connection
	sent       atomic.Bool // the request was sent to its end
	// broken is the error of the client's body, or nil.
	broken atomic.Pointer[BodyError]
	// sending is closed when the goroutine that sends the body has ended. It
	// holds nil while none was started.
	sending atomic.Pointer[chan struct{}]
}

// roundTrip sends a request on a connection and reads the response's header.
// The connection belongs to the roundTrip until the response's body ends.
func (t *Transport) roundTrip(c *conn, req *http.Request) (*http.Response, error) {
	rt := &roundTrip{t: t, c: c, ctx: req.Context(), req: req}
	res, err := rt.run()
	if err != nil {
		rt.end(false)
		return nil, rt.explain(err)
	}
	if res.Body == http.NoBody {
		rt.end(!res.Close)
		return res, nil
	}
	if res.ContentLength > int64(c.r.Buffered()) {
		res.ContentLength = -1
	}
	res.Body = &responseBody{body: res.Body, rt: rt, reusable: !res.Close}
	return res, nil
}

// run sends the request and reads responses up to the final one.
func (rt *roundTrip) run() (*http.Response, error) {
	hasBody := rt.req.Body != nil && rt.req.Body != http.NoBody
	rt.sent.Store(!hasBody)
	if err := rt.sendHeader(hasBody); err != nil {
		return nil, rt.stale(err, true)
	}
	if hasBody && !expectsContinue(rt.req) {
		rt.startBody()
	}
	// The watch begins when the header was sent: a client that has closed its
	// half of the connection by then still waits for a response.
	rt.stopWatch = context.AfterFunc(rt.ctx, rt.cancel)
	if _, err := rt.c.r.Peek(1); err != nil {
		repeatable := rt.req.Method == http.MethodGet || rt.req.Method == http.MethodHead
		return nil, rt.stale(err, repeatable)
	}
	return rt.readResponse()
}

func (rt *roundTrip) sendHeader(hasBody bool) error {
	w := headerWriters.Get().(*bufio.Writer)
	w.Reset(rt.c)
	defer headerWriters.Put(w)
	if err := WriteHeader(w, rt.req, hasBody); err != nil {
		return err
	}
	return w.Flush()
}

var headerWriters = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 4<<10) }}

// cancel tells the engine that the client has closed its half of the
// connection, or that postern cuts the request. The server cancels a request's
// context without a cause for the former.
func (rt *roundTrip) cancel() {
	if context.Cause(rt.ctx) != context.Canceled {
		rt.c.Close()
		return
	}
	rt.clientDone.Store(true)
	rt.c.SetReadDeadline(time.Now().Add(SilenceLimit))
	// The server may see the end of the client's bytes before the last of them
	// were passed on.
	if sending := rt.sending.Load(); sending != nil {
		<-*sending
	}
	rt.c.CloseWrite()
}

func (rt *roundTrip) startBody() {
	sending := make(chan struct{})
	rt.sending.Store(&sending)
	go rt.sendBody(sending)
}

// BodyError is the error of a request whose body the client broke off, or sent
// in malformed chunks.
type BodyError struct{ error }

func (e *BodyError) Unwrap() error { return e.error }

// NewBodyError returns a [BodyError] that quotes nothing of the body: its text goes
// into the log, and a trailer can carry a secret.
func NewBodyError(err error) *BodyError {
	if protocol := textproto.ProtocolError(""); errors.As(err, &protocol) || strings.Contains(err.Error(), `"`) {
		err = errTrailer
	}
	return &BodyError{err}
}

var errTrailer = errors.New("malformed trailer")

// sendBody sends the client's body. If the client breaks it off, it closes the
// connection: the body must not look complete to the engine, nor as if it were
// still coming. An error in writing it is not reported: the engine may have
// answered without reading it.
func (rt *roundTrip) sendBody(done chan struct{}) {
	defer close(done)
	defer rt.req.Body.Close()
	err := writeBody(rt.c, rt.req)
	if broken := new(BodyError); errors.As(err, &broken) {
		rt.broken.Store(broken)
		rt.c.Close()
	}
	rt.sent.Store(err == nil)
}

// readResponse reads up to the header of the final response.
func (rt *roundTrip) readResponse() (*http.Response, error) {
	trace := httptrace.ContextClientTrace(rt.ctx)
	for {
		res, err := ReadResponse(rt.c.r, rt.req)
		if err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusSwitchingProtocols {
			return nil, errors.New("it switched protocols without being asked to")
		}
		if res.StatusCode >= 200 {
			return res, nil
		}
		if trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header)); err != nil {
				return nil, err
			}
		}
		// The body starts only after the engine's 100 was forwarded: reading
		// the body makes the server send a second 100 Continue.
		if res.StatusCode == http.StatusContinue && !rt.sent.Load() && rt.sending.Load() == nil {
			rt.startBody()
		}
	}
}

// end makes the connection idle or closes it.
func (rt *roundTrip) end(reusable bool) {
	if rt.ended {
		return
	}
	rt.ended = true
	// The watch must end before another request uses the connection. If it has
	// begun to act, the connection is lost.
	if rt.stopWatch != nil && rt.stopWatch() && reusable && rt.sent.Load() && rt.c.r.Buffered() == 0 {
		rt.t.putIdle(rt.c)
		return
	}
	rt.c.Close()
}

// staleError wraps the failure of a request that may be sent again.
type staleError struct{ error }

func (e *staleError) Unwrap() error { return e.error }

// stale marks an error that may only mean that the connection died before the
// request was sent on it.
func (rt *roundTrip) stale(err error, repeatable bool) error {
	if repeatable && rt.c.reused && rt.sending.Load() == nil {
		return &staleError{err}
	}
	return err
}

// errClosed completes the sentence "the Docker Engine did not answer".
var errClosed = errors.New("it closed the connection")

func (rt *roundTrip) explain(err error) error {
	if stale := new(staleError); errors.As(err, &stale) {
		return err
	}
	if broken := rt.broken.Load(); broken != nil {
		return broken
	}
	if rt.ctx.Err() != nil {
		return context.Cause(rt.ctx)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errClosed
	}
	return err
}

// responseBody is the body of a response. It ends the roundTrip at its end.
type responseBody struct {
	body     io.Reader
	rt       *roundTrip
	reusable bool
	err      error
}

func (b *responseBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.rt.clientDone.Load() {
		b.rt.c.SetReadDeadline(time.Now().Add(SilenceLimit))
	}
	n, err := b.body.Read(p)
	if err != nil {
		b.err = err
		b.rt.end(err == io.EOF && b.reusable)
	}
	return n, err
}

// Close closes the connection unless the body was read to its end.
func (b *responseBody) Close() error {
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
		b.rt.end(false)
	}
	return nil
}
