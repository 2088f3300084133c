package client

import (
	"strings"
	"testing"
	"time"
)

// TestUnresolvedNamesAreDescribed asserts that a name is described while it has no
// address and while the resolver is silent about it, and not before the first lookup.
func TestUnresolvedNamesAreDescribed(t *testing.T) {
	inSite(t, "friend", func(t *testing.T, s site) {
		if lines := s.set.Unresolved(); len(lines) > 0 {
			t.Errorf("before the first lookup: %q", lines)
		}
		describes := func(want ...string) {
			t.Helper()
			time.Sleep(time.Minute) // on the test's own clock
			s.set.Identify(connFrom("192.168.7.7"))
			lines := s.set.Unresolved()
			if len(lines) != len(want) {
				t.Errorf("got %q, want %q", lines, want)
				return
			}
			for i := range want {
				if !strings.Contains(lines[i], want[i]) {
					t.Errorf("got %q, want %q", lines[i], want[i])
				}
			}
		}
		s.hosts["b"], s.hosts["b2"] = "192.168.0.2", "192.168.0.3"
		describes("CLIENT_A_FROM has a, a host name without an address", "ALLOW_FROM has friend, a host name without an address")
		s.hosts["a"], s.hosts["friend"] = "192.168.0.1", "192.168.0.4"
		describes()
		s.silence(true)
		describes("CLIENT_A_FROM has a, about which the resolver is silent", "CLIENT_B_FROM has b,", "CLIENT_B_FROM has b2,", "ALLOW_FROM has friend,")
		s.silence(false)
		describes()
	})
}
