package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"postern/acl"
	"postern/proxy/client"
)

// keepAlive makes the kernel find out within 45 s that a client's machine is
// gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 10 * time.Second, Count: 3}

// acceptor is a listener whose connections net/http serves.
type acceptor struct {
	net.Listener
	owner *client.Client
	proxy *Proxy
}

// Accept returns the next connection of a client that ALLOW_FROM may admit.
func (l *acceptor) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := &clientConn{Conn: c, raw: c, from: client.NewConn(l.owner, c.RemoteAddr()), places: l.proxy.largeHeaders}
		switch c := c.(type) {
		case *net.TCPConn:
			c.SetKeepAliveConfig(keepAlive)
		case *tls.Conn:
			conn.describe(c)
		}
		if l.proxy.clients.ShutsOut(conn.from.Addr) && !conn.isLocal() {
			go l.proxy.turnAway(conn)
			continue
		}
		return conn, nil
	}
}

// describe notes what a TLS connection's handshake said about the client.
func (c *clientConn) describe(secure *tls.Conn) {
	c.raw = secure.NetConn().(*tlsTransport).Conn
	state := secure.ConnectionState()
	if len(state.VerifiedChains) > 0 { // else nobody has verified PeerCertificates
		c.from.Cert = state.PeerCertificates[0]
		c.validUntil = client.ValidUntil(state.VerifiedChains)
	}
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
