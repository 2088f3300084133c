package proxy

import (
	"io"
	"net/http"
	"sync/atomic"

	"postern/proxy/readahead"
	"postern/proxy/upstream"
)

// exchange is the client's side of a request: it watches the answer go by for
// the event, and the body of the request.
type exchange struct {
	http.ResponseWriter
	event    Event
	status   int
	bytes    int64        // of the answer's body or of the engine's stream
	received atomic.Int64 // of the request's body or of the client's stream
	err      error
	whole    bool // the handler came to its end
	taken    bool // the connection has left HTTP

	body *requestBody // nil without one

	conn   *clientConn      // nil in a test without one
	answer *upstream.Answer // nil without a body
	// flowing is set for an answer without a length: each piece goes out at
	// once. imminent is set while its head waits for a piece that is here
	// already.
	flowing, imminent bool
}

// Unwrap lets http.ResponseController flush and hijack.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *exchange) WriteHeader(status int) {
	if status >= 200 {
		x.status = status
		if _, named := x.Header()["Content-Type"]; !named {
			// net/http would guess one from the body, and an answer of the
			// engine without a type (logs, before API 1.42) would get one.
			x.Header()["Content-Type"] = nil
		}
		if !x.body.ended() {
			// What is left of the body must not be read as a request.
			x.Header().Set("Connection", "close")
		}
		x.flowing = x.conn != nil && x.answer != nil && x.Header().Get("Content-Length") == ""
		x.imminent = x.flowing && x.answer.Begun()
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write passes on a piece of the answer and what has come behind it, in larger
// pieces than ReverseProxy's.
func (x *exchange) Write(b []byte) (int, error) {
	x.imminent = false
	n, err := x.pass(b)
	if err != nil || x.answer == nil || !x.answer.More() {
		return n, err
	}
	buffer := readahead.Buffers{}.Get()
	defer readahead.Buffers{}.Put(buffer)
	for err == nil && x.answer.More() {
		// ReverseProxy gets an error of this read from its next.
		if m, _ := x.answer.Read(buffer); m > 0 {
			_, err = x.pass(buffer[:m])
		}
	}
	return n, err
}

// pass writes one piece. net/http writes a chunk in three or four, and the end
// of the answer in another: to the kernel, and to a client that waits, each
// costs as much as all of them.
func (x *exchange) pass(b []byte) (int, error) {
	if !x.flowing {
		n, err := x.ResponseWriter.Write(b)
		x.bytes += int64(n)
		return n, err
	}
	// Small pieces wait for what is certain to be written next.
	kept := (x.answer.Ended() || x.answer.More()) && x.conn.hold(len(b))
	if !kept {
		x.conn.gather()
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	if err == nil {
		err = http.NewResponseController(x.ResponseWriter).Flush()
	}
	if kept {
		x.conn.leave()
	} else if failed := x.conn.send(); err == nil {
		err = failed
	}
	return n, err
}

// FlushError sends what has been written, but for a head whose body is here.
// It is for [http.ResponseController].
func (x *exchange) FlushError() error {
	if x.imminent {
		return nil
	}
	return http.NewResponseController(x.ResponseWriter).Flush()
}

// flushBroken passes on what came of an answer that breaks off: net/http drops
// what is in its buffer when a handler panics.
func (x *exchange) flushBroken() {
	if !x.whole && x.status != 0 {
		http.NewResponseController(x.ResponseWriter).Flush()
	}
}

// openBody lets the answer be written while the body is still being read:
// /images/load reports progress, and any upload can be refused before its end.
func (x *exchange) openBody(r *http.Request) {
	// HTTP/2's preface has neither a body nor a length.
	if r.ContentLength == 0 || r.Body == http.NoBody {
		return
	}
	// An error means HTTP/2, which can do it anyway.
	http.NewResponseController(x.ResponseWriter).EnableFullDuplex()
	x.body = &requestBody{ReadCloser: r.Body, x: x}
	x.body.due.Store(r.Header.Get("Expect") == "")
	r.Body = x.body
	if x.conn != nil && (r.ContentLength < 0 || r.ContentLength > bulky) {
		x.conn.readAhead()
	}
}

// bulky is a length from which a body comes in many pieces.
const bulky = 64 << 10

// drainBody reads what the client still sends although it has its answer: many
// clients look for the answer only when they have sent everything, and would
// report a broken pipe if the connection were closed under them. A client that
// has seen the answer closes the connection.
func (x *exchange) drainBody() {
	if x.body.ended() || !x.body.due.Load() || x.Header().Get("Content-Length") == "" {
		return
	}
	if http.NewResponseController(x.ResponseWriter).Flush() == nil {
		io.Copy(io.Discard, x.body)
	}
}

// requestBody counts a request's body and knows whether it came to its end.
type requestBody struct {
	io.ReadCloser
	x *exchange
	// due is set when the client sends the body: with Expect: 100-continue
	// reading is what asks for it.
	due, done atomic.Bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.due.Store(true)
	n, err := b.ReadCloser.Read(p)
	b.x.received.Add(int64(n))
	if err == io.EOF {
		b.done.Store(true)
	}
	return n, err
}

func (b *requestBody) ended() bool { return b == nil || b.done.Load() }
