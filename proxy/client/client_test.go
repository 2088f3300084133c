package client

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// from reads a list that has to be right.
func from(t testing.TB, s string) From {
	t.Helper()
	var f From
	if err := f.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFrom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want, wrong string }{
		{"", "", ""},
		{" 10.0.0.5 , 10.0.0.5,", "10.0.0.5", ""},
		{"172.20.0.0/16", "172.20.0.0/16", ""},
		{"10.0.0.5/32", "10.0.0.5", ""},
		{"0.0.0.0/0,::/0", "0.0.0.0/0,::/0", ""},
		{"fd00::5,fd00::/64", "fd00::5,fd00::/64", ""},
		{"::ffff:10.0.0.5", "10.0.0.5", ""},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8", ""},
		{"Traefik,tasks.web,my_app,a1,host.docker.internal", "traefik,tasks.web,my_app,a1,host.docker.internal", ""},
		{"10.0.0.256", "", `"10.0.0.256" is no address`},
		{"10.0.0", "", `"10.0.0" is no address`},
		{"10.0.0.5:80", "", `"10.0.0.5:80" is an endpoint`},
		{"traefik:8080", "", `"traefik:8080" is an endpoint; want the address or the host name alone`},
		{"010.0.0.5", "", `"010.0.0.5" is no address`},
		{"fe80::1%eth0", "", `"fe80::1%eth0" is link-local`},
		{"fe80::1", "", `"fe80::1" is link-local`},
		{"fe80::/64", "", `"fe80::/64" is link-local`},
		{"web.,web", "web", ""},
		{"10.0.0.5/16", "", "want 10.0.0.0/16 for all of it, or 10.0.0.5"},
		{"10.0.0.0/33", "", "is no subnet"},
		{"::ffff:0.0.0.0/64", "", "96 fixed bits"},
		{"web server", "", "neither an address"},
		{"*", "", "neither an address"},
		{"a..b", "", "neither an address"},
		{"tcp://web", "", `"tcp://web" is an endpoint`},
		{"a b", "", "a comma separates them"},
		{"abcd:12::/32,ab::1", "abcd:12::/32,ab::1", ""},
		{"10.0.0.256,fine,*", "", `"*" is neither`},
	} {
		var f From
		err := f.UnmarshalText([]byte(test.text))
		switch {
		case test.wrong != "":
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%q: error %v, want one with %q", test.text, err, test.wrong)
			}
		case err != nil:
			t.Errorf("%q: %v", test.text, err)
		case f.String() != test.want:
			t.Errorf("%q is read as %q, want %q", test.text, f, test.want)
		}
	}
}

// TestMostSpecificWins compares the book with a search through everything that
// is written down.
func TestMostSpecificWins(t *testing.T) {
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
		everybody := &Client{Name: "everybody"}
		set := NewSet(everybody, declared, From{}, zerolog.Nop())
		for range 200 {
			a := someAddr(random)
			want, bits := everybody, -1
			for p, c := range owner {
				if p.Contains(a) && p.Bits() > bits {
					want, bits = c, p.Bits()
				}
			}
			if got, _ := set.Identify(&Conn{Addr: a}); got != want {
				t.Fatalf("seed %d: %v is client %s, want %s", seed, a, got.Name, want.Name)
			}
		}
	}
}

// someAddr returns an address of a few, so that many are in a subnet together.
func someAddr(random *rand.Rand) netip.Addr {
	b := [4]byte{10, byte(random.IntN(4)), byte(random.IntN(4) << 6), byte(random.IntN(256))}
	if random.IntN(4) > 0 {
		return netip.AddrFrom4(b)
	}
	// The same bytes as IPv6, which no IPv4 subnet may match.
	return netip.AddrFrom16([16]byte{0: b[0], 1: b[1], 2: b[2], 3: b[3], 15: 1})
}

func TestAllowFrom(t *testing.T) {
	t.Parallel()
	everybody, a := &Client{}, &Client{Name: "a", From: from(t, "10.0.0.5")}
	set := NewSet(everybody, []*Client{a}, from(t, "10.0.0.0/24,fd00::1"), zerolog.Nop())
	for _, test := range []struct {
		addr     string
		client   *Client
		admitted bool
	}{
		{"10.0.0.5", a, true},
		{"10.0.0.6", everybody, true},
		{"10.0.1.6", everybody, false},
		{"fd00::1", everybody, true},
		{"fd00::2", everybody, false},
		{"127.0.0.1", everybody, false},
		{"", everybody, true}, // a unix socket's permissions have admitted it
	} {
		var p Conn
		if test.addr != "" {
			p.Addr = netip.MustParseAddr(test.addr)
		}
		if c, admitted := set.Identify(&p); c != test.client || admitted != test.admitted {
			t.Errorf("%s: client %q, admitted %v, want %q, %v", test.addr, c.Name, admitted, test.client.Name, test.admitted)
		}
	}
}

// TestOwnerWins: whoever connects to a client's own listener is that client,
// wherever from; ALLOW_FROM holds there too.
func TestOwnerWins(t *testing.T) {
	t.Parallel()
	a, b := &Client{Name: "a", From: from(t, "10.0.0.5")}, &Client{Name: "b"}
	set := NewSet(&Client{}, []*Client{a, b}, from(t, "10.0.0.0/24"), zerolog.Nop())
	if c, admitted := set.Identify(&Conn{Owner: b, Addr: netip.MustParseAddr("10.0.0.5")}); c != b || !admitted {
		t.Errorf("client %q, admitted %v, want b, true", c.Name, admitted)
	}
	if _, admitted := set.Identify(&Conn{Owner: b, Addr: netip.MustParseAddr("10.9.0.5")}); admitted {
		t.Error("an address outside ALLOW_FROM is admitted on a client's own listener")
	}
}

func TestIdentifyDoesNotAllocate(t *testing.T) {
	set, peers := hundredClients(t)
	i := 0
	allocs := testing.AllocsPerRun(1000, func() {
		set.Identify(&peers[i%len(peers)])
		i++
	})
	if allocs != 0 {
		t.Errorf("%v allocations to identify a client, want none", allocs)
	}
}

func BenchmarkIdentify(b *testing.B) {
	set, peers := hundredClients(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		set.Identify(&peers[i%len(peers)])
	}
}

// hundredClients returns 100 clients with 1,000 subnets of all lengths, and
// peers of which some are in one.
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
	peers := make([]Conn, 256)
	for i := range peers {
		peers[i] = Conn{Addr: netip.AddrFrom4(word()), Accepted: time.Now()}
	}
	return NewSet(&Client{}, declared, From{}, zerolog.Nop()), peers
}

func sliceOf(b [4]byte) []byte { return b[:] }
