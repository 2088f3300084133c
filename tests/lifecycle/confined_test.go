package lifecycle

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// asOrdinary makes a command run as an ordinary user if the tests run as root.
func asOrdinary(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	return cmd
}

// assertHidden asserts that another process of the same user may not list the
// files of a process.
func assertHidden(t *testing.T, pid int) {
	t.Helper()
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		t.Errorf("%s belongs to user %d, want root", dir, uid)
	}
	if r := harness.Finish(t, asOrdinary(exec.Command("ls", dir))); r.Status == 0 || !strings.Contains(r.Stderr, "ermission denied") {
		t.Errorf("ls %s as the same user: %v, want permission denied", dir, r)
	}
}

// TestProcessIsConfined asserts that a process that was started as an ordinary user is
// confined, and that another process of its user cannot reach the engine through it.
func TestProcessIsConfined(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	p := harness.StartCommand(t, asOrdinary(harness.Command(t, map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0"})))
	p.Get("/_ping")
	pid, _ := strconv.Atoi(p.PID())
	assertHidden(t, pid)

	confined := p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "confined" })
	if confined["seccomp"] != hasSeccomp(t) || confined["dumpable"] != false {
		t.Errorf("the log says %v, want dumpable false and seccomp %v", confined, hasSeccomp(t))
	}
	statuses, _ := filepath.Glob("/proc/" + p.PID() + "/task/*/status")
	if len(statuses) < 2 {
		t.Fatalf("%d threads found, want several", len(statuses))
	}
	for _, path := range statuses {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		for _, want := range []string{"\nNoNewPrivs:\t1\n", "\nCapEff:\t0000000000000000\n"} {
			if !strings.Contains(string(status), want) {
				t.Errorf("%s has no line %q: %s", path, want, status)
			}
		}
		if hasSeccomp(t) && !strings.Contains(string(status), "\nSeccomp:\t2\n") {
			t.Errorf("%s: no seccomp filter is in force: %s", path, status)
		}
	}
}

// hasSeccomp reports whether this kernel has filters of system calls.
func hasSeccomp(t *testing.T) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(status), "\nSeccomp:\t")
}

// TestHealthcheckIsHidden asserts that the health check, too, hides from other
// processes of its user.
func TestHealthcheckIsHidden(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	silent.(*net.TCPListener).SetDeadline(time.Now().Add(harness.Patience))
	cmd := asOrdinary(harness.Command(t, map[string]string{"LISTEN": "tcp://" + silent.Addr().String()}, "healthcheck"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	assertHidden(t, cmd.Process.Pid)
}
