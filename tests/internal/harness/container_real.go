//go:build real

package harness

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Container is a container, most often one that runs postern.
type Container struct {
	Name string
	t    *testing.T
}

// StartStatic starts postern in a container of busybox, for which no image has
// to be built. args are arguments of docker run.
func StartStatic(t *testing.T, args ...string) Container {
	t.Helper()
	program, err := staticProgram()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--entrypoint", "/postern", "--volume", program + ":/postern:ro"}, args...)
	return StartContainer(t, Busybox(t), args...)
}

// staticProgram runs in a container that has no libraries, as in the image.
var staticProgram = sync.OnceValues(func() (string, error) { return goBuild("postern", false, "CGO_ENABLED=0") })

// StartContainer starts an image that runs postern, with arguments of docker
// run, and waits until it serves.
func StartContainer(t *testing.T, image string, args ...string) Container {
	t.Helper()
	c := Container{Unused(t), t}
	MustDocker(t, append(append([]string{"run", "-d", "--name", c.Name}, args...), image)...)
	Await(t, "start of "+c.Name, func() bool {
		if c.Inspect("{{.State.Status}}") == "exited" {
			t.Fatalf("postern ended: %s", c.Logs().Stderr)
		}
		return len(c.Entries("started")) > 0
	})
	return c
}

// ContainerNamed is a container that exists.
func ContainerNamed(t *testing.T, name string) Container { return Container{name, t} }

// Mount is the argument of docker run that shows a file of the machine as the
// engine's socket.
func Mount(path string) string { return "--volume=" + path + ":" + EngineSocket }

// URL is the proxy's address for other containers of its network.
func (c Container) URL() string { return "tcp://" + c.Name + ":2375" }

// Host is the proxy's address for docker -H on this machine.
func (c Container) Host() string {
	c.t.Helper()
	return "tcp://" + c.Inspect("{{.NetworkSettings.IPAddress}}") + ":2375"
}

// Address is the container's in a network.
func (c Container) Address(network string) string {
	c.t.Helper()
	return c.Inspect(`{{(index .NetworkSettings.Networks "` + network + `").IPAddress}}`)
}

// Inspect is what docker inspect prints with a format.
func (c Container) Inspect(format string) string {
	c.t.Helper()
	return strings.TrimSpace(MustDocker(c.t, "inspect", "--format", format, c.Name))
}

// PID is the number of the container's first process on this machine.
func (c Container) PID() string {
	c.t.Helper()
	return c.Inspect("{{.State.Pid}}")
}

// Logs is what the container has written to stdout and stderr.
func (c Container) Logs() Result {
	c.t.Helper()
	return Docker(c.t, EngineHost, "logs", c.Name)
}

// Entries are the lines of postern's log whose message contains a text.
func (c Container) Entries(text string) []Entry {
	c.t.Helper()
	var found []Entry
	for line := range strings.Lines(c.Logs().Stdout) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			c.t.Errorf("a line of the log is not JSON: %q", line)
		}
		if message, _ := e["message"].(string); strings.Contains(message, text) {
			found = append(found, e)
		}
	}
	return found
}

// Healthy asks as the image's HEALTHCHECK does.
func (c Container) Healthy() bool {
	c.t.Helper()
	return Docker(c.t, EngineHost, "exec", c.Name, "/postern", "healthcheck").Status == 0
}

// CheckVersion asserts that docker version works through the proxy.
func (c Container) CheckVersion() {
	c.t.Helper()
	got := Docker(c.t, c.Host(), "version", "--format", "{{.Server.Version}}")
	want := Docker(c.t, EngineHost, "version", "--format", "{{.Server.Version}}")
	if got != want {
		c.t.Errorf("docker version through postern: %+v, want %+v", got, want)
	}
}

// AskProgram is the path of tests/internal/ask, for containers that have no
// other client.
func AskProgram(t *testing.T) string {
	t.Helper()
	path, err := askProgram()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var askProgram = sync.OnceValues(func() (string, error) { return goBuild("postern/tests/internal/ask", false, "CGO_ENABLED=0") })

// Ask sends one request from a container that has [AskProgram] as /ask, and
// returns the response's status.
func Ask(t *testing.T, container, host, method, target string) int {
	t.Helper()
	out := strings.TrimSpace(MustDocker(t, "exec", container, "/ask", host, method, target))
	status, err := strconv.Atoi(out)
	if err != nil {
		t.Fatalf("%s asks %s %s: %s", container, method, target, out)
	}
	return status
}

// StaticImage is the name of an image of postern that was not built from the
// Dockerfile: it has a shell, and takes a second.
func StaticImage(t *testing.T) string {
	t.Helper()
	program, err := staticProgram()
	if err != nil {
		t.Fatal(err)
	}
	name, made := Unused(t), Unused(t)
	MustDocker(t, "create", "--name", made, Busybox(t))
	MustDocker(t, "cp", program, made+":/postern")
	MustDocker(t, "commit", "--change", `ENTRYPOINT ["/postern"]`, "--change", "CMD []", made, name)
	RemoveAll(made)
	return name
}
