package policy

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestAllowedAlone allows each operation by itself and expects the proxy to
// forward nothing else.
func TestAllowedAlone(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	requests := harness.Requests(t)
	closed := map[string]string{"SOCKET_PATH": socket}
	for _, name := range strings.Fields("EVENTS PING VERSION LIBPOD_PING LIBPOD_VERSION") {
		closed[name] = "0"
	}
	seen := map[string]bool{"": true}
	for _, alone := range requests {
		if seen[alone.ID] {
			continue
		}
		seen[alone.ID] = true
		p := harness.StartQuick(t, harness.With(closed, map[string]string{"ALLOW": alone.ID}))
		for i, forwarded := range p.Forwarded(requests) {
			if r := requests[i]; forwarded != (r.ID == alone.ID) {
				t.Errorf("ALLOW=%s: %+v: forwarded is %v", alone.ID, r, forwarded)
			}
		}
		p.Stop()
		if t.Failed() {
			return
		}
	}
	if len(seen) < 230 {
		t.Errorf("tried %d operations, want all of them", len(seen))
	}
}

// TestPodmanReadsPathsEscaped sends a request that Docker's router reads as one
// operation and Podman's as another: both have to be allowed.
func TestPodmanReadsPathsEscaped(t *testing.T) {
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
