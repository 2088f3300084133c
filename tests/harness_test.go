package tests

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/tests/engine"
)

// patience is how long a test waits for what takes milliseconds when it works.
const patience = 30 * time.Second

// workDir is removed when all tests are over, after atEnd has run.
var (
	workDir string
	atEnd   struct {
		sync.Mutex
		funcs []func()
	}
)

// deferToEnd runs f when all tests are over: for what they share.
func deferToEnd(f func()) {
	atEnd.Lock()
	defer atEnd.Unlock()
	atEnd.funcs = append(atEnd.funcs, f)
}

func TestMain(m *testing.M) {
	var err error
	if workDir, err = os.MkdirTemp("", "postern-test-"); err != nil {
		panic(err)
	}
	// Started as root, postern becomes somebody else.
	if err := os.Chmod(workDir, 0o755); err != nil {
		panic(err)
	}
	status := m.Run()
	for _, f := range slices.Backward(atEnd.funcs) {
		f()
	}
	os.RemoveAll(workDir)
	os.Exit(status)
}

// program builds the binary once, with the race detector if the tests have it:
// a race in the server then fails the test that runs it.
var program = sync.OnceValues(func() (string, error) { return buildProgram("postern", raceDetector()) })

// quickProgram has none: for a test that starts it hundreds of times to see what
// it decides, with one client.
var quickProgram = sync.OnceValues(func() (string, error) { return buildProgram("quick", false) })

func buildProgram(name string, race bool) (string, error) {
	path := filepath.Join(workDir, name)
	out, err := exec.Command("go", "build", "-o", path, fmt.Sprintf("-race=%v", race), "postern").CombinedOutput()
	if err != nil {
		err = errors.New(string(out))
	}
	return path, err
}

// raceDetector reports whether the tests, and so the program, have it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// command is postern with an environment that inherits nothing.
func command(t *testing.T, ctx context.Context, environ map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	return commandOf(t, program, ctx, environ, args...)
}

// commandOf is command with one of the builds.
func commandOf(t *testing.T, build func() (string, error), ctx context.Context, environ map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatalf("building postern: %v", err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"GORACE=atexit_sleep_ms=10"} // instead of a second
	for name, value := range environ {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// result is what a command left behind.
type result struct {
	stdout, stderr string
	status         int
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%q: %v\nstdout: %s\nstderr: %s", cmd.Args, err, stdout.String(), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// run runs a postern command that ends by itself.
func run(t *testing.T, environ map[string]string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return finish(t, command(t, ctx, environ, args...))
}

// entry is one line of the log.
type entry map[string]any

func (e entry) String() string {
	line, _ := json.Marshal(map[string]any(e))
	return string(line)
}

// output is what a program has written so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// postern is a running proxy.
type postern struct {
	// addr is host:port of the first TCP listener, "" if there is none.
	addr string
	// started is the line of the log that says so.
	started entry

	t      *testing.T
	cmd    *exec.Cmd
	stderr output
	// forgets is set for a test that makes very many requests and does not look
	// at the log: it keeps no line behind the one that says started.
	forgets bool
	dumped  bool          // ended by SIGQUIT
	learns  bool          // LEARN is on: a report goes to stderr
	exited  chan struct{} // closed when the process is gone and the log is read

	mu      sync.Mutex
	log     []entry
	changed chan struct{} // closed and replaced when log grows
}

// start runs the proxy and waits until it listens; LISTEN, if not given, is a
// free port. When the test is over it stops it with SIGTERM and asserts a
// clean exit.
func start(t *testing.T, environ map[string]string) *postern {
	t.Helper()
	p := startUp(t, environ)
	p.awaitStart()
	return p
}

// startUp starts the proxy as start does and waits for nothing.
func startUp(t *testing.T, environ map[string]string) *postern {
	t.Helper()
	environ = with(anyPort, environ)
	p := &postern{t: t, cmd: command(t, context.Background(), environ)}
	p.launch()
	p.learns = environ["LEARN"] != "" && environ["LEARN"] != "0"
	return p
}

// anyPort listens on a free one.
var anyPort = map[string]string{"LISTEN": "tcp://127.0.0.1:0"}

// startCommand does it with a command that was made for it.
func startCommand(t *testing.T, cmd *exec.Cmd) *postern {
	t.Helper()
	p := &postern{t: t, cmd: cmd}
	p.launch()
	p.awaitStart()
	return p
}

// launch runs the command.
func (p *postern) launch() {
	p.t.Helper()
	p.exited, p.changed = make(chan struct{}), make(chan struct{})
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go p.follow(stdout)
	p.t.Cleanup(p.stop)
}

// awaitStart waits until the proxy listens.
func (p *postern) awaitStart() {
	p.t.Helper()
	p.started = p.awaitLog(func(e entry) bool { return e["message"] == "started" })
	for _, address := range p.started["listen"].([]any) {
		if addr, ok := strings.CutPrefix(address.(string), "tcp://"); ok {
			p.addr = addr
			break
		}
	}
}

// with returns the settings with others added or replaced.
func with(environ ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, e := range environ {
		for name, value := range e {
			all[name] = value
		}
	}
	return all
}

func (p *postern) follow(stdout io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	started := false
	for lines.Scan() {
		if p.forgets && started {
			continue
		}
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = entry{"not JSON": lines.Text()}
		}
		started = started || e["message"] == "started"
		p.mu.Lock()
		p.log = append(p.log, e)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	p.cmd.Wait()
}

// awaitLog returns the first line of the log that matches and waits for it if
// need be.
func (p *postern) awaitLog(match func(entry) bool) entry {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		log, changed := p.log, p.changed
		p.mu.Unlock()
		if i := slices.IndexFunc(log, match); i >= 0 {
			return log[i]
		}
		select {
		case <-changed:
		case <-p.exited:
			p.mu.Lock()
			grown := len(p.log) > len(log)
			p.mu.Unlock()
			if !grown {
				p.t.Fatalf("postern ended without the awaited line\nstderr: %s\nlog: %v", p.stderr.String(), log)
			}
		case <-deadline:
			p.t.Fatalf("no such line after %v\nlog: %v", patience, log)
		}
	}
}

// signal sends SIGTERM.
func (p *postern) signal() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("SIGTERM: %v", err)
	}
}

