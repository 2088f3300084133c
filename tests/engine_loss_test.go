package tests

import (
	"path/filepath"
	"strings"
	"testing"
)

// checks is a health check that does not keep a test waiting.
const checks = "--health-interval=300ms"

// health waits for what the engine thinks of the container's health.
func (c container) health(want string) {
	c.t.Helper()
	await(c.t, want+" container", func() bool { return c.inspect("{{.State.Health.Status}}") == want })
}

// TestReplacedSocket restarts the engine, as far as a container can tell: its
// socket's file is removed and another is put in its place. A mount of the file
// goes on showing the first one.
func TestReplacedSocket(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	c := launch(t, mount(socket.path), checks, "--health-retries=1")
	c.answers()
	c.health("healthy")

	socket.replace(t, 0, 998, 0o660)
	for range 20 {
		r := docker(t, c.host(), "version")
		if r.status == 0 || !strings.Contains(r.stderr, "postern: the Docker Engine is down: nothing listens on /var/run/docker.sock") {
			t.Fatalf("docker version: %+v", r)
		}
	}
	c.health("unhealthy")
	said := c.entries("the Docker Engine is down")
	if len(said) != 1 {
		t.Fatalf("the log says it %d times, want once: %v", len(said), said)
	}
	for _, want := range []string{"a mount of a file does not show the new one", "restart this container", "mount the socket's directory (as with /run/docker)", "docker.socket"} {
		if !strings.Contains(said[0].String(), want) {
			t.Errorf("want %q in %s", want, said[0])
		}
	}
	c.holds(becomes(65532, 998, 0))

	prepare(t, "restart", c.name)
	c.health("healthy")
	c.answers()
}

// TestMountedDirectory does the same to a container that has the directory.
func TestMountedDirectory(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	dir := filepath.Dir(socket.path)
	c := launch(t, "--volume="+dir+":/run/engine", "--env=SOCKET_PATH=/run/engine/docker.sock", checks, "--health-retries=1")
	c.answers()

	socket.close()
	r := docker(t, c.host(), "version")
	if want := "postern: the Docker Engine is down: no socket at /run/engine/docker.sock"; !strings.Contains(r.stderr, want) {
		t.Errorf("docker version: want %q in %+v", want, r)
	}
	c.health("unhealthy")

	socket.open(t, 0, 998, 0o660)
	await(t, "line that the engine is back", func() bool { return len(c.entries("the Docker Engine is back")) == 1 })
	c.answers()
	c.health("healthy")
	if said := c.entries("the Docker Engine is down"); len(said) != 1 {
		t.Errorf("the log says that the engine is down %d times, want once: %v", len(said), said)
	}
}

// TestSocketServedLater starts postern in front of a socket on which nothing
// listens.
func TestSocketServedLater(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	socket.leave()
	dir := filepath.Dir(socket.path)
	c := launch(t, "--volume="+dir+":/run/engine", "--env=SOCKET_PATH=/run/engine/docker.sock")
	await(t, "line that nothing listens", func() bool {
		return len(c.entries("nothing listens on /run/engine/docker.sock. If the engine comes back with a new socket file")) == 1
	})
	if c.healthy() {
		t.Error("the health check passes without an engine")
	}
	socket.replace(t, 0, 998, 0o660)
	await(t, "answer", c.healthy)
	c.answers()
}

// TestExitOnEngineLoss lets a restart policy mend what a mount of the file
// cannot.
func TestExitOnEngineLoss(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	c := launch(t, mount(socket.path), checks, "--restart=on-failure", "--env=EXIT_ON_ENGINE_LOSS=500ms")
	c.answers()

	socket.replace(t, 0, 998, 0o660)
	await(t, "restart", func() bool { return c.inspect("{{.RestartCount}} {{.State.Status}}") == "1 running" })
	await(t, "answer", c.healthy)
	c.answers()
	if said := c.entries("stopped"); len(said) != 1 || !strings.Contains(said[0].String(), "EXIT_ON_ENGINE_LOSS=500ms") {
		t.Errorf("the log gives no reason for the exit: %v", said)
	}
}
