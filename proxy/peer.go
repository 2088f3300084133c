package proxy

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"postern/acl"
	"postern/proxy/client"
)

// Listener accepts connections.
type Listener struct {
	net.Listener
	// Owner is the one client that connects here; nil if everybody does.
	Owner *client.Client
}

// peer is the other end of a client's connection.
type peer struct {
	client.Conn
	conn net.Conn
	// exchange is the request that is served now.
	exchange *exchange
}

type peerKey struct{}

// withPeer lets the requests of a connection find it. The owner is its
// listener's.
func withPeer(ctx context.Context, owner *client.Client, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, &peer{Conn: client.NewConn(owner, c.RemoteAddr()), conn: c})
}

// sender is who sent a request.
type sender struct {
	*client.Client
	// refusal is not nil for one that may not connect at all.
	refusal *acl.Verdict
	// silent keeps the request out of the log.
	silent bool
	// stranger is the address of one that no declared client has; not valid
	// where none has any.
	stranger netip.Addr
}

// nobody may do nothing.
var nobody = &client.Client{}

// identify says who sent a request. The health check works with PING=0 and an
// ALLOW_FROM, from the proxy's own container only. Whoever else connects from
// there and calls itself the health check gets the same one operation and loses
// all others.
func (p *Proxy) identify(r *http.Request) sender {
	from, ok := r.Context().Value(peerKey{}).(*peer)
	if !ok {
		return sender{Client: nobody}
	}
	if r.UserAgent() == healthAgent && from.isLocal() {
		return sender{Client: healthClient(), silent: true}
	}
	client, admitted := p.clients.Identify(&from.Conn)
	if !admitted {
		return sender{Client: client, refusal: &acl.Verdict{Rule: "ALLOW_FROM", Advice: from.Addr.String() + " is not in ALLOW_FROM"}}
	}
	return sender{Client: client, stranger: p.clients.UnmatchedAddr(&from.Conn, client)}
}

// isLocal reports whether the peer is in the proxy's own container. For TCP
// that is its network namespace: loopback, or an address that is the
// listener's own. Another container cannot send from either.
func (p *peer) isLocal() bool {
	switch c := p.conn.(type) {
	case *net.TCPConn:
		local, ok := c.LocalAddr().(*net.TCPAddr)
		return ok && (p.Addr.IsLoopback() || p.Addr == client.Canonical(local.AddrPort().Addr()))
	case *net.UnixConn:
		return hasVisiblePeer(c)
	}
	return false
}
