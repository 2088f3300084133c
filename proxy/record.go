package proxy

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"postern/acl"
	"postern/acl/guard"
	"postern/proxy/client"
	"postern/proxy/engine"
	"postern/proxy/hijack"
)

// Event is one request with its decision and its response. The client chooses all of
// its text but the decision. Nothing in it is escaped for a terminal or a page.
type Event struct {
	Start time.Time
	// Client is never nil.
	Client *client.Client
	// Address is where the client connected from. It is "@" on a unix socket.
	Address string
	// Cert is the name in the client's certificate, in printable ASCII, or "".
	Cert string
	// Method has at most maxMethod bytes, Path and Query together 512 KiB. Path
	// is decoded, with the version prefix.
	Method, Path, Query string
	Decision            acl.Decision
	// Remedy says which settings would allow what was refused. It is empty if
	// none would.
	Remedy string
	// Missing is the ALLOW that would allow all that the client was refused so far,
	// where its settings name operations and it was refused several.
	Missing string
	// Violations are what GUARD refuses in the request, or would refuse without
	// LEARN=1.
	Violations []guard.Violation

	// The rest is known when the request has ended.

	Ending Ending
	// Status is 0 when the client got no response.
	Status int
	// Sent is the length of the response's body, or of the engine's stream on a
	// hijacked connection. Received is that of the request's body, or of the
	// client's stream.
	Sent, Received int64
	Duration       time.Duration
	// Err is why the engine did not answer, or nil.
	Err error
}

// Ending is how a request came to its end.
type Ending int

const (
	// Complete means that the response was sent to its end.
	Complete Ending = iota
	// Failed means that the engine did not answer, and postern did.
	Failed
	// CutByClient and CutByEngine mean that one side broke off the response, or
	// the wait for it.
	CutByClient
	CutByEngine
)

// Streams reports whether the request is forwarded and may stay open for as
// long as both sides like.
func (e *Event) Streams() bool { return e.Decision.Outcome == acl.Allowed && e.Decision.Streams() }

// Observer is told of every request but those of the health check. Both methods
// are called in the request's goroutine, which waits for them. They may read
// the event from Begin until End returns. What Begin has seen does not change.
type Observer interface {
	Begin(*Event)
	End(*Event)
}

// recorder is the ResponseWriter of one request. It notes what happens for the
// event.
type recorder struct {
	http.ResponseWriter
	proxy    *Proxy
	request  *http.Request
	body     *requestBody // nil for a request without one
	event    Event
	observed bool           // observers were told of the request
	hijack   *hijack.Result // nil for an operation that cannot hijack its connection
	complete bool           // the handler came to its end
}

// record begins to record a request.
func (p *Proxy) record(w http.ResponseWriter, r *http.Request) *recorder {
	p.open.Add(1)
	if c := connOf(r); c != nil {
		c.endHeader()
	}
	rec := &recorder{ResponseWriter: w, proxy: p, request: r}
	rec.event.Start = time.Now()
	if r.Body != http.NoBody {
		rec.body = &requestBody{ReadCloser: r.Body}
		r.Body = rec.body
		// Without it, net/http reads the request's body before it sends a
		// response, and an engine that answers during an upload could not be
		// heard.
		http.NewResponseController(w).EnableFullDuplex()
	}
	return rec
}

// Unwrap lets [http.ResponseController] find the methods that the recorder lacks.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) WriteHeader(status int) {
	if status >= 200 {
		rec.event.Status = status
		// net/http guesses a content type where the engine sent none, unless
		// there is an entry without a value.
		if header := rec.Header(); header["Content-Type"] == nil {
			header["Content-Type"] = nil
		}
		if rec.body != nil && !rec.body.ended.Load() {
			// The rest of the body must not be taken for a request.
			rec.Header().Set("Connection", "close")
		}
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	n, err := rec.ResponseWriter.Write(b)
	rec.event.Sent += int64(n)
	return n, err
}

