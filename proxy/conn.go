package proxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"postern/acl"
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
// for a header before a client is known and a request decided on. It is the one
// thing that is found through a request's context.
type clientConn struct {
	net.Conn
	from client.Conn // identifies the client

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
	holdsPlace  bool
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

// CloseWrite ends postern's direction of the connection.
func (c *clientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.inHeader.Load() {
		return n, err
	}
	c.size += n
	c.lines += bytes.Count(p[:n], []byte("\n"))
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

// beginHeader is called when net/http waits for a request, and endHeader when it
// has read the header, or never will.
func (c *clientConn) beginHeader() {
	c.size, c.lines = 0, 0
	c.inHeader.Store(true)
}

func (c *clientConn) endHeader() {
	c.inHeader.Store(false)
	if c.holdsPlace {
		<-c.places
		c.holdsPlace = false
	}
}

// keepAlive makes the kernel find out within 45 s that a client's machine is
// gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 10 * time.Second, Count: 3}

// Accept returns the next connection of a client that ALLOW_FROM may admit.
func (l *acceptor) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetKeepAliveConfig(keepAlive)
		}
		conn := &clientConn{Conn: c, from: client.NewConn(l.owner, c.RemoteAddr()), places: l.proxy.largeHeaders}
		if l.proxy.clients.ShutsOut(conn.from.Addr) && !conn.isLocal() {
			go l.proxy.turnAway(conn)
			continue
		}
		return conn, nil
	}
}

// acceptor is a listener whose connections net/http serves.
type acceptor struct {
	net.Listener
	owner *client.Client
	proxy *Proxy
}

// turnAwayLimit is how long a client that ALLOW_FROM shuts out keeps its
// connection.
const turnAwayLimit = 5 * time.Second

// turnAway refuses a connection whose address ALLOW_FROM shuts out, without
// parsing what the client sends.
func (p *Proxy) turnAway(c *clientConn) {
	defer c.Close()
	reason := c.from.Addr.String() + notAllowedFrom
	e := &Event{
		Start: time.Now(), Client: noClient, Address: c.RemoteAddr().String(),
		Decision: acl.Decision{}.Refuse("ALLOW_FROM", reason), Status: http.StatusForbidden,
	}
	for _, o := range p.observers {
		o.Begin(e)
	}
	c.SetDeadline(time.Now().Add(turnAwayLimit))
	// A client takes a response that comes before its request for an error.
	if _, err := c.Read(make([]byte, 512)); err == nil {
		response := errorResponse(e.Status, reason)
		response.Close = true
		e.Sent = response.ContentLength
		response.Write(c)
		c.CloseWrite()
		io.Copy(io.Discard, c)
	}
	e.Duration = time.Since(e.Start)
	for _, o := range p.observers {
		o.End(e)
	}
}

// connections are those that net/http serves.
type connections struct {
	mu   sync.Mutex
	open map[*clientConn]struct{}
}

// follow is the ConnState hook of the server.
func (s *connections) follow(c net.Conn, state http.ConnState) {
	base := baseConn(c)
	switch state {
	case http.StateNew:
		base.beginHeader()
		s.mu.Lock()
		s.open[base] = struct{}{}
		s.mu.Unlock()
	case http.StateActive:
		base.active.Store(true)
	case http.StateIdle:
		base.active.Store(false)
		base.beginHeader()
	case http.StateClosed, http.StateHijacked:
		base.endHeader()
		s.mu.Lock()
		delete(s.open, base)
		s.mu.Unlock()
		base.cancel()
	}
}

// sweepInterval is the time between two searches for clients that have gone.
const sweepInterval = 5 * time.Second

// sweep ends the requests of clients that have gone, until ctx is done. net/http
// notices the end of a client's bytes only if nothing is in front of it: one
// byte of a next request, or a body that nobody reads, hides it, and /events is
// silent for days.
func (s *connections) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for c := range s.open {
			if c.active.Load() && isClosedByClient(c.Conn) {
				c.cancel()
			}
		}
		s.mu.Unlock()
	}
}
