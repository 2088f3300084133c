package downstream

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Response is an http.ResponseWriter. Besides what that is, it can say that a
// write is the last one, and nothing is added to what the handler says but a
// Date and what frames the message.
type Response struct {
	// Body is the request's; nil without one.
	Body *Body

	c      *conn
	method string
	old    bool // the client speaks HTTP/1.0
	header http.Header

	mu     sync.Mutex // over status, for whoever reads the body
	status int        // 0 until the head of the answer is made
	asked  bool       // the client has been told to send the body

	// out is what is to be written next, from the pool; nil when nothing is.
	out     []byte
	parts   [4][]byte
	length  int64 // of the body that is to come; -1 if unknown
	chunked bool
	silent  bool // there is no body, whatever the length
	closing bool // the connection is to be closed behind the answer
	last    bool
	ended   bool // the end of the body is in out or written
	taken   bool
	broken  bool
	err     error // of writing
}

// outSize has room for the whole of an ordinary answer.
const outSize = 4 << 10

var outs = sync.Pool{New: func() any { return new([outSize]byte) }}

// newResponse is the answer to a request, or to what is none.
func newResponse(c *conn, r *http.Request) *Response {
	w := &Response{c: c, length: -1, asked: true}
	if r == nil {
		w.closing = true
		return w
	}
	w.method, w.old = r.Method, !r.ProtoAtLeast(1, 1)
	connection := r.Header.Get("Connection")
	w.closing = r.Close || hasToken(connection, "close")
	if w.old {
		w.closing = !hasToken(connection, "keep-alive")
	}
	if r.Body != http.NoBody && r.ContentLength != 0 {
		w.Body = &Body{w: w, from: r.Body}
		w.asked = w.old || r.Header.Get("Expect") == ""
		w.Body.due.Store(w.asked)
	}
	return w
}

// Header returns what WriteHeader will write.
func (w *Response) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// SetHeader makes a header the answer's. It must be nobody else's.
func (w *Response) SetHeader(h http.Header) { w.header = h }

// WriteHeader makes the head of an answer. An informational one is written at
// once, others with what follows or by Flush.
func (w *Response) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status != 0 || w.taken {
		return
	}
	if status < 200 {
		w.asked = w.asked || status == http.StatusContinue
		w.writeInterim(status)
		return
	}
	w.status = status
	w.frame()
	w.appendStatus(status)
	w.appendFields()
	if w.header["Date"] == nil {
		w.out = append(w.out, "Date: "...)
		w.out = time.Now().UTC().AppendFormat(w.out, http.TimeFormat)
		w.out = append(w.out, "\r\n"...)
	}
	switch {
	case w.closing && !w.old:
		w.out = append(w.out, "Connection: close\r\n"...)
	case !w.closing && w.old:
		w.out = append(w.out, "Connection: keep-alive\r\n"...)
	}
	if w.chunked {
		w.out = append(w.out, "Transfer-Encoding: chunked\r\n"...)
	}
	w.out = append(w.out, "\r\n"...)
}

// writeInterim writes an answer before the answer.
func (w *Response) writeInterim(status int) {
	if w.old {
		return
	}
	w.appendStatus(status)
	w.appendFields()
	w.out = append(w.out, "\r\n"...)
	w.write()
}

// askForBody tells the client to send the body, unless it has an answer.
func (w *Response) askForBody() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked || w.status != 0 {
		return
	}
	w.asked = true
	w.out = append(w.buffer(), "HTTP/1.1 100 Continue\r\n\r\n"...)
	w.write()
}

// frame decides how the client will know where the body ends, RFC 9112 section
// 6.3.
func (w *Response) frame() {
	bodiless := w.status == http.StatusNoContent || w.status == http.StatusNotModified
	if bodiless {
		delete(w.header, "Content-Length")
	}
	w.silent = bodiless || w.method == http.MethodHead
	w.closing = w.closing || w.header.Get("Connection") == "close" || !w.asked || w.c.server.stopping.Load()
	if field := w.header.Get("Content-Length"); field != "" {
		n, err := strconv.ParseUint(field, 10, 63)
		if err != nil {
			delete(w.header, "Content-Length")
		} else {
			w.length = int64(n)
		}
	}
	if w.silent || w.length >= 0 {
		return
	}
	w.chunked = !w.old
	w.closing = w.closing || w.old
}

