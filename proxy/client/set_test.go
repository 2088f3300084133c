package client

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// TestSmallestSubnetWins compares Identify with a search through all prefixes.
func TestSmallestSubnetWins(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var declared []*Client
		owner := map[netip.Prefix]*Client{}
		for i := range 20 {
			c := &Client{Name: fmt.Sprint(i)}
			for range 10 {
				p, err := someAddr(random).Prefix(random.IntN(33))
				if err != nil {
					t.Fatal(err)
				}
				if owner[p] == nil {
					owner[p] = c
					c.From.Prefixes = append(c.From.Prefixes, p)
				}
			}
			declared = append(declared, c)
		}
		defaultClient := &Client{Name: "default"}
		set := NewSet(defaultClient, declared, From{}, zerolog.Nop())
		for range 200 {
			a := someAddr(random)
			want, bits := defaultClient, -1
			for p, c := range owner {
				if p.Contains(a) && p.Bits() > bits {
					want, bits = c, p.Bits()
				}
			}
			if got, _ := set.Identify(&Conn{Addr: a, Accepted: time.Now()}); got != want {
				t.Fatalf("seed %d: %v is client %s, want %s", seed, a, got.Name, want.Name)
			}
		}
	}
}

// someAddr returns one of few addresses, so that many are in one subnet.
func someAddr(random *rand.Rand) netip.Addr {
	b := [4]byte{10, byte(random.IntN(4)), byte(random.IntN(4) << 6), byte(random.IntN(256))}
	if random.IntN(4) > 0 {
		return netip.AddrFrom4(b)
	}
	// The same bytes as IPv6, which no IPv4 subnet may match.
	return netip.AddrFrom16([16]byte{0: b[0], 1: b[1], 2: b[2], 3: b[3], 15: 1})
}

// connFrom is a connection that is accepted now on a listener of all clients.
func connFrom(addr string) *Conn {
	return &Conn{Addr: netip.MustParseAddr(addr), Accepted: time.Now()}
}

func TestAllowFromAdmitsAddresses(t *testing.T) {
	t.Parallel()
	defaultClient, a, b := &Client{}, &Client{Name: "a", From: from(t, "10.0.0.5")}, &Client{Name: "b"}
	set := NewSet(defaultClient, []*Client{a, b}, from(t, "10.0.0.0/24,fd00::1"), zerolog.Nop())
	for _, test := range []struct {
		name     string
		conn     Conn
		client   *Client
		admitted bool
	}{
		{"address of a client", *connFrom("10.0.0.5"), a, true},
		{"another address in the subnet", *connFrom("10.0.0.6"), defaultClient, true},
		{"address outside the subnet", *connFrom("10.0.1.6"), defaultClient, false},
		{"IPv6 address in the list", *connFrom("fd00::1"), defaultClient, true},
		{"IPv6 address that is not", *connFrom("fd00::2"), defaultClient, false},
		{"loopback", *connFrom("127.0.0.1"), defaultClient, false},
		{"unix socket", Conn{Accepted: time.Now()}, defaultClient, true},
		{"own unix socket", Conn{Owner: b, Accepted: time.Now()}, b, true},
		{"own port, address of another client", Conn{Owner: b, Addr: netip.MustParseAddr("10.0.0.5"), Accepted: time.Now()}, b, true},
		{"own port, address outside the subnet", Conn{Owner: b, Addr: netip.MustParseAddr("10.9.0.5"), Accepted: time.Now()}, b, false},
	} {
		if c, admitted := set.Identify(&test.conn); c != test.client || admitted != test.admitted {
			t.Errorf("%s: client %q, admitted %v, want %q, %v", test.name, c.Name, admitted, test.client.Name, test.admitted)
		}
	}
}

