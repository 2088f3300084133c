//go:build real

package image

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestHealthcheckFromAnotherContainerIsRefused asserts that a request from another
// container that claims to be the health check is decided on, and logged, like any
// other.
func TestHealthcheckFromAnotherContainerIsRefused(t *testing.T) {
	t.Parallel()
	other := harness.Box(t)
	e, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "PING": "0", "LISTEN": "tcp://:0"})
	gateway := strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", "{{.NetworkSettings.Gateway}}", other))
	_, port, _ := net.SplitHostPort(p.Addr)
	r := harness.Docker(t, harness.EngineHost, "exec", other, "wget", "-q", "-O", "-", "-U", "postern-healthcheck", "http://"+net.JoinHostPort(gateway, port)+"/_ping")
	if r.Status == 0 || !strings.Contains(r.Stderr, "403") {
		t.Errorf("wget: %v\nwant status 403", r)
	}
	if got := harness.Targets(e); len(got) > 0 {
		t.Errorf("the engine received %q, want nothing", got)
	}
	p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "refused" && e["path"] == "/_ping" })
}

// TestHealthcheckOverAMountedSocketIsRefused asserts the same of a unix socket that
// other containers can open.
func TestHealthcheckOverAMountedSocketIsRefused(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	dir := filepath.Dir(socket)
	listen := "LISTEN=unix://" + dir + "/postern.sock?mode=0666"
	c := launch(t, "--volume", dir+":"+dir, "--env", "SOCKET_PATH="+socket, "--env", listen, "--env", "PING=0")
	if !c.Healthy() {
		t.Error("postern's own check fails")
	}
	got := harness.Send(t, harness.Dial(t, "unix", dir+"/postern.sock"), harness.Head("GET", "/_ping", "User-Agent: postern-healthcheck"))
	if got.Status != 403 {
		t.Errorf("GET /_ping from outside, as the check: status %d, want 403", got.Status)
	}
}
