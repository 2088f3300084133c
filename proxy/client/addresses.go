package client

import (
	"net/netip"
	"slices"
)

// prefixTable maps addresses and subnets to clients. Its methods that look up do
// not allocate. Make it with a map.
type prefixTable struct {
	clients map[netip.Prefix]*Client
	lengths []int // the prefix lengths in clients, longest first
}

func (t *prefixTable) add(p netip.Prefix, c *Client) {
	t.clients[p] = c
	longestFirst := func(a, b int) int { return b - a }
	if i, found := slices.BinarySearchFunc(t.lengths, p.Bits(), longestFirst); !found {
		t.lengths = slices.Insert(t.lengths, i, p.Bits())
	}
}

// address returns the client of the address itself, or nil.
func (t *prefixTable) address(a netip.Addr) *Client {
	return t.clients[netip.PrefixFrom(a, a.BitLen())]
}

// longest returns the client of the smallest subnet that contains the address,
// or nil. An address is a subnet of one.
func (t *prefixTable) longest(a netip.Addr) *Client {
	for _, bits := range t.lengths {
		if bits > a.BitLen() {
			continue // of IPv6 subnets, and the address is IPv4
		}
		p, err := a.Prefix(bits)
		if c := t.clients[p]; err == nil && c != nil {
			return c
		}
	}
	return nil
}
