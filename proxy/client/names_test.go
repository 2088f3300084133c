package client

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// fakeDNS is a resolver that does what its fields say.
type fakeDNS struct {
	t  *testing.T
	mu sync.Mutex
	// hosts has the addresses of names. A name that is missing does not exist.
	hosts map[string]string
	// silent names get no answer.
	silent map[string]bool
	// silentReverse gives no answer about addresses.
	silentReverse bool
	// delay passes before each answer.
	delay time.Duration
	// onReverse is called at each reverse lookup.
	onReverse func()
	// err is the error of every lookup.
	err error
	// lookups counts the lookups of each name.
	lookups map[string]int
}

func (d *fakeDNS) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	name, whole := strings.CutSuffix(host, ".")
	if !whole || network != "ip" {
		d.t.Errorf("lookup of %s %s, want one of ip and a name that ends in a dot", network, host)
	}
	d.mu.Lock()
	d.lookups[name]++
	silent, delay, list, err := d.silent[name], d.delay, d.hosts[name], d.err
	d.mu.Unlock()
	if silent {
		delay = time.Hour
	}
	if wait(ctx, delay) {
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	if err == nil && list == "" {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var addrs []netip.Addr
	for s := range strings.FieldsSeq(list) {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs, err
}

func (d *fakeDNS) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	d.mu.Lock()
	delay := d.delay
	if d.silentReverse {
		delay = time.Hour
	}
	if d.onReverse != nil {
		d.onReverse()
	}
	d.mu.Unlock()
	if wait(ctx, delay) {
		return nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	}
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

// wait returns after a time, and whether the context ended first.
func wait(ctx context.Context, d time.Duration) (timedOut bool) {
	if d == 0 {
		return false
	}
	select {
	case <-ctx.Done():
		return true
	case <-time.After(d):
		return false
	}
}

// silence makes the resolver silent about everything.
func (d *fakeDNS) silence(silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = map[string]bool{"a": silent, "b": silent, "b2": silent, "friend": silent}
	d.silentReverse = silent
}

// site is a set with a fake resolver and the clients a and b, known by these
// names and b2, and c, known by the subnet 10.0.0.0/8. b has 10.0.0.99 too.
type site struct {
	*fakeDNS
	set *Set
	log *bytes.Buffer
}

// inSite runs a test in a site, on a clock that jumps ahead when all wait.
func inSite(t *testing.T, allowFrom string, test func(*testing.T, site)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{t: t, hosts: map[string]string{}, silent: map[string]bool{}, lookups: map[string]int{}}
		log := new(bytes.Buffer)
		set := NewSet(&Client{}, []*Client{
			{Name: "a", From: from(t, "a")},
			{Name: "b", From: from(t, "b,b2,10.0.0.99")},
			{Name: "c", From: from(t, "10.0.0.0/8")},
		}, from(t, allowFrom), zerolog.New(log))
		set.names.dns = dns
		test(t, site{dns, set, log})
	})
}

// expect identifies the client of a new connection, 1 ms after the last step, and
// returns how long that took.
func (s site) expect(t *testing.T, addr, want string) (waited time.Duration) {
	t.Helper()
	time.Sleep(time.Millisecond)
	begin := time.Now()
	if c, _ := s.set.Identify(connFrom(addr)); c.Name != want {
		t.Errorf("%s is client %q, want %q", addr, c.Name, want)
	}
	return time.Since(begin)
}

// lines counts the lines of the log that contain a text.
func (s site) lines(text string) int { return strings.Count(s.log.String(), text) }

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

// TestSilentResolverChangesNoClient asserts that a resolver that answers nothing
// neither takes nor gives permissions, and that connections wait for it a short time.
func TestSilentResolverChangesNoClient(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.hosts["a"] = "192.168.0.1"
		s.expect(t, "192.168.0.1", "a")
		s.silence(true)
		s.hosts["a"] = "192.168.0.2"

		s.expect(t, "192.168.0.1", "a")
		s.expect(t, "192.168.0.2", "")
		for range 10 {
			known, other := s.expect(t, "192.168.0.1", "a"), s.expect(t, "192.168.0.2", "")
			if limit := 3 * silentLookupTimeout; known > limit || other > limit {
				t.Errorf("a known client waits %v and another %v for a resolver that is known to be silent, want at most %v", known, other, limit)
			}
		}
		// A client that no name can change does not wait, nor does a request on a
		// connection that has just waited.
		conn := connFrom("192.168.0.2")
		s.set.Identify(conn)
		before := time.Now()
		s.set.Identify(conn)
		if took := time.Since(before) + s.expect(t, "10.0.0.99", "b"); took > 0 {
			t.Errorf("an address in the configuration, or a second request, waits %v for a silent resolver, want 0", took)
		}
		if got := s.lines("no answer from the resolver"); got != len(s.set.names.names) {
			t.Errorf("%d lines of the log about a silent resolver, want one for each name:\n%s", got, s.log)
		}
		s.silence(false)
		s.expect(t, "192.168.0.2", "a")
		s.expect(t, "192.168.0.1", "")
		if got := s.lines("the resolver answers again"); got != len(s.set.names.names) {
			t.Errorf("%d lines of the log about a resolver that answers again, want one for each name:\n%s", got, s.log)
		}
	})
}

