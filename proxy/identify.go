package proxy

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"postern/acl"
	"postern/proxy/client"
	"postern/proxy/hijack"
)

// connection is a client's connection. It is the one thing that is found
// through a request's context.
type connection struct {
	client.Conn
	conn net.Conn
	// ctx is done when postern cuts all requests. A request's own context is
	// also done when the client has closed one direction of the connection.
	ctx context.Context
	// resume serves further requests of a connection that hijack gave back.
	resume func(*hijack.Conn)
}

type connectionKey struct{}

// withConnection lets the requests of a connection find it. The owner is the
// client that the listener belongs to, nil for one that is open to all.
func withConnection(ctx context.Context, owner *client.Client, c net.Conn, resume func(*hijack.Conn)) context.Context {
	conn := &connection{Conn: client.NewConn(owner, c.RemoteAddr()), conn: c, ctx: ctx, resume: resume}
	return context.WithValue(ctx, connectionKey{}, conn)
}

func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// identity is what is known about the sender of a request. The zero value is
// not admitted.
type identity struct {
	client   *client.Client
	admitted bool // ALLOW_FROM lets the client connect
	// addr is the zero Addr on a unix socket.
	addr netip.Addr
	// address is where the client connected from, for the log.
	address string
	// unmatched is the address of a client that has the unprefixed policy
	// because no declared client has this address. Else it is the zero Addr.
	unmatched     netip.Addr
	isHealthCheck bool
}

// noClient may do nothing.
var noClient = &client.Client{}

// identify finds the client that sent a request. The health check works with
// PING=0 and with any ALLOW_FROM, but only from postern's own container. Another
// program there that calls itself the health check gets the same one operation
// and loses all others.
func (p *Proxy) identify(r *http.Request) identity {
	c := connectionOf(r)
	if c == nil {
		return identity{client: noClient}
	}
	// A client may bind its end of a unix socket to any path, even one that
	// looks like an IP address, so RemoteAddr is not trusted there.
	id := identity{addr: c.Addr, address: "@"}
	if c.Addr.IsValid() {
		id.address = r.RemoteAddr
	}
	if r.UserAgent() == healthAgent && c.isLocal() {
		id.client, id.admitted, id.isHealthCheck = healthClient(), true, true
		return id
	}
	id.client, id.admitted = p.clients.Identify(&c.Conn)
	id.unmatched = p.clients.UnmatchedAddr(&c.Conn, id.client)
	return id
}

// isLocal reports whether the client runs in postern's own container. For TCP
// that means its network namespace: the address is loopback or the listener's
// own. No other container can send from either.
func (c *connection) isLocal() bool {
	conn := c.conn
	if below, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = below.NetConn()
	}
	switch conn := conn.(type) {
	case *net.TCPConn:
		local, ok := conn.LocalAddr().(*net.TCPAddr)
		return ok && (c.Addr.IsLoopback() || c.Addr == client.Canonical(local.AddrPort().Addr()))
	case *net.UnixConn:
		return hasVisiblePeer(conn)
	}
	return false
}

// healthClient may use the engine's /_ping and nothing else.
var healthClient = sync.OnceValue(func() *client.Client {
	return &client.Client{Policy: acl.Compile(acl.Only("SystemPing"))}
})
