package proxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"postern/proxy/client"
	"postern/proxy/hijack"
)

// Limits of a request's header. The engine takes headers of 1 MiB. No real
// client comes near: its longest header has the registry credentials of docker
// build, some 400 bytes a registry, and its longest URL the build arguments.
const (
	// maxURL limits the request's target, in bytes.
	maxURL = 512 << 10
	// maxHeaders limits all header lines together, in bytes.
	maxHeaders = 64 << 10
	// maxHeaderLines limits their number: net/http needs 50 times the size of a
	// line of three bytes.
	maxHeaderLines = 1000
	// largeHeader is the size in bytes from which a header waits for one of
	// maxLargeHeaders places, at most headerTimeout, before more of it is read.
	largeHeader     = 64 << 10
	maxLargeHeaders = 16
)

// tooManyLines is the response to a header of more than maxHeaderLines lines,
// in plain text like those of net/http to what it cannot parse.
const tooManyLines = "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"431 Request Header Fields Too Large"

// clientConn is a client's connection. It bounds the memory that net/http needs
// for a header before a client is known and a request decided on. [connOf] finds
// it through a request's context.
type clientConn struct {
	net.Conn
	from client.Conn // identifies the client
	// raw is the connection that the listener accepted: Conn, or what is below it
	// on a TLS listener.
	raw net.Conn
	// validUntil is when the certificate in from expires.
	validUntil time.Time
	truncated  atomic.Bool // the other side must not take the end for a complete one

	// cutting is done when postern cuts all requests. A request's own context is
	// also done when the client has closed its direction of the connection,
	// which cancel makes it.
	cutting context.Context
	cancel  context.CancelFunc
	// resume serves further requests of a connection that hijack gave back.
	resume func(*hijack.Conn)
	active atomic.Bool // a request is being read or served

	places      chan struct{} // has room for maxLargeHeaders
	inHeader    atomic.Bool
	size, lines int // of the header, as far as it was read
	// begun is whether the header has a byte that is no line break, which net/http may skip
	// in front of it, and inLine whether its last line has one.
	begun, inLine bool
	holdsPlace    bool
}

type connKey struct{}

// serve lets the requests of a connection find it, and returns their context.
func (c *clientConn) serve(cutting context.Context, resume func(*hijack.Conn)) context.Context {
	ctx, cancel := context.WithCancel(context.WithValue(cutting, connKey{}, c))
	c.cutting, c.cancel, c.resume = cutting, cancel, resume
	return ctx
}

// connOf returns the connection of a request, or nil.
func connOf(r *http.Request) *clientConn {
	c, _ := r.Context().Value(connKey{}).(*clientConn)
	return c
}

// baseConn returns the connection that the listener accepted, or nil.
func baseConn(c net.Conn) *clientConn {
	for {
		if base, ok := c.(*clientConn); ok {
			return base
		}
		above, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = above.NetConn()
	}
}

// NetConn returns the connection below.
func (c *clientConn) NetConn() net.Conn { return c.Conn }

// isTLS reports whether the connection is encrypted.
func (c *clientConn) isTLS() bool { return c.Conn != c.raw }

// CloseWrite ends postern's direction of the connection.
func (c *clientConn) CloseWrite() error {
	if c.isTLS() && !c.truncated.Load() {
		if err := closeWrite(c.Conn); err != nil {
			return err
		}
	}
	// The kernel reports a hang-up only when it has sent and received FIN, which
	// close_notify is not.
	return closeWrite(c.raw)
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Truncate marks a response that broke off. Over TLS the connection then ends
// without close_notify, which would say that nothing is missing.
func (c *clientConn) Truncate() { c.truncated.Store(true) }

// Close ends the connection. When postern cuts all requests it sends no close_notify:
// nothing is complete then, and crypto/tls would wait 5 s for a client that does not
// read.
func (c *clientConn) Close() error {
	if c.truncated.Load() || c.cutting != nil && c.cutting.Err() != nil {
		return c.raw.Close()
	}
	return c.Conn.Close()
}

func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.inHeader.Load() {
		return n, err
	}
	c.size += n
	c.countLines(p[:n])
	if c.lines > maxHeaderLines {
		io.WriteString(c.Conn, tooManyLines)
		return 0, io.EOF
	}
	if c.size > largeHeader && !c.holdsPlace {
		select {
		case c.places <- struct{}{}:
			c.holdsPlace = true
		case <-time.After(headerTimeout):
			return 0, io.EOF
		}
	}
	return n, err
}

// countLines counts the lines of a header up to the empty one at its end: what comes
// behind it is the body.
func (c *clientConn) countLines(p []byte) {
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		if len(line) > 0 && (len(line) > 1 || line[0] != '\r') {
			c.begun, c.inLine = true, true
		}
		if whole {
			c.lines++
			if c.begun && !c.inLine {
				return
			}
			c.inLine = false
		}
		p = rest
	}
}

// beginHeader is called when net/http waits for a request, and endHeader when it
// has read the header, or never will.
func (c *clientConn) beginHeader() {
	c.size, c.lines, c.begun, c.inLine = 0, 0, false, false
	c.inHeader.Store(true)
}

func (c *clientConn) endHeader() {
	c.inHeader.Store(false)
	if c.holdsPlace {
		<-c.places
		c.holdsPlace = false
	}
}
