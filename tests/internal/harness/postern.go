package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Postern is a running proxy.
type Postern struct {
	// Addr is host:port of the first TCP listener, "" if there is none.
	Addr string
	// TLSAddr is the same of the first TLS listener.
	TLSAddr string
	// Started is the line of the log that says that it listens.
	Started Entry
	// Stderr is what it has written there so far.
	Stderr Output

	t       *testing.T
	cmd     *exec.Cmd
	quiet   bool          // the log behind the line started is not kept
	reports bool          // LEARN is on: a report goes to stderr
	exited  chan struct{} // closed when the process is gone and the log is read

	mu        sync.Mutex
	log       []Entry
	changed   chan struct{} // closed and replaced when log grows
	signalled bool          // SIGTERM was sent
}

// Start runs the proxy and waits until it listens. LISTEN, if not given, is a
// free port. When the test is over it stops it with SIGTERM and asserts a clean
// exit.
func Start(t *testing.T, settings map[string]string) *Postern {
	t.Helper()
	p := StartUp(t, settings)
	p.awaitStart()
	return p
}

// StartUp starts the proxy as Start does and waits for nothing.
func StartUp(t *testing.T, settings map[string]string) *Postern {
	t.Helper()
	settings = With(AnyPort, settings)
	p := &Postern{t: t, cmd: Command(t, settings)}
	p.reports = settings["LEARN"] != "" && settings["LEARN"] != "0"
	p.launch()
	return p
}

// StartQuick is Start without the race detector, for tests of memory and tests
// that start the proxy very often. It keeps no line of the log behind the one
// that says started.
func StartQuick(t *testing.T, settings map[string]string) *Postern {
	t.Helper()
	p := &Postern{t: t, cmd: QuickCommand(t, With(AnyPort, settings)), quiet: true}
	p.launch()
	p.awaitStart()
	return p
}

// StartCommand is Start with a command that a test has changed.
func StartCommand(t *testing.T, cmd *exec.Cmd) *Postern {
	t.Helper()
	p := &Postern{t: t, cmd: cmd}
	p.launch()
	p.awaitStart()
	return p
}

func (p *Postern) launch() {
	p.t.Helper()
	p.exited, p.changed = make(chan struct{}), make(chan struct{})
	p.cmd.Stderr = &p.Stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go p.follow(stdout)
	p.t.Cleanup(p.Stop)
}

func (p *Postern) awaitStart() {
	p.t.Helper()
	p.Started = p.AwaitLog(func(e Entry) bool { return e["message"] == "started" })
	for _, address := range p.Started["listen"].([]any) {
		network, addr, _ := strings.Cut(address.(string), "://")
		switch {
		case network == "tcp" && p.Addr == "":
			p.Addr = addr
		case network == "tls" && p.TLSAddr == "":
			p.TLSAddr = addr
		}
	}
}

// PID is the number of the process.
func (p *Postern) PID() string { return strconv.Itoa(p.cmd.Process.Pid) }

// Signal sends a signal to the process, which may have ended.
func (p *Postern) Signal(s syscall.Signal) {
	p.t.Helper()
	p.signalled = p.signalled || s == syscall.SIGTERM
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%v: %v", s, err)
	}
}

// Terminate sends SIGTERM and returns how long the process took to end.
func (p *Postern) Terminate() time.Duration {
	p.t.Helper()
	begin := time.Now()
	if !p.signalled { // a second SIGTERM would cut it short
		p.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.exited:
	case <-time.After(Patience):
		p.t.Errorf("postern still runs %v after SIGTERM", Patience)
		p.cmd.Process.Kill()
		<-p.exited
	}
	return time.Since(begin)
}

// Stop terminates the proxy and asserts a clean exit.
func (p *Postern) Stop() {
	p.Terminate()
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		p.t.Errorf("postern's exit status is %d, want 0", status)
	}
	// The race detector and panics write to stderr. postern itself writes
	// nothing but reports once it has started.
	if p.reports {
		p.Reports()
	} else if p.Stderr.String() != "" {
		p.t.Errorf("postern wrote to stderr: %s", p.Stderr.String())
	}
}

// Files is the number of the proxy's open files. Only root may list them. For
// other users it is the size of their directory, which is 0 before Linux 6.2.
func (p *Postern) Files() int {
	p.t.Helper()
	dir := fmt.Sprintf("/proc/%s/fd", p.PID())
	entries, err := os.ReadDir(dir)
	if err == nil {
		return len(entries)
	}
	info, statErr := os.Stat(dir)
	if statErr != nil || !errors.Is(err, fs.ErrPermission) {
		p.t.Fatal(err)
	}
	return int(info.Size())
}
