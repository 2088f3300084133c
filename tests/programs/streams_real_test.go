//go:build real

package programs

import (
	"bufio"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// follower reads what a docker command prints, line by line, while it runs.
type follower struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

// follow starts the docker command.
func follow(t *testing.T, host string, args ...string) *follower {
	t.Helper()
	return followCommand(t, harness.DockerCommand(t, host, args...))
}

func followCommand(t *testing.T, cmd *exec.Cmd) *follower {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f := &follower{t, cmd, make(chan string, 1000)}
	go func() {
		defer close(f.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			f.lines <- lines.Text()
		}
	}()
	return f
}

// waiting is a shell script that prints one, waits for the file /go, and
// prints two.
const waiting = "echo one; until [ -e /go ]; do sleep 0.02; done; echo two"

// TestStreamsArriveLineByLine asserts that each line arrives before the next is
// produced: what produces it waits for the test to have read the one before.
func TestStreamsArriveLineByLine(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	environ := harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket})
	for _, test := range []struct {
		name string
		run  func(t *testing.T, host string)
	}{
		{"logs -f", func(t *testing.T, host string) {
			name := harness.Unused(t)
			harness.MustDocker(t, "run", "-d", "--name", name, image, "sh", "-c", waiting)
			lines(follow(t, host, "logs", "-f", name), name)
		}},
		{"attach", func(t *testing.T, host string) {
			name := harness.Unused(t)
			harness.MustDocker(t, "create", "--name", name, image, "sh", "-c", waiting)
			attached := follow(t, host, "start", "--attach", name)
			lines(attached, name)
		}},
		{"run", func(t *testing.T, host string) {
			name := harness.Unused(t)
			lines(follow(t, host, "run", "--name", name, image, "sh", "-c", waiting), name)
		}},
		{"exec", func(t *testing.T, host string) {
			name := harness.Unused(t)
			harness.MustDocker(t, "run", "-d", "--name", name, image, "sleep", "1000")
			lines(follow(t, host, "exec", name, "sh", "-c", waiting), name)
		}},
		{"build", func(t *testing.T, host string) {
			dir := t.TempDir()
			writeInput(t, dir, image)
			name := harness.Unused(t)
			context := filepath.Join(dir, "waiting")
			build := follow(t, host, "build", "--no-cache", "-t", name, context)
			id := build.until("Running in ([0-9a-f]{12})")[1]
			if got := build.next(); got != "one" {
				t.Errorf("docker build printed %q, want one", got)
			}
			harness.MustDocker(t, "exec", id, "touch", "/go")
			build.until("^two$")
			build.until("^Successfully tagged ")
			if status := build.end(); status != 0 {
				t.Errorf("docker build's exit status is %d, want 0", status)
			}
		}},
		{"events", func(t *testing.T, host string) {
			name := harness.Unused(t)
			// From a moment before, since docker does not say when it listens.
			since := time.Now().Add(-time.Second).Format(time.RFC3339Nano)
			args := harness.Words("events --format {{.Action}} --filter container="+name, "--since", since)
			through, onSocket := follow(t, host, args...), follow(t, harness.EngineHost, args...)
			for _, step := range []struct{ command, want string }{
				{"create --name " + name + " " + image + " sleep 1000", "create"},
				{"start " + name, "start"},
				{"rename " + name + " " + name + "-renamed", "rename"},
				{"rename " + name + "-renamed " + name, "rename"},
				{"kill " + name, "kill,die"},
			} {
				harness.MustDocker(t, strings.Fields(step.command)...)
				for _, want := range strings.Split(step.want, ",") {
					for _, f := range []*follower{onSocket, through} {
						if got := f.next(); got != want {
							t.Errorf("%q after %s: got event %q, want %q", f.cmd.Args, step.command, got, want)
						}
					}
				}
			}
		}},
		{"stats", func(t *testing.T, host string) {
			name := harness.Unused(t)
			harness.MustDocker(t, "run", "-d", "--name", name, image, "sleep", "1000")
			stats := follow(t, host, "stats", "--format", "{{.Name}} {{.PIDs}}", name)
			stats.until(name + " 1")
			harness.MustDocker(t, "exec", "-d", name, "sleep", "1000")
			stats.until(name + " 2")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, "tcp://"+harness.Start(t, environ).Addr)
		})
	}
}

// lines reads what waiting prints in the container.
func lines(f *follower, container string) {
	f.t.Helper()
	if got := f.next(); got != "one" {
		f.t.Errorf("%q printed %q, want one", f.cmd.Args, got)
	}
	harness.MustDocker(f.t, "exec", container, "touch", "/go")
	if got := f.next(); got != "two" {
		f.t.Errorf("%q printed %q, want two", f.cmd.Args, got)
	}
	if status := f.end(); status != 0 {
		f.t.Errorf("%q: status %d, want 0", f.cmd.Args, status)
	}
}

// TestInputAndOutputAlternate asserts that each line of input to docker run and
// docker exec gets its output while the command goes on.
func TestInputAndOutputAlternate(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	name := harness.Box(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket}))
	for _, args := range [][]string{
		harness.Words("run --rm -i --name {new} " + image + " cat"),
		harness.Words("exec -i " + name + " cat"),
	} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			args = slices.Clone(args)
			if i := slices.Index(args, "{new}"); i >= 0 {
				args[i] = harness.Unused(t)
			}
			cmd := harness.DockerCommand(t, "tcp://"+p.Addr, args...)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			f := followCommand(t, cmd)
			for _, said := range []string{"hello", "are you there", "bye"} {
				if _, err := io.WriteString(stdin, said+"\n"); err != nil {
					t.Fatal(err)
				}
				if got := f.next(); got != said {
					t.Errorf("docker %q echoed %q, want %q", args, got, said)
				}
			}
			stdin.Close()
			if status := f.end(); status != 0 {
				t.Errorf("docker %q: status %d after the end of input, want 0", args, status)
			}
		})
	}
}

// next returns the next line. It fails when there is none in time: then
// something on the way buffers it.
func (f *follower) next() string {
	f.t.Helper()
	select {
	case line, ok := <-f.lines:
		if !ok {
			f.t.Fatalf("%q ended", f.cmd.Args)
		}
		return line
	case <-time.After(harness.Patience):
		f.t.Fatalf("%q: no further line after %v", f.cmd.Args, harness.Patience)
	}
	return ""
}

// until returns the next line that matches.
func (f *follower) until(pattern string) []string {
	f.t.Helper()
	for {
		if match := regexp.MustCompile(pattern).FindStringSubmatch(f.next()); match != nil {
			return match
		}
	}
}

// end waits for the command's own end and returns its exit status.
func (f *follower) end() int {
	f.t.Helper()
	for line := range f.lines {
		f.t.Errorf("%q: one more line %q", f.cmd.Args, line)
	}
	var exit *exec.ExitError
	if err := f.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return f.cmd.ProcessState.ExitCode()
}
