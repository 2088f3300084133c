package client

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestHostNamesIdentifyClients follows names that gain, lose and hand over addresses.
func TestHostNamesIdentifyClients(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.expect(t, "10.0.0.1", "c")
		s.expect(t, "192.168.0.1", "")

		// Each address is known from the first connection.
		s.hosts["a"] = "10.0.0.1 192.168.0.1 fd00::1 ::ffff:192.168.0.2"
		for _, addr := range []string{"10.0.0.1", "192.168.0.1", "fd00::1", "192.168.0.2"} {
			s.expect(t, addr, "a")
		}
		// The service is scaled down, and up again with another address.
		s.hosts["a"] = "192.168.0.1"
		s.expect(t, "10.0.0.1", "c")
		s.hosts["a"] = "192.168.0.1 192.168.0.7"
		s.expect(t, "192.168.0.7", "a")

		// Two names of one client have the same address.
		s.hosts["b"], s.hosts["b2"] = "192.168.0.9", "192.168.0.9"
		s.expect(t, "192.168.0.9", "b")

		// Another container gets its address.
		s.hosts["a"], s.hosts["b2"] = "", "192.168.0.1"
		s.expect(t, "192.168.0.1", "b")
		s.expect(t, "192.168.0.7", "")
	})
}

// TestSharedAddressIdentifiesNoClient asserts that an address which the names of two
// clients resolve to identifies neither: at once if it is new, and after the next
// refresh if one of them had it before. An address in the configuration comes before
// a name.
func TestSharedAddressIdentifiesNoClient(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		const warning = "the names of two clients resolve to this address"
		s.hosts["a"] = "192.168.0.1"
		s.expect(t, "192.168.0.1", "a")
		s.hosts["a"], s.hosts["b"] = "192.168.0.1 192.168.0.8 10.0.0.99", "192.168.0.8"
		s.expect(t, "192.168.0.8", "")
		s.expect(t, "192.168.0.1", "a")
		s.hosts["b2"] = "192.168.0.1"
		s.expect(t, "192.168.0.1", "a")

		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.set.Run(ctx) })
		time.Sleep(3 * refreshInterval)
		cancel()
		running.Wait()
		s.expect(t, "192.168.0.1", "")
		s.expect(t, "10.0.0.99", "b")
		if got := s.lines(warning); got != 2 {
			t.Errorf("%d warnings of two addresses that two clients have, want one for each:\n%s", got, s.log)
		}
	})
}

// TestRunLogsChangesOfAddresses asserts that the log has each name without an address
// once, and again when it has lost its addresses. Other changes are at level debug.
// Another order of the addresses is not a change.
func TestRunLogsChangesOfAddresses(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.hosts["a"] = "192.168.0.1"
		var running sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		running.Go(func() { s.set.Run(ctx) })
		expect := func(none, resolved, debug int) {
			t.Helper()
			synctest.Wait()
			gotDebug := s.lines(`"level":"debug"`)
			gotNone, gotResolved := s.lines("host name has no address")+s.lines("a host name without an address"), s.lines("host name resolved")-gotDebug
			if gotNone != none || gotResolved != resolved || gotDebug != debug {
				t.Errorf("the log has %d names without an address, %d with one, %d lines for debugging, want %d, %d, %d:\n%s",
					gotNone, gotResolved, gotDebug, none, resolved, debug, s.log)
			}
		}
		resolve := func(addrs string) {
			s.mu.Lock()
			s.hosts["a"] = addrs
			s.mu.Unlock()
			time.Sleep(10 * refreshInterval)
		}
		expect(2, 1, 0)
		for _, warning := range []string{"CLIENT_B_FROM has b, a host name without", "CLIENT_B_FROM has b2, a host name without"} {
			if n := s.lines(`"level":"warn"`); n != 2 || s.lines(warning) != 1 {
				t.Errorf("%d warnings, want 2, and one that says %q:\n%s", n, warning, s.log)
			}
		}
		resolve("192.168.0.1")
		expect(2, 1, 0)
		resolve("192.168.0.2 192.168.0.3")
		expect(2, 1, 1)
		resolve("192.168.0.3 192.168.0.2")
		expect(2, 1, 1)
		resolve("")
		expect(3, 1, 1)
		resolve("192.168.0.1")
		expect(3, 2, 1)
		cancel()
		running.Wait()
	})
}

