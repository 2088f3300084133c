package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"postern/proxy/readahead"
)

// stream is what TCP and unix connections have in common.
type stream interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// clientConn is a client's connection. It makes one system call of what net/http
// reads and writes in small pieces, when the exchange that is being served
// tells it to; else it is the connection itself.
type clientConn struct {
	stream

	// reader is nil until a body is large; ahead is set while one is read.
	reader *readahead.Reader
	ahead  atomic.Bool

	mu        sync.Mutex
	gathering bool
	copying   bool        // of what is written, since it is to be sent later
	pieces    net.Buffers // to be written
	scratch   []byte      // holds pieces that were copied; nil without any
	left      atomic.Bool // pieces wait for what net/http writes next
}

const (
	// smallPiece is the size of net/http's buffers, which it uses again.
	smallPiece = 4 << 10
	// scratchSize is room for the pieces of a chunk that are copied.
	scratchSize = 32 << 10
)

var scratchPool = sync.Pool{New: func() any { return new([scratchSize]byte) }}

// gather keeps back what is written until send.
func (c *clientConn) gather() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering, c.copying = true, false
}

// hold keeps back what is written until leave and the next write; it returns
// false when size bytes are too much for that.
func (c *clientConn) hold(size int) bool {
	if size > scratchSize-2*smallPiece {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering, c.copying = true, true
	return true
}

// leave ends a hold.
func (c *clientConn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = false
	c.left.Store(len(c.pieces) > 0)
}

// send writes what has been gathered.
func (c *clientConn) send() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

func (c *clientConn) flush() error {
	c.gathering = false
	c.left.Store(false)
	if len(c.pieces) == 0 {
		return nil
	}
	_, err := c.pieces.WriteTo(c.stream)
	c.pieces = nil
	if c.scratch != nil {
		scratchPool.Put((*[scratchSize]byte)(c.scratch[:scratchSize]))
		c.scratch = nil
	}
	return err
}

func (c *clientConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gathering && len(c.pieces) == 0 {
		return c.stream.Write(b)
	}
	if !c.gathering {
		c.pieces = append(c.pieces, b)
		return len(b), c.flush()
	}
	if len(b) <= smallPiece || c.copying {
		if c.scratch == nil {
			c.scratch = scratchPool.Get().(*[scratchSize]byte)[:0]
		}
		if len(b) > cap(c.scratch)-len(c.scratch) {
			c.pieces = append(c.pieces, b)
			err := c.flush()
			c.gathering = true
			return len(b), err
		}
		start := len(c.scratch)
		c.scratch = append(c.scratch, b...)
		b = c.scratch[start:]
	}
	c.pieces = append(c.pieces, b)
	return len(b), nil
}

func (c *clientConn) Read(b []byte) (int, error) {
	// Whoever waits for the client must not wait for what it did not get.
	if c.left.Load() {
		if err := c.send(); err != nil {
			return 0, err
		}
	}
	if c.reader != nil && (c.ahead.Load() || len(c.reader.Ahead()) > 0) {
		return c.reader.Read(b)
	}
	return c.stream.Read(b)
}

// readAhead takes as much as the client has sent from now on.
func (c *clientConn) readAhead() {
	if c.reader == nil {
		var err error
		if c.reader, err = readahead.New(c.stream); err != nil {
			c.reader = nil
			return
		}
	}
	c.ahead.Store(true)
}

func (c *clientConn) CloseWrite() error {
	if c.left.Load() {
		c.send()
	}
	return c.stream.CloseWrite()
}

func (c *clientConn) Close() error {
	if c.left.Load() {
		c.send()
	}
	return c.stream.Close()
}
