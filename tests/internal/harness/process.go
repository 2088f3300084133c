package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Command is postern with an environment that inherits nothing. Unless the
// settings name another socket, its engine is one that does not exist: the
// default would be this machine's.
func Command(t *testing.T, settings map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	return commandOf(t, program, settings, args...)
}

// QuickCommand is Command without the race detector.
func QuickCommand(t *testing.T, settings map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	return commandOf(t, quickProgram, settings, args...)
}

func commandOf(t *testing.T, build func() (string, error), settings map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{
		"GORACE=atexit_sleep_ms=10", // instead of a second
		"SOCKET_PATH=" + workDir + "/no-engine.sock",
	}
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// Result is what a command printed, and its exit status.
type Result struct {
	Stdout, Stderr string
	Status         int
}

func (r Result) String() string {
	return fmt.Sprintf("status %d\nstdout: %s\nstderr: %s", r.Status, r.Stdout, r.Stderr)
}

// Finish runs a command to its end. A command that cannot be started or that a
// signal ends fails the test.
func Finish(t *testing.T, cmd *exec.Cmd) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%q: %v\nstdout: %s\nstderr: %s", cmd.Args, err, stdout.String(), stderr.String())
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// Run runs a postern command that ends by itself, without the race detector:
// tests do this hundreds of times.
func Run(t *testing.T, settings map[string]string, args ...string) Result {
	t.Helper()
	cmd := QuickCommand(t, settings, args...)
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	return Finish(t, cmd)
}

// Output is what a program has written so far.
type Output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// ProcStatus is a value of /proc/pid/status that has the unit kB, in bytes.
func ProcStatus(t *testing.T, pid, name string) (bytes int) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == name+":" {
			kilobytes, _ := strconv.Atoi(fields[1])
			return kilobytes << 10
		}
	}
	t.Fatalf("no %s in %s", name, status)
	return 0
}
