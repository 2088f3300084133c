package client

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Set identifies clients. The zero Set refuses every connection. Make it with
// [NewSet].
type Set struct {
	// defaultClient has the connections that belong to no declared client.
	defaultClient *Client
	// subnets has the addresses and subnets of the declared clients, the smallest
	// first. An address is a subnet of one.
	subnets []subnet
	// byAddress is whether a declared client has an address, a subnet or a name.
	byAddress bool
	// byCert has the declared clients with certificates.
	byCert []*Client
	// allowFrom limits connections unless it is empty.
	allowFrom From
	// names has the host names of the declared clients and of allowFrom.
	names *resolver
}

type subnet struct {
	netip.Prefix
	client *Client
}

// NewSet returns the set of the declared clients. All other connections are the
// default client's. An empty allowFrom admits every address. Two clients must not
// have the same item in their From; the configuration refuses that.
//
// Call [Set.Run] as well, or the log does not tell which names have no address.
func NewSet(defaultClient *Client, declared []*Client, allowFrom From, log zerolog.Logger) *Set {
	s := &Set{
		defaultClient: defaultClient,
		allowFrom:     allowFrom,
		names:         &resolver{dns: &net.Resolver{PreferGo: true}, log: log},
	}
	for _, c := range declared {
		s.byAddress = s.byAddress || !c.From.Empty()
		if !c.Cert.Empty() {
			s.byCert = append(s.byCert, c)
		}
		for _, p := range c.From.Prefixes {
			s.subnets = append(s.subnets, subnet{p, c})
		}
		for _, name := range c.From.Names {
			s.names.add(name).client = c
		}
	}
	slices.SortFunc(s.subnets, func(a, b subnet) int { return b.Bits() - a.Bits() })
	for _, name := range allowFrom.Names {
		s.names.add(name).allowed = true
	}
	return s
}

// Identify returns the client of a request on a connection, and whether the
// connection is admitted at all. The client is never nil. Call it for each
// request: a host name can move to another container while a connection lasts.
//
// A listener's owner comes before a certificate, a certificate before an address,
// an address before a host name, a host name before a subnet, and a small subnet
// before a large one. A certificate that two clients have identifies neither.
// ALLOW_FROM limits addresses also on a client's own TCP listener.
//
// Where a host name matters, and its last lookup began before the connection was
// accepted or more than a second ago, Identify waits for another lookup. That takes
// about 2 s if the resolver has just become silent, and up to 0.4 s while it stays
// silent. A silent resolver changes no address's client.
//
// Identify is safe for concurrent use.
func (s *Set) Identify(conn *Conn) (c *Client, admitted bool) {
	if s.defaultClient == nil || conn.Accepted.IsZero() {
		return &Client{}, false
	}
	if !conn.Addr.IsValid() {
		return cmp.Or(conn.Owner, s.defaultClient), true
	}
	smallest := s.subnet(conn.Addr)
	c = conn.Owner
	if owners := s.certified(conn.Cert); c == nil && len(owners) == 1 {
		c = owners[0]
	}
	if c == nil && smallest.IsSingleIP() {
		c = smallest.client
	}
	admitted = s.allowFrom.Empty() || s.allowFrom.contains(conn.Addr)
	if c == nil || !admitted {
		oldest := time.Now().Add(-maxLookupAge)
		if conn.Accepted.After(oldest) {
			oldest = conn.Accepted
		}
		named, allowed := s.names.identify(conn.Addr, oldest, c == nil, !admitted)
		c, admitted = cmp.Or(c, named), admitted || allowed
	}
	return cmp.Or(c, smallest.client, s.defaultClient), admitted
}

// subnet returns the smallest subnet of a declared client that contains the
// address, or the zero subnet.
func (s *Set) subnet(a netip.Addr) subnet {
	for _, sub := range s.subnets {
		if sub.Contains(a) {
			return sub
		}
	}
	return subnet{}
}

// ShutsOut reports whether ALLOW_FROM admits no connection from an address,
// whatever host names resolve to. It does not wait.
func (s *Set) ShutsOut(a netip.Addr) bool {
	return !s.allowFrom.Empty() && len(s.allowFrom.Names) == 0 && a.IsValid() && !s.allowFrom.contains(a)
}

// Unmatched says why a connection belongs to no declared client, for the message of a
// refusal. c is what Identify returned. It returns "" if c is a declared client, if
// conn is nil, or if no declared client has an address or a certificate.
func (s *Set) Unmatched(conn *Conn, c *Client) string {
	if conn == nil || c != s.defaultClient {
		return ""
	}
	if len(s.byCert) > 0 && conn.Cert != nil {
		name := fmt.Sprintf("the certificate %q belongs to ", CertName(conn.Cert))
		var names []string
		for _, other := range s.certified(conn.Cert) {
			names = append(names, other.Name)
		}
		if len(names) > 1 {
			return name + "the clients " + strings.Join(names, " and ") + ", and so to none of them"
		}
		return name + "none of the declared clients"
	}
	if s.byAddress && conn.Addr.IsValid() {
		return conn.Addr.String() + " is none of the declared clients"
	}
	return ""
}

// Run looks up all host names every five seconds until ctx is done.
func (s *Set) Run(ctx context.Context) { s.names.run(ctx) }

// Unresolved describes the host names that have no address now, and those about which
// the resolver is silent. It is empty before the first lookup, which [Set.Run] begins.
func (s *Set) Unresolved() []string { return s.names.unresolved() }
