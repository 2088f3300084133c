//go:build real

package clients

import (
	"os/exec"
	"testing"

	"postern/tests/internal/harness"
)

// TestChangingClientsGetNoWrongDecision recreates, scales and renames clients
// while others ask, on a network so small that addresses come back, and counts
// wrong decisions.
func TestChangingClientsGetNoWrongDecision(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--subnet", subnet())
	p := s.serve(map[string]string{
		"CLIENT_READER_FROM":       "reader",
		"CLIENT_READER_CONTAINERS": "1",
	})
	// The path of a request names the container that sends it, so that the log shows
	// the client for each.
	const reader, other = "/containers/reader/json", "/containers/other/json"
	background := s.member()
	harness.MustDocker(t, "exec", "-d", background, "/ask", "-every", "20ms", p.URL(), "GET", other)

	asReader := harness.Words("--network-alias reader")
	for range 6 {
		if status := s.first(p.URL(), "GET", reader, asReader...); status != 404 {
			t.Errorf("the first request of a reader: status %d, want the engine's 404", status)
		}
		if status := s.first(p.URL(), "GET", other); status != 403 {
			t.Errorf("the first request of another container on a reader's address: status %d, want 403", status)
		}
	}
	// Up to three, and down again. There is room for six addresses.
	several := []string{}
	for range 3 {
		several = append(several, s.member(asReader...))
		for _, member := range several {
			if status := harness.Ask(t, member, p.URL(), "GET", reader); status != 404 {
				t.Errorf("one of %d readers: status %d, want the engine's 404", len(several), status)
			}
		}
	}
	harness.RemoveAll(several[0])
	if status := s.first(p.URL(), "GET", other); status != 403 {
		t.Errorf("another container on the address of a reader that is gone: status %d, want 403", status)
	}
	for _, member := range several[1:] {
		if status := harness.Ask(t, member, p.URL(), "GET", reader); status != 404 {
			t.Errorf("a reader that is left: status %d, want the engine's 404", status)
		}
		harness.RemoveAll(member)
	}

	renamed := harness.Unused(t)
	member := s.member()
	q := s.serve(map[string]string{"CLIENT_READER_FROM": renamed, "CLIENT_READER_CONTAINERS": "1"})
	for range 3 {
		if status := harness.Ask(t, member, q.URL(), "GET", other); status != 403 {
			t.Errorf("before it is renamed: status %d, want 403", status)
		}
		harness.MustDocker(t, "rename", member, renamed)
		if status := harness.Ask(t, renamed, q.URL(), "GET", reader); status != 404 {
			t.Errorf("after it is renamed: status %d, want the engine's 404", status)
		}
		harness.MustDocker(t, "rename", renamed, member)
	}

	wrong, asked := 0, 0
	for _, c := range []harness.Container{p, q} {
		for _, e := range c.Entries("") {
			path, _ := e["path"].(string)
			if path != reader && path != other {
				continue
			}
			asked++
			if refused := e["message"] == "refused"; refused != (path == other) {
				wrong++
				t.Errorf("wrong decision: %v", e)
			}
		}
	}
	if asked < 100 || wrong > 0 {
		t.Errorf("%d wrong decisions of %d, want none of a hundred or more", wrong, asked)
	}
}

// TestKeptConnectionFollowsARename asserts that a kept connection belongs to a client
// as long as its address has the client's name.
func TestKeptConnectionFollowsARename(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	member, other := s.member(), harness.Unused(t)
	p := s.serve(map[string]string{"CLIENT_READER_FROM": member, "CLIENT_READER_CONTAINERS": "1"})
	harness.MustDocker(t, "exec", "-d", member, "/ask", "-every", "50ms", "-keep", p.URL(), "GET", "/containers/json")
	last := func(message string) func() bool {
		return func() bool {
			all := p.Entries("")
			return len(all) > 0 && all[len(all)-1]["message"] == message
		}
	}
	harness.Await(t, "allowed request", last("allowed"))
	harness.MustDocker(t, "rename", member, other)
	harness.Await(t, "refused request of a container that is no longer called so", last("refused"))
	harness.MustDocker(t, "rename", other, member)
	harness.Await(t, "allowed request of one that is called so again", last("allowed"))
	connections := map[any]bool{}
	for _, e := range p.Entries("") {
		if e["path"] == "/containers/json" {
			connections[e["address"]] = true
		}
	}
	if len(connections) != 1 {
		t.Errorf("the requests came on %d connections, want one that is kept", len(connections))
	}
}

// TestGoneClientLosesItsAddress asserts that no connection from the address of a
// client that is gone has its permissions. Docker's resolver (engines before
// 23.0.11) passes such a name on to a server that an internal network cannot
// reach, and does not answer.
func TestGoneClientLosesItsAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--internal", "--subnet", subnet())
	p := s.serve(map[string]string{"CLIENT_READER_FROM": "reader", "CLIENT_READER_CONTAINERS": "1"})
	for range 3 {
		reader := s.member("--network-alias", "reader")
		if status := harness.Ask(t, reader, p.URL(), "GET", "/containers/json"); status != 200 {
			t.Errorf("a reader: status %d, want 200", status)
		}
		address := harness.ContainerNamed(t, reader).Address(s.name)
		harness.RemoveAll(reader)
		other := s.member("--ip", address)
		for range 3 {
			if status := harness.Ask(t, other, p.URL(), "GET", "/containers/json"); status != 403 {
				t.Errorf("another container on the address of a reader that is gone: status %d, want 403", status)
			}
		}
		harness.RemoveAll(other)
	}
}

// TestKnownClientsWorkWithoutDNS asserts that known clients keep their permissions
// while the resolver cannot be reached, and that no other client gets any.
func TestKnownClientsWorkWithoutDNS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve(map[string]string{"CLIENT_READER_FROM": "reader", "CLIENT_READER_CONTAINERS": "1", "INFO": "1"})
	known := s.member("--network-alias", "reader")
	other := s.member()
	if status := harness.Ask(t, known, p.URL(), "GET", "/containers/json"); status != 200 {
		t.Fatalf("a reader: status %d, want 200", status)
	}
	firewall := func(change string) {
		t.Helper()
		cmd := exec.Command("nsenter", "--target", p.PID(), "--net",
			"iptables", change, "OUTPUT", "--destination", "127.0.0.11", "--jump", "DROP")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cutting the proxy off its resolver takes root and iptables: %v: %s", err, out)
		}
	}
	firewall("--insert")
	host := "tcp://" + p.Address(s.name) + ":2375"
	for range 3 {
		if status := harness.Ask(t, known, host, "GET", "/containers/json"); status != 200 {
			t.Errorf("a reader that was known: status %d, want 200", status)
		}
		if status := harness.Ask(t, other, host, "GET", "/containers/json"); status != 403 {
			t.Errorf("another container: status %d, want 403", status)
		}
		if status := harness.Ask(t, other, host, "GET", "/info"); status != 200 {
			t.Errorf("what every client may do: status %d, want 200", status)
		}
		if status := s.first(host, "GET", "/containers/json", "--network-alias", "reader"); status != 403 {
			t.Errorf("a reader that was not known: status %d, want 403", status)
		}
	}
	harness.Await(t, "line of the log about the resolver", func() bool { return len(p.Entries("no answer from the resolver")) == 1 })
	firewall("--delete")
	harness.Await(t, "new reader once the resolver is back", func() bool {
		return s.first(host, "GET", "/containers/json", "--network-alias", "reader") == 200
	})
}
