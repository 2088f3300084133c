package proxy

import (
	"context"
	"io"
	"net/http"

	"postern/proxy/downstream"
	"postern/proxy/readahead"
	"postern/proxy/upstream"
)

// exchange is the client's side of a request: it watches the answer go by for
// the event.
type exchange struct {
	*downstream.Response
	// ctx is the request's. The request itself must not outlive its decision
	// by the days that a stream may last.
	ctx    context.Context
	event  Event
	begun  bool // observers have been told of it
	status int
	bytes  int64 // of the answer's body or of the engine's stream
	input  int64 // of the client's stream
	err    error
	whole  bool // the answer has come to its end

	// from is the engine's answer, and answer its body; nil without one.
	from     *http.Response
	answer   *upstream.Answer
	takeover *upstream.Takeover // nil unless the connection leaves HTTP
}

func (x *exchange) WriteHeader(status int) {
	if status >= 200 {
		x.status = status
		if !x.Body.Ended() {
			// What is left of the body must not be read as a request.
			x.Header().Set("Connection", "close")
		}
	}
	x.Response.WriteHeader(status)
}

// Write writes what postern says itself.
func (x *exchange) Write(b []byte) (int, error) {
	n, err := x.Response.Write(b)
	x.bytes += int64(n)
	return n, err
}

// copyAnswer passes the body of the engine's answer on and reports whether it
// came to its end. While nothing comes it holds no buffer and little stack.
func (x *exchange) copyAnswer() bool {
	x.from.Request = nil
	if !x.answer.Begun() {
		x.Flush() // /events may be silent for days
	}
	for x.answer.Wait() && x.copyPiece() {
	}
	return x.answer.Ended() && x.FlushError() == nil
}

// copyPiece passes on what has come. Only what is followed at once by another
// piece waits for it.
func (x *exchange) copyPiece() bool {
	buffer := readahead.Buffers{}.Get()
	defer readahead.Buffers{}.Put(buffer)
	n, _ := x.answer.Read(buffer)
	ended := x.answer.Ended()
	switch {
	case !ended:
	case len(x.from.Trailer) > 0:
		x.takeTrailers()
	default:
		x.Last()
	}
	_, err := x.Write(buffer[:n])
	if err == nil && !ended && !x.answer.More() {
		err = x.FlushError()
	}
	return err == nil
}

// takeTrailers copies what came behind the body of an answer.
func (x *exchange) takeTrailers() {
	for name, values := range x.from.Trailer {
		x.Header()[http.TrailerPrefix+name] = values
	}
}

// drainBody reads what the client still sends although it has its answer: many
// clients look for the answer only when they have sent everything, and would
// report a broken pipe if the connection were closed under them. A client that
// has seen the answer closes the connection.
func (x *exchange) drainBody() {
	if x.Body.Ended() || !x.Body.Due() || x.Header().Get("Content-Length") == "" {
		return
	}
	if x.FlushError() == nil {
		io.Copy(io.Discard, x.Body)
	}
}
