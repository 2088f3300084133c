package client

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// book says whose an address is.
type book struct {
	written  table // what the configuration says
	hasNames bool
	named    atomic.Pointer[map[netip.Addr]*Client] // what names resolve to
	disputed map[netip.Addr]bool                    // what they resolve to twice; the resolver's
}

func newBook() *book {
	b := &book{written: table{exact: map[netip.Addr]*Client{}}}
	b.named.Store(&map[netip.Addr]*Client{})
	return b
}

func (b *book) add(c *Client, from From, names *resolver) {
	for _, p := range from.Prefixes {
		b.written.add(p, c)
	}
	for _, name := range from.Names {
		b.hasNames = true
		names.add(name, entry{b, c})
	}
}

// find returns whose an address is, or nil: an address that is written down
// comes before a name, a name before a subnet, a small subnet before a large
// one. It does not allocate.
func (b *book) find(a netip.Addr) *Client {
	if c := b.written.exact[a]; c != nil {
		return c
	}
	if c := (*b.named.Load())[a]; c != nil {
		return c
	}
	return b.written.subnet(a)
}

// table maps addresses and subnets to clients.
type table struct {
	exact   map[netip.Addr]*Client
	subnets []sameLength // the longest prefixes first
}

// sameLength holds the subnets of one prefix length, IPv4's and IPv6's.
type sameLength struct {
	bits    int
	clients map[netip.Prefix]*Client
}

func (t *table) add(p netip.Prefix, c *Client) {
	if p.IsSingleIP() {
		t.exact[p.Addr()] = c
		return
	}
	i, found := slices.BinarySearchFunc(t.subnets, p.Bits(), func(l sameLength, bits int) int { return bits - l.bits })
	if !found {
		t.subnets = slices.Insert(t.subnets, i, sameLength{p.Bits(), map[netip.Prefix]*Client{}})
	}
	t.subnets[i].clients[p] = c
}

func (t *table) find(a netip.Addr) *Client {
	if c := t.exact[a]; c != nil {
		return c
	}
	return t.subnet(a)
}

func (t *table) subnet(a netip.Addr) *Client {
	for _, l := range t.subnets {
		if l.bits > a.BitLen() {
			continue
		}
		p, err := a.Prefix(l.bits)
		if c := l.clients[p]; err == nil && c != nil {
			return c
		}
	}
	return nil
}