// hijacked notes what became of a request that might have hijacked its
// connection, and lets the connection serve further requests if it has not.
func (rec *recorder) hijacked(result hijack.Result) {
	e := &rec.event
	rec.hijack = &result
	e.Status, e.Sent, e.Received, e.Err = result.Status, result.Sent, result.Received, result.Err
	if result.Resumable != nil {
		connOf(rec.request).resume(result.Resumable)
	}
}

// begin tells the observers of a request that was decided on.
func (rec *recorder) begin(from identity, decision acl.Decision, refusal *refusal) {
	e, r := &rec.event, rec.request
	e.Client, e.Address, e.Cert, e.Decision = from.client, from.address, from.cert, decision
	e.Method = r.Method[:min(len(r.Method), maxMethod)]
	e.Path, e.Query = r.URL.Path, r.URL.RawQuery
	if refusal != nil {
		e.Remedy, e.Missing = refusal.remedy, refusal.missing
		e.Violations = append(e.Violations, refusal.violations...)
	}
	if from.isHealthCheck {
		return
	}
	rec.observed = true
	for _, o := range rec.proxy.observers {
		o.Begin(e)
	}
}

// end tells the observers what became of the request. It also runs when the
// handler panics, as ReverseProxy does when a response breaks off.
func (rec *recorder) end() {
	defer rec.proxy.open.Add(-1)
	e := &rec.event
	if c := connOf(rec.request); c != nil && !rec.complete {
		c.Truncate()
	}
	e.Ending = rec.ending()
	e.Duration = time.Since(e.Start)
	if rec.body != nil {
		e.Received += rec.body.n.Load()
	}
	if rec.observed {
		for _, o := range rec.proxy.observers {
			o.End(e)
		}
	}
	switch {
	case rec.hijack != nil: // the connection may serve another request by now
	case !rec.complete && e.Status != 0:
		// What came before a response broke off is for the client. Without a byte
		// of it, many clients send the request again.
		http.NewResponseController(rec.ResponseWriter).Flush()
	case rec.body != nil && !rec.body.ended.Load():
		rec.drain()
	}
}

func (rec *recorder) ending() Ending {
	e := &rec.event
	complete := rec.complete && e.Err == nil
	clientGone := rec.request.Context().Err() != nil
	if rec.hijack != nil { // net/http has cancelled the context
		complete, clientGone = complete && !rec.hijack.Truncated, rec.hijack.CutByClient
	}
	switch {
	case e.Decision.Outcome != acl.Allowed, complete && (rec.hijack != nil || !clientGone):
		return Complete
	// A client that closes the connection when it has its JSON, as the docker
	// command does, has cut nothing off. One that leaves a stream has, also if
	// the engine then ends the stream in good order.
	case complete && !e.Streams():
		return Complete
	case clientGone, errors.As(e.Err, new(*engine.BodyError)), rec.body != nil && rec.body.broken.Load():
		return CutByClient
	case e.Err != nil:
		return Failed
	}
	return CutByEngine
}

// drainLimit is how long a client may go on sending a body after it was
// answered.
const drainLimit = 10 * time.Second

// drain reads what the client still sends although it has its response. Many
// clients look for the response only when they have sent everything, and would
// report a broken pipe if the connection were closed before. net/http reads no
// more than 256 KiB, but waits for it without a limit, so the deadline is for
// both. A response without a length is not complete before the handler returns.
func (rec *recorder) drain() {
	control := http.NewResponseController(rec.ResponseWriter)
	control.SetReadDeadline(time.Now().Add(drainLimit))
	if rec.complete && rec.Header().Get("Content-Length") != "" && control.Flush() == nil {
		io.Copy(io.Discard, rec.body)
	}
}

// requestBody is a request's body. The transport may still read it when the
// response has ended.
type requestBody struct {
	io.ReadCloser
	n      atomic.Int64
	ended  atomic.Bool // read to its end
	broken atomic.Bool // nobody can say where it ends
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	switch err {
	case nil:
	case io.EOF:
		b.ended.Store(true)
	default:
		b.broken.Store(true)
	}
	return n, err
}
