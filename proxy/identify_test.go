package proxy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy/client"
	"postern/proxy/engine"
)

// from is a connection that only has a remote address.
type from struct {
	net.Conn
	addr netip.AddrPort
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(f.addr) }

// TestDecisionDoesNotAllocate asserts that identifying a client and deciding on
// its request allocates nothing, with 100 clients, 1,000 subnets, host names and
// ALLOW_FROM.
func TestDecisionDoesNotAllocate(t *testing.T) {
	read := func(list string) (f client.From) {
		if err := f.UnmarshalText([]byte(list)); err != nil {
			t.Fatal(err)
		}
		return f
	}
	var declared []*client.Client
	for i := range 100 {
		list := "localhost"
		for j := range 10 {
			// No two alike: some addresses, some subnets of each length.
			list += fmt.Sprintf(",10.%d.%d.0/%d,fd00:%x:%x::/%d", i, j*16, 20+j, i, j, 48+j)
		}
		declared = append(declared, &client.Client{Name: fmt.Sprint(i), Policy: acl.Compile(acl.Only("ContainerList")), From: read(list)})
	}
	set := client.NewSet(&client.Client{Policy: acl.Compile(acl.Rules{})}, declared, read("10.0.0.0/8,fd00::/8,192.168.0.1,localhost"), zerolog.Nop())
	p := New(engine.Engine{}, set, zerolog.Nop())

	for _, test := range []struct {
		addr    string
		client  string
		allowed bool
	}{
		{"10.57.32.9", "57", true},
		{"fd00:63:9::1", "99", true},
		{"192.168.0.1", "", false},
	} {
		remote := from{addr: netip.AddrPortFrom(netip.MustParseAddr(test.addr), 1)}
		conn := &clientConn{Conn: remote, raw: remote, from: client.NewConn(nil, remote.RemoteAddr())}
		ctx := conn.serve(context.Background(), nil)
		r, err := http.NewRequestWithContext(ctx, "GET", "http://docker/v1.41/containers/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		decide := func() (identity, acl.Decision) {
			id := p.identify(r)
			return id, id.client.Policy.Decide(r.Method, r.URL)
		}
		if id, d := decide(); id.client.Name != test.client || !id.admitted || (d.Outcome == acl.Allowed) != test.allowed {
			t.Errorf("%s is client %q, admitted %v, list containers: %v; want %q, admitted, allowed=%v", test.addr, id.client.Name, id.admitted, d.Outcome, test.client, test.allowed)
		}
		if n := testing.AllocsPerRun(1000, func() { decide() }); n != 0 {
			t.Errorf("a decision on a request from %s allocates %v times, want 0", test.addr, n)
		}
	}
}
