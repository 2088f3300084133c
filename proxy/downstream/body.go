package downstream

import (
	"io"
	"sync/atomic"
)

// Body is the body of a request. A nil Body has come to its end.
type Body struct {
	w    *Response
	from io.Reader
	// due is set when the client sends the body: with Expect: 100-continue
	// reading is what asks for it.
	due, ended atomic.Bool
	received   atomic.Int64
}

// Read reads the body and, first, asks a client for it that waits to be asked.
func (b *Body) Read(p []byte) (int, error) {
	if !b.due.Swap(true) {
		b.w.askForBody()
	}
	n, err := b.from.Read(p)
	b.received.Add(int64(n))
	if err == io.EOF && !b.ended.Load() {
		// In this order: behind the end the connection may be another request's.
		b.w.c.watch.start(b.w.c)
		b.ended.Store(true)
	}
	return n, err
}

// Close does nothing: net/http's reads the body to its end.
func (b *Body) Close() error { return nil }

// Received is how many bytes have been read.
func (b *Body) Received() int64 {
	if b == nil {
		return 0
	}
	return b.received.Load()
}

// Ended reports whether the body has been read to its end.
func (b *Body) Ended() bool { return b == nil || b.ended.Load() }

// Due reports whether the client sends the body, or has sent it.
func (b *Body) Due() bool { return b == nil || b.due.Load() }
