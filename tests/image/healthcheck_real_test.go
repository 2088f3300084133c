//go:build real

package image

import (
	"net"
	"path/filepath"
	"strconv"
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

// TestProbesOfOtherImagesAreTheHealthCheck asserts that the programs which compose
// files run as health checks report postern's health, in each way to start the
// container, and that nobody takes one for a shell.
func TestProbesOfOtherImagesAreTheHealthCheck(t *testing.T) {
	t.Parallel()
	for _, start := range []string{
		"",
		"--read-only --cap-drop ALL --cap-add SETUID --cap-add SETGID --security-opt no-new-privileges",
		"--read-only --cap-drop ALL --user 1234:" + strconv.Itoa(engineGroup(t)),
	} {
		t.Run(start, func(t *testing.T) {
			t.Parallel()
			c := launch(t, append(strings.Fields(start), harness.Mount(harness.EngineSocket), "--env", "PING=0", "--env", "VERSION=0")...)
			for _, test := range []struct {
				shell   bool
				command []string
			}{
				{false, []string{"wget", "-q", "--spider", "http://localhost:2375/_ping"}},
				{false, []string{"/usr/bin/wget", "-qO-", "http://127.0.0.1:2375/version"}},
				{false, []string{"curl", "-f", "http://[::1]:2375/version"}},
				{false, []string{"nc", "-z", "127.0.0.1", "2375"}},
				{false, []string{"/bin/sh", "-c", "wget -q --spider http://localhost:2375/_ping || exit 1"}},
				{true, []string{"sh"}},
				{true, []string{"/bin/sh", "-c", "ls /"}},
				{true, []string{"curl", "http://example.com"}},
			} {
				r := harness.Docker(t, harness.EngineHost, append([]string{"exec", c.Name}, test.command...)...)
				notice := strings.HasPrefix(r.Stderr, "postern: there is no shell in this image: ") && strings.Count(r.Stderr, "\n") == 1
				if r.Status != 0 || r.Stdout != "" || notice != test.shell || r.Stderr != "" && !notice {
					t.Errorf("%q: %v\nwant status 0, and that there is no shell: %v", test.command, r, test.shell)
				}
				// Nothing listens on port 1.
				r = harness.Docker(t, harness.EngineHost, append([]string{"exec", "--env", "LISTEN=127.0.0.1:1", c.Name}, test.command...)...)
				if r.Status != 1 || !strings.Contains(r.Stderr, "postern: unhealthy: no answer on ") {
					t.Errorf("%q of another port: %v\nwant status 1 and why", test.command, r)
				}
			}
		})
	}
}