func (w *Response) appendStatus(status int) {
	version := "HTTP/1.1 "
	if w.old {
		version = "HTTP/1.0 "
	}
	w.out = append(w.buffer(), version...)
	w.out = strconv.AppendInt(w.out, int64(status), 10)
	w.out = append(w.out, ' ')
	text := http.StatusText(status)
	if text == "" {
		text = "status code " + strconv.Itoa(status)
	}
	w.out = append(append(w.out, text...), "\r\n"...)
}

// framing is what frames the message, and is written last.
func framing(name string) bool {
	return name == "Connection" || name == "Transfer-Encoding" || strings.HasPrefix(name, http.TrailerPrefix)
}

// appendFields writes the header in the engine's order, which is alphabetic.
func (w *Response) appendFields() {
	var names [24]string
	sorted := names[:0]
	for name := range w.header {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		if !framing(name) {
			w.appendField(name, w.header[name])
		}
	}
}

func (w *Response) appendField(name string, values []string) {
	for _, value := range values {
		w.out = append(append(w.out, name...), ": "...)
		if strings.ContainsAny(value, "\r\n") {
			value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
		}
		w.out = append(append(w.out, value...), "\r\n"...)
	}
}

// Last tells that the next write ends the body and no trailers follow, so that
// its end goes out with it.
func (w *Response) Last() { w.last = true }

// Write writes a piece of the body: at once when it is large, else with what
// follows or by Flush.
func (w *Response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.taken:
		return 0, http.ErrHijacked
	case w.err != nil:
		return 0, w.err
	case w.method == http.MethodHead || len(b) == 0:
		return len(b), nil
	case w.silent:
		return 0, http.ErrBodyNotAllowed
	case !w.chunked && w.length >= 0 && int64(len(b)) > w.length:
		return 0, http.ErrContentLength
	}
	if w.out == nil {
		w.out = w.buffer()
	}
	behind := ""
	if w.chunked {
		w.out = append(strconv.AppendInt(w.out, int64(len(b)), 16), "\r\n"...)
		behind = "\r\n"
		if w.last {
			behind, w.ended = "\r\n0\r\n\r\n", true
		}
	} else if w.length >= 0 {
		w.length -= int64(len(b))
	}
	if len(w.out)+len(b)+len(behind) <= outSize {
		w.out = append(append(w.out, b...), behind...)
		return len(b), nil
	}
	if err := w.write(b, []byte(behind)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Flush is http.Flusher's.
func (w *Response) Flush() { w.FlushError() }

// FlushError writes what has not been written.
func (w *Response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.flush()
}

func (w *Response) flush() error {
	if w.err == nil && len(w.out) > 0 {
		w.write()
	}
	return w.err
}

func (w *Response) buffer() []byte {
	if w.out != nil {
		return w.out
	}
	return outs.Get().(*[outSize]byte)[:0]
}

// write writes out and what is behind it in one system call.
func (w *Response) write(behind ...[]byte) error {
	if len(behind) == 0 {
		_, w.err = w.c.Stream.Write(w.out)
	} else {
		parts := net.Buffers(append(append(w.parts[:0], w.out), behind...))
		_, w.err = parts.WriteTo(w.c.Stream)
		clear(w.parts[:])
	}
	if cap(w.out) == outSize {
		outs.Put((*[outSize]byte)(w.out[:outSize]))
	}
	w.out = nil
	if w.err != nil {
		w.c.leave()
	}
	return w.err
}

// Break ends the answer in its middle: the connection is closed behind what has
// been written, so that nobody takes that for the whole.
func (w *Response) Break() { w.broken = true }

// finish ends the answer and reports whether the connection can have another.
func (w *Response) finish() bool {
	if w.status == 0 && !w.broken {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	}
	if w.chunked && !w.ended && !w.broken && w.err == nil {
		w.out = append(w.buffer(), "0\r\n"...)
		w.appendTrailers()
		w.out = append(w.out, "\r\n"...)
	}
	w.flush()
	whole := !w.broken && (w.silent || w.length <= 0)
	return whole && w.err == nil && !w.closing
}

// appendTrailers writes what the handler has put under http.TrailerPrefix.
func (w *Response) appendTrailers() {
	for name, values := range w.header {
		if name, found := strings.CutPrefix(name, http.TrailerPrefix); found {
			w.appendField(name, values)
		}
	}
}

// Hijack gives the connection to the handler, with what the client has sent
// behind the request. It has no deadline.
func (w *Response) Hijack() (c *Hijacked, early []byte) {
	w.taken = true
	return w.c.hijack()
}
