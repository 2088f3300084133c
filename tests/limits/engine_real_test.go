//go:build real

package limits

import (
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// through starts postern in front of the real engine, with a listener for each of some
// clients, and returns the hosts of these by their names. settings are those of every
// client, with the prefix %.
func through(t *testing.T, clients []string, settings ...string) map[string]harness.Endpoint {
	t.Helper()
	dir := harness.SocketDir(t)
	all := map[string]string{"SOCKET_PATH": harness.EngineSocket}
	hosts := map[string]harness.Endpoint{}
	for _, client := range clients {
		prefix := "CLIENT_" + strings.ToUpper(client) + "_"
		for name, value := range harness.AllOn() {
			all[prefix+name] = value
		}
		socket := filepath.Join(dir, client)
		all[prefix+"LISTEN"], hosts[client] = "unix://"+socket, harness.Unix(socket)
	}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		all[name] = value
	}
	harness.Start(t, all)
	return hosts
}

// docker runs the docker command through an endpoint, words at spaces.
func docker(t *testing.T, e harness.Endpoint, line string, more ...string) harness.Result {
	t.Helper()
	return harness.Docker(t, e.Host(), harness.Words(line, more...)...)
}

// must runs the docker command, which must succeed, and returns what it prints.
func must(t *testing.T, e harness.Endpoint, line string, more ...string) string {
	t.Helper()
	r := docker(t, e, line, more...)
	if r.Status != 0 {
		t.Fatalf("docker %s %q: %v", line, more, r)
	}
	return strings.TrimSpace(r.Stdout)
}

// fails runs the docker command, which must fail with a text.
func fails(t *testing.T, e harness.Endpoint, text, line string, more ...string) {
	t.Helper()
	if r := docker(t, e, line, more...); r.Status == 0 || !strings.Contains(r.Stderr, text) {
		t.Errorf("docker %s %q: want %q: %v", line, more, text, r)
	}
}

// idOf is the id of a container or a network.
func idOf(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", "{{.Id}}", name))
}

// usage is what docker system df prints. The engine answers one of these at a time.
func usage(t *testing.T, e harness.Endpoint, args string) string {
	t.Helper()
	var r harness.Result
	harness.Await(t, "disk usage", func() bool {
		r = docker(t, e, "system df "+args)
		return !strings.Contains(r.Stderr, "already running")
	})
	if r.Status != 0 {
		t.Fatalf("docker system df: %v", r)
	}
	return r.Stdout
}
