package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
)

// Request is what the engine received. Only the size and the digest of a body
// are kept, so a recording stays small whatever was sent.
type Request struct {
	Method string
	// Target is the request target exactly as on the wire: path, escapes,
	// query, or an absolute URL.
	Target string
	Host   string
	Header http.Header
	// ContentLength is what the request announced; -1 is a chunked body.
	ContentLength int64
	// BodySize is the number of body bytes that the engine has read.
	BodySize int64
	// BodySHA256 is in hexadecimal; empty until the whole body has been read,
	// and when there was none.
	BodySHA256 string
	// Ended is set when the response is complete, or the hijacked connection
	// over: because it was done, or because the client went away.
	Ended bool
}

// Requests returns what was received since the start or the last Reset, in
// order of arrival. Headers are shared and must not be changed.
func (e *Engine) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]Request, len(e.requests))
	for i, r := range e.requests {
		all[i] = *r
	}
	return all
}

// Reset forgets what was received, requests still under way included.
func (e *Engine) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = nil
}

// Await returns the first recorded request that matches and waits for it if
// need be. It tries again as bodies are read and responses end, so match may look
// at those too; it must not call the Engine. Once ctx is done the error is ctx's.
func (e *Engine) Await(ctx context.Context, match func(Request) bool) (Request, error) {
	defer context.AfterFunc(ctx, func() {
		e.mu.Lock() // else the wake-up may come just before the wait
		defer e.mu.Unlock()
		e.changed.Broadcast()
	})()
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return Request{}, fmt.Errorf("no such request among the %d recorded: %w", len(e.requests), err)
		}
		for _, r := range e.requests {
			if match(*r) {
				return *r, nil
			}
		}
		e.changed.Wait()
	}
}

// record adds r and has the reading of its body recorded.
func (e *Engine) record(r *http.Request) *Request {
	rec := &Request{
		Method:        r.Method,
		Target:        r.RequestURI,
		Host:          r.Host,
		Header:        r.Header.Clone(),
		ContentLength: r.ContentLength,
	}
	if r.Body != http.NoBody {
		r.Body = &recordedBody{ReadCloser: r.Body, engine: e, rec: rec, hash: sha256.New()}
	}
	e.change(func() { e.requests = append(e.requests, rec) })
	return rec
}

func (e *Engine) end(rec *Request) { e.change(func() { rec.Ended = true }) }

func (e *Engine) change(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	e.changed.Broadcast()
}

type recordedBody struct {
	io.ReadCloser
	engine *Engine
	rec    *Request
	hash   hash.Hash
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.hash.Write(p[:n])
	b.engine.change(func() {
		b.rec.BodySize += int64(n)
		if err == io.EOF {
			b.rec.BodySHA256 = hex.EncodeToString(b.hash.Sum(nil))
		}
	})
	return n, err
}