// TestUnansweredNameLosesItsAddress asserts that a name is gone if the resolver does
// not answer for it but does for others, as an older Docker's does for a container
// that has left an internal network. The next container with its address must not
// get its permissions, and other clients must not wait.
func TestUnansweredNameLosesItsAddress(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.hosts["a"], s.hosts["b"] = "192.168.0.1", "192.168.0.2"
		s.expect(t, "192.168.0.1", "a")
		s.expect(t, "192.168.0.2", "b")
		s.silent["a"] = true
		if took, limit := s.expect(t, "192.168.0.1", ""), 4*lookupTimeout; took > limit {
			t.Errorf("a connection waited %v for a name that is gone, want at most %v", took, limit)
		}
		for range 10 {
			if took, limit := s.expect(t, "192.168.0.1", ""), 2*silentLookupTimeout; took > limit {
				t.Errorf("a connection waited %v for a name that is known to be gone, want at most %v", took, limit)
			}
			if took := s.expect(t, "192.168.0.2", "b"); took > minLookupInterval {
				t.Errorf("a client waited %v for the name of another, want at most %v", took, minLookupInterval)
			}
		}
		// It starts again, and is known at its first connection.
		s.silent["a"], s.hosts["a"] = false, "192.168.0.3"
		s.expect(t, "192.168.0.3", "a")
	})
}

// TestReturningNameKeepsItsClient asserts that a container is known that starts again
// with its old address during the reverse lookup.
func TestReturningNameKeepsItsClient(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.hosts["a"] = "192.168.0.1"
		s.expect(t, "192.168.0.1", "a")
		s.silent["a"] = true
		s.onReverse = func() { s.silent["a"] = false }
		s.expect(t, "192.168.0.1", "a")
	})
}

// TestSlowResolverGetsTheWholeTimeoutAgain asserts that clients are known again by a
// resolver that was silent and now is slow.
func TestSlowResolverGetsTheWholeTimeoutAgain(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.silence(true)
		s.expect(t, "192.168.0.1", "")
		s.silence(false)
		s.delay = 3 * silentLookupTimeout
		s.hosts["a"] = "192.168.0.1"
		for range silentLookups {
			s.set.Identify(connFrom("192.168.0.1"))
			time.Sleep(time.Millisecond)
		}
		s.expect(t, "192.168.0.1", "a")
	})
}

// TestFailedLookupKeepsClient asserts that a lookup that fails does not count as an
// answer, and keeps the client unless the resolver answers a reverse lookup.
func TestFailedLookupKeepsClient(t *testing.T) {
	for _, test := range []struct {
		name          string
		err           *net.DNSError
		silentReverse bool
		want          string
	}{
		{"no such name", &net.DNSError{Err: "no such host", IsNotFound: true}, true, ""},
		{"server failure about the name", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, false, ""},
		{"server failure about everything", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, true, "a"},
		{"packets that may not be sent", &net.DNSError{Err: "write udp: operation not permitted"}, true, "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inSite(t, "", func(t *testing.T, s site) {
				s.hosts["a"] = "192.168.0.1"
				s.expect(t, "192.168.0.1", "a")
				s.hosts["a"], s.err, s.silentReverse = "", test.err, test.silentReverse
				s.expect(t, "192.168.0.1", test.want)
			})
		})
	}
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

// TestConnectionsShareLookups asserts that 500 connections that come during a lookup of
// each name share the next one: the lookup that runs began too early for them.
func TestConnectionsShareLookups(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.hosts["a"] = "192.168.0.1"
		s.delay = lookupTimeout / 2
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() { s.set.Identify(connFrom("192.168.0.7")) })
			time.Sleep(s.delay / 1000)
		}
		all.Wait()
		for _, name := range []string{"a", "b", "b2"} {
			if s.lookups[name] != 2 {
				t.Errorf("%d lookups of %s for 500 connections, want 2", s.lookups[name], name)
			}
		}
	})
}

// TestLookupsAreLimited asserts that many connections cause few lookups, and the
// fewest of a name without an address.
func TestLookupsAreLimited(t *testing.T) {
	inSite(t, "", func(t *testing.T, s site) {
		s.hosts["a"] = "192.168.0.1"
		const seconds = 5
		var all sync.WaitGroup
		for _, client := range []struct{ addr, want string }{{"192.168.0.1", "a"}, {"192.168.0.7", ""}} {
			for range 20 {
				all.Go(func() {
					for begin := time.Now(); time.Since(begin) < seconds*time.Second; {
						s.expect(t, client.addr, client.want)
					}
				})
			}
		}
		all.Wait()
		for name, interval := range map[string]time.Duration{"a": minLookupInterval, "b": minMissInterval, "b2": minMissInterval} {
			limit := int(seconds*time.Second/interval) + 2
			if got := s.lookups[name]; got > limit || got < limit/2 {
				t.Errorf("%d lookups of %s in %d s, want about %d and no more", got, name, seconds, limit)
			}
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
