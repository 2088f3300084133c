// Package client tells who has connected: by the listener, by the peer's
// address, or by a host name that has this address now.
//
// What an address is worth as an identity is for whoever runs the proxy to
// judge: another container on the same network can take it over once it is
// free, and one with NET_RAW while it is not. A client's own unix socket has no
// such gap.
package client

import (
	"context"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
)

// Client is somebody with permissions of its own.
type Client struct {
	// Name is the <NAME> of CLIENT_<NAME>_FROM in small letters, and "" for
	// everybody who is no declared client.
	Name string
	// Policy is what the client may do. Nil is nothing.
	Policy *acl.Policy
	// From says by which addresses and names the client is known. A client that
	// has only a listener of its own has none.
	From From
}

// Conn is the other end of a connection.
type Conn struct {
	// Owner is the client whose own listener accepted the connection, nil for
	// one that is everybody's.
	Owner *Client
	// Addr is where the peer is. It is the zero Addr on a unix socket, where
	// the file's permissions have said who may connect.
	Addr netip.Addr
	// Since is when the connection was accepted.
	Accepted time.Time

	checked time.Time // when the names were last looked up for it
}

// stale is how old an answer may be when a request comes on a connection that
// is older: a name can change its container while a connection lasts.
const stale = time.Second

// Set tells clients apart. Make it with [NewSet].
type Set struct {
	everybody *Client
	byAddress bool // some client is known by an address or a name
	clients   *book
	allowed   *book // nil when anybody may connect
	names     *resolver
}

// NewSet returns the set of the declared clients; everybody is who the others
// are. An empty allowFrom lets all connect. No address may be in the From of
// two clients: which of them it then is, is not defined.
func NewSet(everybody *Client, declared []*Client, allowFrom From, log zerolog.Logger) *Set {
	s := &Set{everybody: everybody, clients: newBook(), names: newResolver(log)}
	for _, c := range declared {
		s.clients.add(c, c.From, s.names)
		s.byAddress = s.byAddress || !c.From.Empty()
	}
	if !allowFrom.Empty() {
		s.allowed = newBook()
		s.allowed.add(everybody, allowFrom, s.names)
	}
	return s
}

// Identify returns who a peer is, and whether it may connect at all.
//
// A host name's addresses are looked up anew for each connection, and for each
// request on it that finds them stale, and the answer is awaited: a container
// that has just started is known from its first request on, and an address that
// has been handed to another container does not keep the first one's
// permissions. A resolver that does not answer holds nobody up for long and
// changes nothing. Whoever is known by a listener or by an address that was
// written down does not wait.
//
// It is not for concurrent use on one Conn.
func (s *Set) Identify(p *Conn) (c *Client, admitted bool) {
	if s.dependsOnNames(p) {
		s.check(p, time.Now())
	}
	admitted = s.allowed == nil || !p.Addr.IsValid() || s.allowed.find(p.Addr) != nil
	c = p.Owner
	if c == nil && p.Addr.IsValid() {
		c = s.clients.find(p.Addr)
	}
	if c == nil {
		c = s.everybody
	}
	return c, admitted
}

// check looks the names up for a request that comes now.
func (s *Set) check(p *Conn, now time.Time) {
	if now.Sub(p.checked) < stale {
		return
	}
	since := now
	if now.Sub(p.Accepted) < stale {
		since = p.Accepted // the first request, most likely: others came with it
	}
	s.names.freshen(since, p.Addr)
	p.checked = now
}

// dependsOnNames reports whether what a name resolves to can make a difference.
func (s *Set) dependsOnNames(p *Conn) bool {
	switch {
	case !p.Addr.IsValid():
		return false
	case s.allowed != nil && s.allowed.hasNames && s.allowed.written.find(p.Addr) == nil:
		return true
	}
	return p.Owner == nil && s.clients.hasNames && s.clients.written.exact[p.Addr] == nil
}

// IsUnmatched reports whether a peer might have been a declared client, had it
// another address.
func (s *Set) IsUnmatched(p *Conn, c *Client) bool {
	return c == s.everybody && s.byAddress && p.Addr.IsValid()
}

// Run keeps the host names' addresses up to date until ctx is done.
func (s *Set) Run(ctx context.Context) { s.names.run(ctx) }

// Address is a peer's address as it is compared: IPv4 as IPv4, without a zone.
func Address(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
