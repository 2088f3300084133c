package proxy

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

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
	client.Peer
	conn net.Conn
	// exchange is the request that is served now.
	exchange *exchange
}

type peerKey struct{}

// withPeer lets the requests of a connection find it. The owner is its
// listener's.
func withPeer(ctx context.Context, owner *client.Client, c net.Conn) context.Context {
	p := &peer{Peer: client.Peer{Owner: owner, Since: time.Now()}, conn: c}
	if remote, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		p.Addr = client.Address(remote.AddrPort().Addr())
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// sender is who sent a request.
type sender struct {
	*client.Client
	// refused says why one may not connect at all, and is "" otherwise.
	refused string
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
	client, admitted := p.clients.Identify(&from.Peer)
	if !admitted {
		return sender{Client: client, refused: from.Addr.String() + " is not in ALLOW_FROM"}
	}
	s := sender{Client: client}
	if p.clients.Stranger(&from.Peer, client) {
		s.stranger = from.Addr
	}
	return s
}

// isLocal reports whether the peer is in the proxy's own container. For TCP
// that is its network namespace: loopback, or an address that is the
// listener's own. Another container cannot send from either.
func (p *peer) isLocal() bool {
	switch c := p.conn.(type) {
	case *net.TCPConn:
		local, ok := c.LocalAddr().(*net.TCPAddr)
		return ok && (p.Addr.IsLoopback() || p.Addr == client.Address(local.AddrPort().Addr()))
	case *net.UnixConn:
		return hasVisiblePeer(c)
	}
	return false
}
