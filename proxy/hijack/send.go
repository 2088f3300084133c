package hijack

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"

	"postern/proxy/engine"
)

// send sends the request, waits for the engine's response, and then, if the
// engine has hijacked the connection, sends the client's stream.
func (x *exchange) send() {
	defer close(x.senderDone)
	defer x.recoverPanic()
	w := bufio.NewWriter(x.engine)
	err := x.sendRequest(w)
	switch flushErr := w.Flush(); {
	case err != nil && err != flushErr:
		x.breakOff(err)
	case flushErr != nil: // the engine reads no more, and may answer
	default:
		x.requestSent = true
		x.awaitAnswer()
	}
	<-x.answered
	x.resumeReading()
	if x.hijacked {
		// An engine that answers before it has read the body takes the rest of
		// the body for the stream, as it does on its own socket.
		x.sendStream()
	}
}

// breakOff ends the engine's wait for a body that the client broke off. The body
// must not look complete to the engine, nor as if it were still coming. When the
// engine has answered, decide has interrupted the body, and it goes on as part of
// the stream.
func (x *exchange) breakOff(err error) {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		x.broken = engine.NewBodyError(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.isAnswered() {
		x.engine.CloseWrite()
	}
}

// sendRequest writes the request and its body as they came. It flushes before
// it waits for the client, so that the header and the body that came in one
// segment leave in one: the engine drops what has come with the header when it
// hijacks, and takes what comes later for the stream (docker-modem issue 198).
func (x *exchange) sendRequest(w *bufio.Writer) error {
	r := x.request.Clone(x.request.Context())
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te"} {
		r.Header.Del(name)
	}
	if wantsUpgrade(r) {
		r.Header.Set("Connection", "Upgrade")
	}
	if err := engine.WriteHeader(w, r, r.ContentLength != 0); err != nil {
		return err
	}
	if r.GetBody != nil {
		return writeBody(w, r)
	}
	if r.ContentLength >= 0 {
		return x.copyBody(w, r.ContentLength)
	}
	return x.copyChunks(w)
}

// writeBody writes the body that stands in for the one that has been read.
func writeBody(w *bufio.Writer, r *http.Request) error {
	body, err := r.GetBody()
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(w, body)
	return err
}

// copyBody copies n bytes of the client's body.
func (x *exchange) copyBody(w *bufio.Writer, n int64) error {
	for n > 0 {
		if _, err := x.peek(w, 1); err != nil {
			return err
		}
		piece, _ := x.input.Peek(int(min(n, int64(x.input.Buffered()))))
		if _, err := w.Write(piece); err != nil {
			return err
		}
		x.input.Discard(len(piece))
		x.result.Received += int64(len(piece))
		n -= int64(len(piece))
	}
	return nil
}

// peek returns the next n bytes of the client without consuming them. It flushes
// before it waits.
func (x *exchange) peek(w *bufio.Writer, n int) ([]byte, error) {
	if x.input.Buffered() < n {
		if err := w.Flush(); err != nil {
			return nil, err
		}
	}
	return x.input.Peek(n)
}

// errChunk ends a body whose chunks are malformed. Chunk extensions and lines
// that end in LF alone count as malformed: no client of the engine sends any,
// and a reading of them that differs from the engine's would let a second
// request pass as part of the first one's body.
var errChunk = errors.New("malformed chunk")

// copyChunks copies a chunked body, framing and trailers included.
func (x *exchange) copyChunks(w *bufio.Writer) error {
	for {
		line, err := x.peekLine(w)
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSuffix(line, []byte("\r\n"))), 16, 62)
		if err != nil {
			return x.forwardMalformed(w, line)
		}
		if size == 0 {
			return x.copyTrailers(w)
		}
		if err := x.copyBody(w, int64(len(line))+int64(size)); err != nil {
			return err
		}
		end, err := x.peek(w, len("\r\n"))
		if err != nil {
			return err
		}
		if string(end) != "\r\n" {
			return x.forwardMalformed(w, end)
		}
		if err := x.copyBody(w, int64(len(end))); err != nil {
			return err
		}
	}
}

// forwardMalformed lets the engine say in its own words what is wrong with a
// line. Nothing follows it, so the line cannot be part of another request.
func (x *exchange) forwardMalformed(w *bufio.Writer, line []byte) error {
	x.copyBody(w, int64(len(line)))
	return errChunk
}

// copyTrailers copies the lines up to the empty one.
func (x *exchange) copyTrailers(w *bufio.Writer) error {
	for {
		line, err := x.peekLine(w)
		if err != nil {
			return err
		}
		last := string(line) == "\r\n"
		if err := x.copyBody(w, int64(len(line))); err != nil || last {
			return err
		}
	}
}

// peekLine returns the next line, which must end in CRLF, without consuming it.
// The line is valid until the next read.
func (x *exchange) peekLine(w *bufio.Writer) ([]byte, error) {
	for {
		ahead, _ := x.input.Peek(x.input.Buffered())
		if i := bytes.IndexByte(ahead, '\n'); i >= 0 {
			line := ahead[:i+1]
			if !bytes.HasSuffix(line, []byte("\r\n")) {
				return nil, x.forwardMalformed(w, line)
			}
			return line, nil
		}
		if _, err := x.peek(w, len(ahead)+1); err != nil {
			return nil, err // bufio.ErrBufferFull for a line of 4 KiB
		}
	}
}

// awaitAnswer returns when the engine has answered. Meanwhile it reads ahead
// what it must not yet send, in order to see the end of the client's bytes: an
// engine that hangs would otherwise collect the connections of clients that
// gave up.
func (x *exchange) awaitAnswer() {
	for !x.isAnswered() && x.input.Buffered() < x.input.Size() {
		if _, err := x.input.Peek(x.input.Buffered() + 1); err != nil {
			x.mu.Lock()
			defer x.mu.Unlock()
			if !x.isAnswered() {
				x.limitSilence()
			}
			return
		}
	}
}

// recoverPanic logs a panic in the goroutine that sends, which would otherwise
// end the process. http.Server does this only for the goroutines it started.
func (x *exchange) recoverPanic() {
	if p := recover(); p != nil {
		x.ErrorLog.Printf("panic serving a hijacked connection: %v\n%s", p, debug.Stack())
		truncate(x.client)
		x.client.Close()
		x.engine.Close()
	}
}
