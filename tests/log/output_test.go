package log

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"postern/tests/internal/harness"
)

// TestRequestsGoOnWithoutALog asserts that requests go on when the log's reader
// has gone or the disk is full, and that stderr tells, once.
func TestRequestsGoOnWithoutALog(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	gone, log := newPipe(t, false)
	gone.Close()
	defer log.Close()
	for _, test := range []struct {
		stdout *os.File
		want   string
	}{
		{log, "broken pipe"},
		{full, "no space left on device"},
	} {
		addr := filepath.Join(harness.SocketDir(t), "p.sock")
		p := harness.Command(t, map[string]string{"SOCKET_PATH": socket, "LISTEN": "unix://" + addr})
		var stderr harness.Output
		p.Stdout, p.Stderr = test.stdout, &stderr
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		harness.Await(t, "response", func() bool { return responds(addr) })
		for range 10 {
			if a := harness.Send(t, harness.Dial(t, "unix", addr), harness.Head("GET", "/version")); a.Status != 200 {
				t.Errorf("%s: GET /version gets %d, want 200", test.want, a.Status)
			}
		}
		p.Process.Signal(syscall.SIGTERM)
		if err := p.Wait(); err != nil {
			t.Errorf("%s: %v after SIGTERM, want status 0", test.want, err)
		}
		want := "postern: the log cannot be written, and requests go on without: write /dev/stdout: " + test.want + "\n"
		if got := stderr.String(); got != want {
			t.Errorf("stderr has %q, want %q", got, want)
		}
	}
}

// TestStopWithAnUnreadLog asserts that a stdout without a reader, with a stream that
// has to be cut, neither delays the end after SIGTERM nor makes it a failure.
func TestStopWithAnUnreadLog(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	_, stdout := newPipe(t, false)
	defer stdout.Close()
	addr := filepath.Join(harness.SocketDir(t), "p.sock")
	p := harness.Command(t, map[string]string{"SOCKET_PATH": socket, "LISTEN": "unix://" + addr, "SHUTDOWN_GRACE": "1s"})
	p.Stdout = stdout
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	harness.Await(t, "response", func() bool { return responds(addr) })
	const line = 2 << 10 // what each refusal puts into the log, at least
	for range 4 * (64 << 10) / line {
		harness.Send(t, harness.Dial(t, "unix", addr), harness.Head("GET", "/info/"+strings.Repeat("x", line)))
	}
	stream := harness.Dial(t, "unix", addr)
	if _, err := stream.Write([]byte("GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Process.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		t.Errorf("%v after SIGTERM, want status 0", err)
	}
}

// TestConsoleLogHasALineForEachRequest asserts one line for each request, in
// colour on a terminal alone, and that a path cannot forge another line.
func TestConsoleLogHasALineForEachRequest(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	const request = `^\S+ WRN refused GET "/a status=200\\\\nx" operation= rule="no section" status=403 ms=\S+ bytes=\d+ received=0 address=\S+$`
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, terminal := range []bool{false, true} {
		p := harness.Command(t, map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0", "LOG_FORMAT": "console"})
		out, in := newPipe(t, terminal)
		p.Stdout = in
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		in.Close()
		lines := bufio.NewReader(out)
		next := func(word string) string {
			t.Helper()
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatalf("no line with %q: %v", word, err)
				}
				if line = strings.TrimRight(line, "\r\n"); strings.Contains(line, word) {
					return line
				}
			}
		}
		addr := regexp.MustCompile(`tcp://([0-9.:]+)`).FindStringSubmatch(next("started"))
		harness.Send(t, harness.Dial(t, "tcp", addr[1]), harness.Head("GET", "/a%20status=200%0ax"))
		line := next("refused")
		if colour.MatchString(line) != terminal {
			t.Errorf("terminal is %v, the line is %q", terminal, line)
		}
		if plain := colour.ReplaceAllString(line, ""); !regexp.MustCompile(request).MatchString(plain) {
			t.Errorf("the line is %q, want %s", plain, request)
		}
		p.Process.Signal(syscall.SIGTERM)
		next("stopped")
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// newPipe returns what is written to in: a terminal, or a pipe.
func newPipe(t *testing.T, terminal bool) (out, in *os.File) {
	t.Helper()
	var err error
	if terminal {
		out, in, err = openTerminal()
	} else {
		out, in, err = os.Pipe()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return out, in
}

// openTerminal opens a pseudo-terminal, pts(4).
func openTerminal() (master, terminal *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	return master, terminal, err
}

// responds reports whether postern serves a unix socket. While it sets the
// socket's permissions it closes connections. The health check leaves no line in
// the log.
func responds(addr string) bool {
	conn, err := net.Dial("unix", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	io.WriteString(conn, harness.Head("GET", "/_ping", "User-Agent: postern-healthcheck"))
	n, _ := conn.Read(make([]byte, 1))
	return n == 1
}
