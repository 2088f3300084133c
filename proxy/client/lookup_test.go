package client

import (
	"net"
	"sync"
	"testing"
	"time"
)

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
