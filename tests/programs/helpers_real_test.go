//go:build real

package programs

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// command is a program with an environment that inherits nothing but PATH. It has an
// empty home, and the test's lifetime.
func command(t *testing.T, host, program string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "DOCKER_HOST=" + host}
	return cmd
}

// launched starts a program that goes on, and returns what it prints. It is killed when
// the test is over.
func launched(t *testing.T, cmd *exec.Cmd) *harness.Output {
	t.Helper()
	var out harness.Output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s printed\n%s", filepath.Base(cmd.Path), out.String())
		}
	})
	return &out
}

// works runs a program to its end and asserts that it succeeds.
func works(t *testing.T, cmd *exec.Cmd) harness.Result {
	t.Helper()
	r := harness.Finish(t, cmd)
	if r.Status != 0 {
		t.Errorf("%q: %v", cmd.Args, r)
	}
	return r
}

// What containers have that tests make for a program: a label, by which a scope shows
// them, and a password in the environment.
const (
	shown    = "test.programs=shown"
	password = "hunter2-of-programs"
)

// labelled starts a container with labels and returns its name.
func labelled(t *testing.T, labels ...string) string {
	t.Helper()
	return started(t, "echo ready; exec sleep 1000", labels...)
}

// started is labelled with a command of its own.
func started(t *testing.T, command string, labels ...string) string {
	t.Helper()
	name := harness.Unused(t)
	args := []string{"run", "-d", "--name", name, "-e", "PASSWORD=" + password, "-e", "VIRTUAL_HOST=shown.example.com"}
	for _, label := range append(labels, shown) {
		args = append(args, "--label", label)
	}
	harness.MustDocker(t, append(args, harness.Busybox(t), "sh", "-c", command)...)
	return name
}

// write makes a file and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort is a port that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// get returns the body of a response, "" if there is none.
func get(url string) string {
	r, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	return string(body)
}

func running(t *testing.T, name string) bool {
	t.Helper()
	return strings.TrimSpace(harness.MustDocker(t, "inspect", "-f", "{{.State.Running}}", name)) == "true"
}
