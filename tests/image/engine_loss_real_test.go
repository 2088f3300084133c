//go:build real

package image

import (
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// checks is a health check that does not keep a test waiting.
const checks = "--health-interval=300ms"

// health waits for what the engine thinks of the container's health.
func health(t *testing.T, c harness.Container, want string) {
	t.Helper()
	harness.Await(t, want+" container", func() bool { return c.Inspect("{{.State.Health.Status}}") == want })
}

// TestReplacedSocketIsReported restarts the engine, as far as a container can tell: its
// socket's file is removed and another is put in its place. A mount of the file
// goes on showing the first one.
func TestReplacedSocketIsReported(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	c := launch(t, harness.Mount(socket.path), checks, "--health-retries=1")
	c.CheckVersion()
	health(t, c, "healthy")

	socket.replace(t, 0, 998, 0o660)
	for range 20 {
		r := harness.Docker(t, c.Host(), "version")
		if r.Status == 0 || !strings.Contains(r.Stderr, "postern: the Docker Engine is down: nothing listens on /var/run/docker.sock") {
			t.Fatalf("docker version: %+v", r)
		}
	}
	health(t, c, "unhealthy")
	said := c.Entries("the Docker Engine is down")
	if len(said) != 1 {
		t.Fatalf("the log says it %d times, want once: %v", len(said), said)
	}
	for _, want := range []string{"a mount of a file does not show the new one", "restart this container", "mount the socket's directory (as with /run/docker)", "docker.socket"} {
		if !strings.Contains(said[0].String(), want) {
			t.Errorf("want %q in %s", want, said[0])
		}
	}
	holds(t, c.PID(), becomes(65532, 998, 0))

	harness.MustDocker(t, "restart", c.Name)
	health(t, c, "healthy")
	c.CheckVersion()
}

// TestMountedDirectoryShowsTheNewSocket does the same to a container that has the
// directory.
func TestMountedDirectoryShowsTheNewSocket(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	dir := filepath.Dir(socket.path)
	c := launch(t, "--volume="+dir+":/run/engine", "--env=SOCKET_PATH=/run/engine/docker.sock", checks, "--health-retries=1")
	c.CheckVersion()

	socket.close()
	r := harness.Docker(t, c.Host(), "version")
	if want := "postern: the Docker Engine is down: no socket at /run/engine/docker.sock"; !strings.Contains(r.Stderr, want) {
		t.Errorf("docker version: want %q in %+v", want, r)
	}
	health(t, c, "unhealthy")

	socket.open(t, 0, 998, 0o660)
	harness.Await(t, "line that the engine is back", func() bool { return len(c.Entries("the Docker Engine is back")) == 1 })
	c.CheckVersion()
	health(t, c, "healthy")
	if said := c.Entries("the Docker Engine is down"); len(said) != 1 {
		t.Errorf("the log says that the engine is down %d times, want once: %v", len(said), said)
	}
}

// TestSocketServedLaterIsUsed starts postern in front of a socket on which nothing
// listens.
func TestSocketServedLaterIsUsed(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	socket.leave()
	dir := filepath.Dir(socket.path)
	c := launch(t, "--volume="+dir+":/run/engine", "--env=SOCKET_PATH=/run/engine/docker.sock")
	harness.Await(t, "line that nothing listens", func() bool {
		return len(c.Entries("nothing listens on /run/engine/docker.sock. If the engine comes back with a new socket file")) == 1
	})
	if c.Healthy() {
		t.Error("the health check passes without an engine")
	}
	socket.replace(t, 0, 998, 0o660)
	harness.Await(t, "successful health check", c.Healthy)
	c.CheckVersion()
}

// TestExitOnEngineLossRestartsTheContainer lets a restart policy mend what a mount
// of the file cannot.
func TestExitOnEngineLossRestartsTheContainer(t *testing.T) {
	t.Parallel()
	socket := serveSocket(t, 0, 998, 0o660)
	c := launch(t, harness.Mount(socket.path), checks, "--restart=on-failure", "--env=EXIT_ON_ENGINE_LOSS=500ms")
	c.CheckVersion()

	socket.replace(t, 0, 998, 0o660)
	harness.Await(t, "restart", func() bool { return c.Inspect("{{.RestartCount}} {{.State.Status}}") == "1 running" })
	harness.Await(t, "successful health check", c.Healthy)
	c.CheckVersion()
	if said := c.Entries("stopped"); len(said) != 1 || !strings.Contains(said[0].String(), "EXIT_ON_ENGINE_LOSS=500ms") {
		t.Errorf("the log gives no reason for the exit: %v", said)
	}
}
