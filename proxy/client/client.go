// Package client tells which client a connection belongs to: by the listener
// that accepted it, by the client's certificate, by its remote address, or by a
// host name that resolves to this address now.
//
// An address is a weak identity. When a container is gone, Docker gives its
// address to another one on the same network, and a container with NET_RAW can
// send from an address that is still in use. A unix socket that only one client
// can open has neither weakness. Nor has a certificate, as long as its key is
// the client's alone.
//
// The files, in reading order: client.go, from.go (what CLIENT_<NAME>_FROM and
// ALLOW_FROM may contain), cert.go (the same for CLIENT_<NAME>_CERT), set.go (which
// client it is), names.go (host names) and lookup.go (their addresses now).
package client

import (
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy/limits"
)

// Client has permissions of its own. The zero Client may do nothing.
type Client struct {
	// Name is the <NAME> of CLIENT_<NAME>_FROM in lower case. The default
	// client, to which all connections of undeclared clients belong, has no name.
	Name string
	// Policy decides what the client may do. Nil refuses everything.
	Policy *acl.Policy
	// Limits hold what the policy allows within bounds. Nil limits nothing.
	Limits *limits.Limits
	// Dangers lists what the client can do that its operations' names do not say. Nil
	// stands for the dangers of its policy.
	Dangers func() []advise.Danger
	// From lists the addresses and host names that the client connects from, and
	// Cert its certificates. Both are empty for a client that has only a listener of
	// its own.
	From From
	Cert Cert
}

// Conn is what identifies the client of one connection. The zero Conn is
// refused. Make it with [NewConn].
type Conn struct {
	// Owner is the client whose own listener accepted the connection. It is nil
	// for a listener that all clients share.
	Owner *Client
	// Addr is the remote address as [Canonical] returns it. It is the zero Addr
	// on a unix socket, where the mode of the file limits who can connect.
	Addr netip.Addr
	// Accepted is when the connection was accepted. Addresses of host names that
	// were looked up earlier do not identify it.
	Accepted time.Time
	// Cert is the client's certificate, which a CA of the listener's has signed. It
	// is nil for a client that has shown none.
	Cert *x509.Certificate
}

// NewConn describes a connection that was just accepted from a remote address. If
// owner is not nil, its own listener accepted the connection. NewConn returns the
// zero Conn for an address that is neither TCP's nor a unix socket's.
func NewConn(owner *Client, remote net.Addr) Conn {
	conn := Conn{Owner: owner, Accepted: time.Now()}
	switch remote := remote.(type) {
	case *net.UnixAddr:
		return conn
	case *net.TCPAddr:
		if conn.Addr = Canonical(remote.AddrPort().Addr()); conn.Addr.IsValid() {
			return conn
		}
	}
	return Conn{}
}

// Canonical returns the form in which addresses are compared: IPv4 is never
// mapped into IPv6, and there is no zone.
func Canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
