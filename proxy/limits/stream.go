package limits

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"net/http"
)

// errEncoded is the error of a response that cannot be read.
var errEncoded = errors.New("its answer is compressed, although nothing asked for that")

// filter replaces the body of a response by pieces of it. lines is whether each piece
// is to go out at once.
func filter(res *http.Response, lines bool, pieces func(*values) iter.Seq2[[]byte, error]) error {
	if res.Header.Get("Content-Encoding") != "" {
		return errEncoded
	}
	next, stop := iter.Pull2(pieces(&values{r: bufio.NewReaderSize(res.Body, 16<<10)}))
	f := &filtered{next: next, stop: stop, body: res.Body, lines: lines}
	if !lines {
		// What is wrong from the beginning can still be told with a status.
		if f.fill(); f.err != nil && f.err != io.EOF {
			stop()
			return f.err
		}
	}
	res.Body, res.ContentLength = f, -1
	res.Header.Del("Content-Length")
	return nil
}

// filtered is a body that is filtered as it is read.
type filtered struct {
	next    func() ([]byte, error, bool)
	stop    func()
	body    io.Closer
	lines   bool
	pending []byte
	err     error
}

func (f *filtered) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(f.pending) == 0 {
			if f.err == nil {
				f.fill()
			}
			if f.err != nil {
				break
			}
		}
		copied := copy(p[n:], f.pending)
		n, f.pending = n+copied, f.pending[copied:]
		if f.lines && len(f.pending) == 0 {
			return n, nil
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, f.err
}

func (f *filtered) fill() {
	piece, err, more := f.next()
	switch {
	case !more:
		f.err = io.EOF
	case err != nil:
		f.err = err
	}
	f.pending = piece
}

func (f *filtered) Close() error {
	f.stop()
	f.pending, f.err = nil, http.ErrBodyReadAfterClose
	return f.body.Close()
}

// values reads JSON values from a stream, one at a time. The engine is trusted to
// write JSON: values finds where a value ends and looks at no more than it must.
type values struct {
	r     *bufio.Reader
	value []byte
}

var errJSON = errors.New("its answer is not the JSON that it should be")

// peek is the first byte of what comes next. The error is io.EOF at the end.
func (v *values) peek() (byte, error) {
	for {
		b, err := v.r.ReadByte()
		if err != nil {
			return 0, err
		}
		// RS begins a text in application/json-seq.
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' && b != 0x1e {
			return b, v.r.UnreadByte()
		}
	}
}

// skip reads one byte, which must be c.
func (v *values) skip(c byte) error {
	b, err := v.peek()
	if err == nil && b != c {
		err = errJSON
	}
	if err == nil {
		v.r.Discard(1)
	}
	return inside(err)
}

// end returns nil if the stream ends here.
func (v *values) end() error {
	switch _, err := v.peek(); err {
	case io.EOF:
		return nil
	case nil:
		return errJSON
	default:
		return err
	}
}

// inside is the error of a stream that may not end here.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next reads one value. It is valid until the next call.
func (v *values) next() ([]byte, error) {
	if _, err := v.peek(); err != nil {
		return nil, inside(err)
	}
	v.value = v.value[:0]
	s := scan{}
	for {
		if _, err := v.r.Peek(1); err != nil {
			return nil, inside(err)
		}
		ahead, _ := v.r.Peek(v.r.Buffered())
		n, done := s.scan(ahead)
		v.value = append(v.value, ahead[:n]...)
		v.r.Discard(n)
		if done {
			return v.value, nil
		}
	}
}

// all are the values of a stream up to its end, or to an error.
func (v *values) all(yield func([]byte, error) bool) {
	for {
		_, err := v.peek()
		if err == io.EOF {
			return
		}
		var value []byte
		if err == nil {
			value, err = v.next()
		}
		if !yield(value, err) || err != nil {
			return
		}
	}
}

// scan finds the end of a value that comes in pieces.
type scan struct {
	depth             int
	inString, escaped bool
}

// scan returns how many bytes belong to the value, and whether it ends with them.
func (s *scan) scan(b []byte) (n int, done bool) {
	for i := 0; i < len(b); i++ {
		if s.inString {
			if i = s.skipString(b, i); s.inString {
				break
			}
			if s.depth == 0 {
				return i + 1, true
			}
			continue
		}
		switch c := b[i]; {
		case c == '"':
			s.inString = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			if s.depth == 0 {
				return i, true // behind a number
			}
			if s.depth--; s.depth == 0 {
				return i + 1, true
			}
		case s.depth == 0 && (c == ',' || c <= ' '):
			return i, true
		}
	}
	return len(b), false
}

// skipString returns the index of the quote that ends a string.
func (s *scan) skipString(b []byte, i int) int {
	if s.escaped && i < len(b) {
		s.escaped = false
		i++
	}
	for start := i; ; {
		quote := bytes.IndexByte(b[i:], '"')
		end := i + quote
		if quote < 0 {
			end = len(b)
		}
		backslashes := 0
		for at := end - 1; at >= start && b[at] == '\\'; at-- {
			backslashes++
		}
		if quote < 0 {
			s.escaped = backslashes%2 == 1
			return end
		}
		if i = end + 1; backslashes%2 == 0 {
			s.inString = false
			return end
		}
	}
}
