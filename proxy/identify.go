package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"postern/acl"
	"postern/proxy/client"
	"postern/proxy/logging"
)

// identity says which client sent a request, and from where. The zero value is not
// admitted.
type identity struct {
	client   *client.Client
	admitted bool // ALLOW_FROM lets the client connect
	// addr is the zero Addr on a unix socket.
	addr netip.Addr
	// address is where the client connected from, for the log.
	address string
	// cert is the name in the client's certificate, "" without one.
	cert string
	// expired is when the client's certificate expired, zero if it has not.
	expired time.Time
	// conn is what identified the client, nil for the health check.
	conn          *client.Conn
	isHealthCheck bool
}

// noClient may do nothing.
var noClient = &client.Client{}

// identify finds the client that sent a request. The health check works with
// PING=0 and with any ALLOW_FROM, but only from postern's own container. Another
// program there that sends the health check's User-Agent may use the same one
// operation, and no other.
func (p *Proxy) identify(r *http.Request) identity {
	c := connOf(r)
	if c == nil {
		return identity{client: noClient}
	}
	// A client may bind its end of a unix socket to any path, even one that
	// looks like an IP address, so RemoteAddr is not trusted there.
	id := identity{addr: c.from.Addr, address: "@"}
	if c.from.Addr.IsValid() {
		id.address = r.RemoteAddr
	}
	if r.UserAgent() == healthAgent && c.isLocal() {
		id.client, id.admitted, id.isHealthCheck = healthClient(), true, true
		return id
	}
	id.conn = &c.from
	id.client, id.admitted = p.clients.Identify(id.conn)
	if c.from.Cert != nil {
		id.cert = logging.ASCII(client.CertName(c.from.Cert))
		if time.Now().After(c.validUntil) {
			id.expired = c.validUntil
		}
	}
	return id
}

// isLocal reports whether the client runs in postern's own container. For TCP
// that means its network namespace: the address is loopback or the listener's
// own. No other container can send from either.
func (c *clientConn) isLocal() bool {
	switch conn := c.Conn.(type) {
	case *net.TCPConn:
		local, ok := conn.LocalAddr().(*net.TCPAddr)
		return ok && (c.from.Addr.IsLoopback() || c.from.Addr == client.Canonical(local.AddrPort().Addr()))
	case *net.UnixConn:
		return hasVisiblePeer(conn)
	}
	return false
}

// healthClient may use the engine's /_ping and nothing else.
var healthClient = sync.OnceValue(func() *client.Client {
	return &client.Client{Policy: acl.Compile(acl.Only("SystemPing"))}
})
