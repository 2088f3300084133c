//go:build real

package harness

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// EngineSocket is where the real engine is.
const EngineSocket = "/var/run/docker.sock"

// EngineHost is the real engine as DOCKER_HOST has it.
const EngineHost = "unix://" + EngineSocket

// DockerCommand is the docker command with settings that no home directory
// changes. It has the test's lifetime.
func DockerCommand(t *testing.T, host string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*Patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "docker", append([]string{"-H", host}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + workDir,
		"DOCKER_BUILDKIT=0", // there need not be a buildx plugin
	}
	return cmd
}

// Docker runs the docker command to its end.
func Docker(t *testing.T, host string, args ...string) Result {
	t.Helper()
	return Finish(t, DockerCommand(t, host, args...))
}

// MustDocker runs the docker command on the engine's own socket and returns what
// it prints. It must succeed.
func MustDocker(t *testing.T, args ...string) string {
	t.Helper()
	r := Docker(t, EngineHost, args...)
	if r.Status != 0 {
		t.Fatalf("docker %q: status %d\n%s%s", args, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Unused is a name that no image, container, network or volume has. What gets
// it in the engine is removed when the test is over.
func Unused(t *testing.T) string {
	t.Helper()
	name := RunName + "-" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() { RemoveAll(name) })
	return name
}

// RemoveAll removes the container, image, network and volume of a name, as far
// as they exist.
func RemoveAll(name string) {
	for _, path := range []string{"/containers/%s?force=1&v=1", "/images/%s?force=1", "/networks/%s", "/volumes/%s"} {
		Remove(fmt.Sprintf(path, name))
	}
}

// OnEngine runs a command in the project's folder, with the real engine as its
// Docker Engine, and returns what it prints.
func OnEngine(patience time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+EngineHost)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%q: %w: %s", cmd.Args, err, bytes.TrimSpace(out))
	}
	return string(out), err
}

var engineAnswers = sync.OnceValue(func() error {
	_, err := OnEngine(Patience, "docker", "version", "--format", "{{.Server.Version}}")
	return err
})

// EngineEndpoint is the real engine's own socket.
var EngineEndpoint = Unix(EngineSocket)

// ThroughProxy starts a proxy in front of the real engine and returns its TCP
// and its unix listener.
func ThroughProxy(t *testing.T) []Endpoint {
	t.Helper()
	socket := filepath.Join(SocketDir(t), "p.sock")
	p := Start(t, With(AllOn(), map[string]string{
		"SOCKET_PATH": EngineSocket,
		"LISTEN":      "tcp://127.0.0.1:0,unix://" + socket,
	}))
	return []Endpoint{TCP(p.Addr), Unix(socket)}
}

// BuildPatience is how long a test waits for a build on a slow machine.
const BuildPatience = 10 * time.Minute