// TestKeptConnectionFollowsItsName asserts that a connection loses its client within
// a second after the name has moved to another address, with one lookup a second.
func TestKeptConnectionFollowsItsName(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.hosts["a"] = "192.168.0.1"
		conn := connFrom("192.168.0.1")
		request := func(want string) {
			t.Helper()
			if c, _ := s.set.Identify(conn); c.Name != want {
				t.Errorf("%v after the connection: client %q, want %q", time.Since(conn.Accepted), c.Name, want)
			}
		}
		request("a")
		s.hosts["a"] = "192.168.0.2"
		for range 100 {
			time.Sleep(maxLookupAge / 100)
			request("a")
		}
		if s.lookups["a"] != 1 {
			t.Errorf("%d lookups for 100 requests in a second, want 1", s.lookups["a"])
		}
		time.Sleep(time.Millisecond)
		request("")
		s.hosts["a"] = "192.168.0.1"
		time.Sleep(time.Hour)
		request("a")
	})
}

// TestAllowFromAdmitsHostNames asserts that ALLOW_FROM admits the addresses of its host
// names, and that these do not change which client it is.
func TestAllowFromAdmitsHostNames(t *testing.T) {
	inSite(t, "friend,a,10.0.0.99", func(t *testing.T, s site) {
		expect := func(addr, want string, wantAdmitted bool) {
			t.Helper()
			time.Sleep(time.Millisecond)
			if c, admitted := s.set.Identify(connFrom(addr)); c.Name != want || admitted != wantAdmitted {
				t.Errorf("%s is client %q, admitted %v, want %q, %v", addr, c.Name, admitted, want, wantAdmitted)
			}
		}
		expect("192.168.0.1", "", false)
		s.hosts["friend"] = "192.168.0.1 10.0.0.1"
		expect("192.168.0.1", "", true)
		expect("10.0.0.1", "c", true)
		expect("10.0.0.2", "c", false)
		expect("10.0.0.99", "b", true)
		// One address has a name in ALLOW_FROM and a client's name.
		s.hosts["b"] = "192.168.0.1"
		expect("192.168.0.1", "b", true)
		s.hosts["a"] = "192.168.0.2"
		expect("192.168.0.2", "a", true)
		s.silence(true)
		expect("192.168.0.1", "b", true)
		expect("192.168.0.2", "a", true)
		expect("192.168.0.3", "", false)
	})
}

// TestOwnListenerComesBeforeName asserts that a connection to a client's own listener
// is that client's although its address has another client's name, which ALLOW_FROM
// has too.
func TestOwnListenerComesBeforeName(t *testing.T) {
	inSite(t, "a", func(t *testing.T, s site) {
		s.hosts["a"] = "192.168.0.1"
		owner := &Client{Name: "owner"}
		conn := connFrom("192.168.0.1")
		conn.Owner = owner
		if c, admitted := s.set.Identify(conn); c != owner || !admitted {
			t.Errorf("client %q, admitted %v, want owner, true", c.Name, admitted)
		}
	})
}

func TestNamesDoNotAllocate(t *testing.T) {
	dns := &fakeDNS{t: t, hosts: map[string]string{"a": "192.168.0.1"}, lookups: map[string]int{}}
	set := NewSet(&Client{}, []*Client{{Name: "a", From: from(t, "a")}}, from(t, "a"), zerolog.Nop())
	set.names.dns = dns
	conn := &Conn{Addr: netip.MustParseAddr("192.168.0.1"), Accepted: time.Now()}
	if allocs := testing.AllocsPerRun(1000, func() { set.Identify(conn) }); allocs != 0 {
		t.Errorf("%v allocations to identify a client by a name that has just been looked up, want none", allocs)
	}
}
