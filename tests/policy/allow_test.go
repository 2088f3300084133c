package policy

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestAllowOpensOneOperation gives each operation to a client of its own, and
// asserts that its requests for that operation are forwarded, and that the rest of
// the section and a random tenth of the other operations are refused.
func TestAllowOpensOneOperation(t *testing.T) {
	t.Parallel()
	requests := harness.Requests(t)
	random := seeded(t)
	dir := harness.SocketDir(t)
	settings := map[string]string{"SOCKET_PATH": harness.MarkingEngine(t)}
	operations := map[string]harness.Request{}
	for _, r := range requests {
		if _, known := operations[r.ID]; known || r.ID == "" {
			continue
		}
		operations[r.ID] = r
		client := fmt.Sprintf("CLIENT_%d_", len(operations))
		settings[client+"ALLOW"] = r.ID
		settings[client+"LISTEN"] = "unix://" + filepath.Join(dir, r.ID) + "?mode=0666"
		for name, value := range harness.DefaultsOff {
			settings[client+name] = value
		}
	}
	if len(operations) < 230 {
		t.Errorf("the table has %d operations, want all of them", len(operations))
	}
	p := harness.StartQuick(t, settings)
	for id, alone := range operations {
		var asked []harness.Request
		for _, r := range requests {
			if section(r) == section(alone) || random.IntN(10) == 0 {
				asked = append(asked, r)
			}
		}
		conn := harness.Dial(t, "unix", filepath.Join(dir, id))
		for i, forwarded := range p.ForwardedOn(conn, asked) {
			if r := asked[i]; forwarded != (r.ID == id) {
				t.Errorf("ALLOW=%s: %+v: forwarded is %v", id, r, forwarded)
			}
		}
	}
}

// section is the first segment of a request's path, behind /libpod.
func section(r harness.Request) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/libpod")[1:], "/")
	return first
}

// TestBothReadingsMustBeAllowed sends a request that Docker's router reads as one
// operation and Podman's as another: both have to be allowed.
func TestBothReadingsMustBeAllowed(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	for _, test := range []struct {
		allow string
		want  bool
	}{
		{"ManifestAddLibpod", false},
		{"ManifestCreateLibpod", true},
	} {
		p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "ALLOW": test.allow})
		request := harness.Head("POST", "/v5.0.0/libpod/manifests/x%2Fadd", "Content-Length: 0")
		a := harness.Send(t, p.Dial(), request)
		if forwarded := a.Header.Get("Forwarded-Target") != ""; forwarded != test.want {
			t.Errorf("ALLOW=%s: forwarded is %v, want %v (%s)", test.allow, forwarded, test.want, a.Body)
		}
	}
}