// terminate sends SIGTERM and returns how long the process took to end.
func (p *postern) terminate() time.Duration {
	p.t.Helper()
	begin := time.Now()
	p.signal()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Errorf("postern still runs %v after SIGTERM", patience)
		p.cmd.Process.Kill()
		<-p.exited
	}
	return time.Since(begin)
}

func (p *postern) stop() {
	if p.dumped {
		return
	}
	p.terminate()
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		p.t.Errorf("postern's exit status is %d, want 0", status)
	}
	// The race detector and panics write there; postern itself writes nothing
	// but reports once it has started.
	if p.learns {
		p.reports()
	} else if p.stderr.String() != "" {
		p.t.Errorf("postern wrote to stderr: %s", p.stderr.String())
	}
}

// dial connects to the first TCP listener.
func (p *postern) dial() net.Conn { return dial(p.t, "tcp", p.addr) }

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// message is the answer's, in the shape of the engine's errors.
func (a answer) message() string {
	var m struct{ Message string }
	if a.header.Get("Content-Type") != "application/json" || json.Unmarshal([]byte(a.body), &m) != nil {
		return ""
	}
	return m.Message
}

// send writes a request as it stands, on a connection of its own, and reads
// the answer. The request should say Connection: close.
func send(t *testing.T, conn net.Conn, request string) answer {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatalf("sending %.80q: %v", request, err)
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer to %.80q: %v", request, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("no whole answer to %.80q: %v", request, err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// get sends a request without a body; target is the raw request target and
// headers are whole lines.
func (p *postern) get(target string, headers ...string) answer {
	p.t.Helper()
	return send(p.t, p.dial(), head("GET", target, headers...))
}

// head is a request's head.
func head(method, target string, headers ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: docker"}, headers...)
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "Connection:") }) {
		lines = append(lines, "Connection: close")
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// standIn starts a stand-in engine.
func standIn(t *testing.T) (e *engine.Engine, socket string) {
	t.Helper()
	socket = filepath.Join(socketDir(t), "docker.sock")
	return startEngine(t, socket), socket
}

// startEngine starts a stand-in engine on a path where there was one before.
func startEngine(t *testing.T, socket string) *engine.Engine {
	t.Helper()
	e, err := engine.Start(socket, engine.Options{Tick: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// socketDir is a directory with a short name, for everybody: the path of a unix
// socket may have 107 bytes, and t.TempDir spends them on the name of the test.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(workDir, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// await asks until the answer is yes, for what cannot be waited for otherwise.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after %v", what, patience)
		}
	}
}
