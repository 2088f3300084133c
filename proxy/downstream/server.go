// Package downstream speaks HTTP/1.x with the clients of a reverse proxy.
//
// Requests are read by net/http's parser; what is here is the loop around it.
// http.Server would do, at a third more CPU for a short request, with two
// goroutines and 10 KiB of buffers for every stream that is silent, and with
// plain text where the engine's clients want JSON.
package downstream

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves connections. Its fields are not to be changed after the first
// Serve.
type Server struct {
	// Handler answers a request. The request's context ends when the client's
	// bytes have come to their end, without a cause, or with the connection's.
	Handler func(w *Response, r *http.Request)
	// Refuse answers what is not a request, with a status and why.
	Refuse func(w *Response, status int, reason string)
	// HeadTimeout limits how long the head of a request may take, IdleTimeout
	// how long a connection may wait for one. Nothing else has a limit.
	HeadTimeout, IdleTimeout time.Duration
	// MaxHead is the most bytes that the head of a request may have.
	MaxHead int
	// Log gets what is wrong with listeners and handlers.
	Log *log.Logger

	stopping atomic.Bool
	mu       sync.Mutex
	all      map[*conn]bool
}

// Serve accepts connections until the listener fails or is closed, and returns
// why. Connect returns the context of a connection.
func (s *Server) Serve(l net.Listener, connect func(net.Conn) context.Context) error {
	for wait := time.Duration(0); ; {
		c, err := l.Accept()
		if err == nil {
			wait = 0
			if stream, ok := c.(Stream); ok {
				s.serve(stream, connect(c))
			} else {
				c.Close()
			}
			continue
		}
		// Descriptors have run out, or a client has gone before its turn.
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			return err
		}
		wait = min(max(5*time.Millisecond, 2*wait), time.Second)
		s.Log.Printf("Accept error: %v; retrying in %v", err, wait)
		time.Sleep(wait)
	}
}

func (s *Server) serve(stream Stream, ctx context.Context) {
	c, err := newConn(s, stream)
	if err != nil {
		stream.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		stream.Close()
		return
	}
	if s.all == nil {
		s.all = map[*conn]bool{}
	}
	s.all[c] = true
	go c.serve(ctx)
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, c)
}

// Shutdown closes connections on which no request has begun to come, and waits
// until the others have been answered or ctx is done. The listeners are the
// caller's to close before. A connection that was taken over is the handler's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.each((*conn).closeIdle) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// Close cuts all connections.
func (s *Server) Close() { s.each(func(c *conn) { c.Stream.Close() }) }

// each does something to all connections and returns how many there are.
func (s *Server) each(do func(*conn)) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.all {
		do(c)
	}
	return len(s.all)
}