// TestZeroValuesRefuse asserts that values that were not set do not open the proxy.
func TestZeroValuesRefuse(t *testing.T) {
	t.Parallel()
	set := NewSet(&Client{Name: "default"}, nil, From{}, zerolog.Nop())
	for name, test := range map[string]struct {
		set  *Set
		conn Conn
	}{
		"zero Set":                      {&Set{}, *connFrom("10.0.0.5")},
		"zero Conn":                     {set, Conn{}},
		"Conn that was never accepted":  {set, Conn{Addr: netip.MustParseAddr("10.0.0.5")}},
		"TCP without an address":        {set, NewConn(nil, &net.TCPAddr{})},
		"network that is not supported": {set, NewConn(nil, &net.UDPAddr{IP: net.IPv4(10, 0, 0, 5)})},
		"no remote address":             {set, NewConn(nil, nil)},
	} {
		if c, admitted := test.set.Identify(&test.conn); admitted || c == nil || c.Policy != nil || c.Name != "" {
			t.Errorf("%s: client %v, admitted %v, want a client without a policy, not admitted", name, c, admitted)
		}
	}
}

func TestNewConn(t *testing.T) {
	t.Parallel()
	owner := &Client{Name: "a"}
	for _, test := range []struct {
		remote net.Addr
		want   string
	}{
		{&net.TCPAddr{IP: net.ParseIP("::ffff:10.0.0.5"), Port: 80}, "10.0.0.5"},
		{&net.TCPAddr{IP: net.ParseIP("fd00::5"), Port: 80, Zone: "eth0"}, "fd00::5"},
		{&net.UnixAddr{Name: "10.0.0.5:80", Net: "unix"}, "invalid IP"},
	} {
		conn := NewConn(owner, test.remote)
		if conn.Owner != owner || conn.Addr.String() != test.want || conn.Accepted.IsZero() {
			t.Errorf("NewConn(%v) = %+v, want address %s, owner a and a time", test.remote, conn, test.want)
		}
	}
}

func TestUnmatched(t *testing.T) {
	t.Parallel()
	byAddress, byListener := &Client{Name: "a", From: from(t, "10.0.0.5")}, &Client{Name: "b"}
	for _, test := range []struct {
		name     string
		declared []*Client
		conn     *Conn
		want     string
	}{
		{"address of no client", []*Client{byAddress}, connFrom("10.0.0.6"), "10.0.0.6 is none of the declared clients"},
		{"address of a client", []*Client{byAddress}, connFrom("10.0.0.5"), ""},
		{"unix socket", []*Client{byAddress}, &Conn{Accepted: time.Now()}, ""},
		{"no client has an address", []*Client{byListener}, connFrom("10.0.0.6"), ""},
	} {
		set := NewSet(&Client{}, test.declared, From{}, zerolog.Nop())
		c, _ := set.Identify(test.conn)
		if got := set.Unmatched(test.conn, c); got != test.want {
			t.Errorf("%s: Unmatched = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestIdentifyDoesNotAllocate(t *testing.T) {
	set, conns := hundredClients(t)
	i := 0
	allocs := testing.AllocsPerRun(1000, func() {
		set.Identify(&conns[i%len(conns)])
		i++
	})
	if allocs != 0 {
		t.Errorf("%v allocations to identify a client, want none", allocs)
	}
}

func BenchmarkIdentify(b *testing.B) {
	set, conns := hundredClients(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		set.Identify(&conns[i%len(conns)])
	}
}

// hundredClients returns 100 clients with 1,000 subnets of all lengths, and
// connections of which some are in one.
func hundredClients(t testing.TB) (*Set, []Conn) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() (b [4]byte) {
		binary.BigEndian.PutUint32(b[:], random.Uint32())
		return b
	}
	var declared []*Client
	for i := range 100 {
		c := &Client{Name: fmt.Sprint(i)}
		for range 5 {
			v4, err := netip.AddrFrom4(word()).Prefix(8 + random.IntN(25))
			if err != nil {
				t.Fatal(err)
			}
			v6, err := netip.AddrFrom16([16]byte(slices.Concat([]byte{0xfd, 1, 2, 3}, sliceOf(word()), sliceOf(word()), sliceOf(word())))).Prefix(8 + random.IntN(121))
			if err != nil {
				t.Fatal(err)
			}
			c.From.Prefixes = append(c.From.Prefixes, v4, v6)
		}
		declared = append(declared, c)
	}
	conns := make([]Conn, 256)
	for i := range conns {
		conns[i] = Conn{Addr: netip.AddrFrom4(word()), Accepted: time.Now()}
	}
	return NewSet(&Client{}, declared, From{}, zerolog.Nop()), conns
}

func sliceOf(b [4]byte) []byte { return b[:] }
