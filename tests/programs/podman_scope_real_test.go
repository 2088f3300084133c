//go:build real

package programs

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestScopeOnPodman asserts that Podman's own parameters in Docker's API reach no container
// outside the scope: they restart all containers, and remove those that use an image.
func TestScopeOnPodman(t *testing.T) {
	t.Parallel()
	socket := podmanService(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "SCOPE": "mine"}))
	for host, name := range map[string]string{"unix://" + socket: "hidden", "tcp://" + p.Addr: "own"} {
		if r := harness.Docker(t, host, "run", "-d", "--name", name, "--network", "none", "box", "sleep", "1000"); r.Status != 0 {
			t.Fatalf("docker run: %v", r)
		}
	}
	hidden := func() string {
		r := harness.Docker(t, "unix://"+socket, "inspect", "--format", "{{.State.StartedAt}}", "hidden")
		return r.Stdout + r.Stderr
	}
	before := hidden()
	send := func(method, target string) harness.Response {
		return harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 0"))
	}
	if r := send("POST", "/containers/own/restart?t=0&all=true"); r.Status != 403 {
		t.Errorf("restart of all: %d %s", r.Status, r.Body)
	}
	if r := send("POST", "/containers/own/restart?t=0"); r.Status != 204 {
		t.Errorf("restart: %d %s", r.Status, r.Body)
	}
	if r := send("DELETE", "/images/box?force=true"); r.Status != 409 || !strings.Contains(r.Body, "in use") {
		t.Errorf("removal of an image: %d %s", r.Status, r.Body)
	}
	if r := send("GET", "/containers/hidden/json"); r.Status != 404 {
		t.Errorf("inspect of the hidden container: %d %s", r.Status, r.Body)
	}
	if after := hidden(); after != before {
		t.Errorf("the hidden container has started at %s, before at %s", after, before)
	}
}
