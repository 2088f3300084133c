package tests

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// accesses returns the lines of the log that are about requests, once postern
// has ended and nothing more can come.
func (p *postern) accesses() []entry {
	p.t.Helper()
	p.terminate()
	return slices.DeleteFunc(p.log, func(e entry) bool { return e["path"] == nil })
}

// TestLogFields asserts the names of the fields that README lists, and what is
// in those that do not depend on the moment.
func TestLogFields(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	e.Handle("/images/json", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	p := start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "IMAGES": "1", "POST": "1"})
	const sent = "two words"
	for _, request := range []string{
		head("GET", "/v1.41/containers/a%1b%20b/json"),
		head("POST", "/containers/create", fmt.Sprint("Content-Length: ", len(sent))) + sent,
		head("GET", "/info"),
		head("GET", "/nothing"),
		head("GET", "/containers/newer"),
		head("GET", "//info"),
		head("GET", "/images/json"),
		head("GET", "/_ping?"+strings.Repeat("a", 65<<10)),
	} {
		send(t, p.dial(), request)
	}
	want := []entry{
		{"level": "info", "message": "allowed", "method": "GET", "path": `/v1.41/containers/a\x1b b/json`, "operation": "ContainerInspect", "decision": "allowed", "rule": "CONTAINERS=1", "status": 404., "received": 0.},
		{"level": "info", "message": "allowed", "method": "POST", "path": "/containers/create", "operation": "ContainerCreate", "decision": "allowed", "rule": "CONTAINERS=1", "status": 200., "received": 9.},
		{"level": "warn", "message": "refused", "method": "GET", "path": "/info", "operation": "SystemInfo", "decision": "refused", "rule": "INFO=0", "status": 403., "received": 0.},
		{"level": "warn", "message": "refused", "method": "GET", "path": "/nothing", "operation": "", "decision": "refused", "rule": "no section", "status": 403., "received": 0.},
		{"level": "info", "message": "allowed", "method": "GET", "path": "/containers/newer", "operation": "", "decision": "allowed", "rule": "CONTAINERS=1", "status": 200., "received": 0.},
		{"level": "info", "message": "redirected", "method": "GET", "path": "//info", "operation": "", "decision": "redirected", "rule": "no section", "status": 301., "received": 0.},
		{"level": "error", "message": "failed", "method": "GET", "path": "/images/json", "operation": "ImageList", "decision": "allowed", "rule": "IMAGES=1", "status": 502., "received": 0., "error": "it closed the connection"},
		{"level": "warn", "message": "refused", "method": "GET", "path": "/_ping", "operation": "SystemPing", "decision": "refused", "rule": "64 KiB", "status": 414., "received": 0.},
	}
	got := p.accesses()
	for i, e := range got {
		for name, pattern := range map[string]string{
			"time":    `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`,
			"address": `^127\.0\.0\.1:\d+$`,
			"bytes":   `^\d+$`,
			"ms":      `^\d+\.?\d*$`,
		} {
			if value := fmt.Sprint(e[name]); !regexp.MustCompile(pattern).MatchString(value) {
				t.Errorf("%s is %q, want %s: %v", name, value, pattern, e)
			}
			delete(e, name)
		}
		if i < len(want) && !maps.Equal(e, want[i]) {
			t.Errorf("got  %v\nwant %v", e, want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d requests left %d lines: %v", len(want), len(got), got)
	}
}

// TestLogOfStreams asserts that what stays open is in the log while it is
// open, and again when it is over, with the number of bytes that went by.
func TestLogOfStreams(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	opened := func(operation string) {
		t.Helper()
		line := p.awaitLog(func(e entry) bool { return e["operation"] == operation })
		if line["message"] != "opened" || line["level"] != "info" || line["decision"] != "allowed" || line["path"] == nil || line["address"] == nil {
			t.Errorf("%s begins with %v, want opened", operation, line)
		}
		for _, name := range []string{"status", "bytes", "received", "ms"} {
			if _, there := line[name]; there {
				t.Errorf("%s begins with %q, which cannot be known: %v", operation, name, line)
			}
		}
	}
	ended := func(operation, message string, status int, received float64) {
		t.Helper()
		line := p.awaitLog(func(e entry) bool { return e["operation"] == operation && e["status"] != nil })
		if line["message"] != message || line["status"] != float64(status) || line["received"] != received || line["bytes"] == 0. {
			t.Errorf("%s ends with %v, want %s, status %d, %v bytes received and some sent", operation, line, message, status, received)
		}
	}

	_, answer, conn := open(t, p, head("GET", "/events"))
	e.Emit("start", "web")
	if _, err := answer.ReadByte(); err != nil {
		t.Fatal(err)
	}
	opened("SystemEvents")
	conn.Close()
	ended("SystemEvents", "cut off by the client", 200, 0)

	p.get("/containers/web/logs?stdout=1")
	opened("ContainerLogs")
	ended("ContainerLogs", "closed", 200, 0)

	for _, attach := range []struct {
		headers []string
		path    string
		status  int
	}{
		{[]string{"Connection: Upgrade", "Upgrade: tcp"}, "/containers/web/attach?stream=1&stdin=1&stdout=1", 101},
		{nil, "/v1.41/containers/web/attach?stream=1&stdin=1&stdout=1", 200},
	} {
		p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
		_, _, conn := open(t, p, head("POST", attach.path, append(attach.headers, "Content-Length: 0")...))
		line := p.awaitLog(func(e entry) bool { return e["operation"] == "ContainerAttach" })
		if line["message"] != "opened" {
			t.Errorf("%s begins with %v, want opened", attach.path, line)
		}
		io.WriteString(conn, "hello\n")
		conn.(halfConn).CloseWrite()
		conn.Close()
		line = p.awaitLog(func(e entry) bool { return e["operation"] == "ContainerAttach" && e["status"] != nil })
		if line["message"] != "closed" || line["status"] != float64(attach.status) || line["received"] != 6. {
			t.Errorf("%s ends with %v, want closed, status %d and 6 bytes received", attach.path, line, attach.status)
		}
		if lines := p.accesses(); len(lines) != 2 {
			t.Errorf("%s left %d lines, want 2: %v", attach.path, len(lines), lines)
		}
	}

	// A refusal is one line, whatever was asked for.
	p = start(t, map[string]string{"SOCKET_PATH": socket})
	p.get("/containers/web/logs")
	if lines := p.accesses(); len(lines) != 1 || lines[0]["message"] != "refused" {
		t.Errorf("a refused stream left %v, want one line", lines)
	}
}

// TestLogKeepsSecrets asserts that nothing of a query, a header or a body gets
// into the log; with LOG_LEVEL=debug, that the query alone does.
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	for _, level := range []string{"info", "debug"} {
		p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket, "LOG_LEVEL": level, "BUILD": "1"}))
		const body = "s3cr3t in the body"
		for _, target := range []string{"/build?buildargs=s3cr3t-in-the-query", "/nothing?x=s3cr3t-in-the-query"} {
			send(t, p.dial(), head("POST", target,
				"Authorization: Bearer s3cr3t-in-a-header", "X-Registry-Auth: s3cr3t-in-a-header", "X-Registry-Config: s3cr3t-in-a-header",
				"Cookie: s3cr3t-in-a-header", "User-Agent: s3cr3t-in-a-header", "Referer: s3cr3t-in-a-header",
				"Content-Type: s3cr3t-in-a-header", fmt.Sprint("Content-Length: ", len(body)))+body)
		}
		p.terminate()
		queries := 0
		for _, e := range p.log {
			if query, ok := e["query"].(string); ok && level == "debug" {
				if !strings.HasSuffix(query, "=s3cr3t-in-the-query") {
					t.Errorf("the query is %q: %v", query, e)
				}
				queries++
				delete(e, "query")
			}
			if strings.Contains(e.String(), "s3cr3t") {
				t.Errorf("LOG_LEVEL=%s gives a secret away: %v", level, e)
			}
		}
		if want := map[string]int{"info": 0, "debug": 3}[level]; queries != want {
			t.Errorf("LOG_LEVEL=%s logs %d queries, want %d", level, queries, want)
		}
	}
}

// TestAccessLog asserts which requests are logged.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	const all = "allowed /_ping, refused /info, redirected //info, opened /events, cut off by the client /events"
	for _, test := range []struct{ setting, want string }{
		{"", all},
		{"ACCESS_LOG=", all},
		{"ACCESS_LOG=ALL", all},
		{"ACCESS_LOG=denied", "refused /info"},
		{"ACCESS_LOG=none", ""},
		{"LOG_LEVEL=warning", "refused /info"},
		{"LOG_LEVEL=err", ""},
	} {
		t.Run(test.setting, func(t *testing.T) {
			t.Parallel()
			addr := filepath.Join(socketDir(t), "p.sock")
			name, value, _ := strings.Cut(test.setting, "=")
			p := startUp(t, map[string]string{"SOCKET_PATH": socket, "LISTEN": "unix://" + addr, name: value})
			await(t, "listener", func() bool {
				conn, err := net.Dial("unix", addr)
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
			for _, target := range []string{"/_ping", "/info", "//info"} {
				send(t, dial(t, "unix", addr), head("GET", target))
			}
			events := dial(t, "unix", addr)
			io.WriteString(events, head("GET", "/events"))
			if _, err := http.ReadResponse(bufio.NewReader(events), nil); err != nil {
				t.Fatal(err)
			}
			events.Close()
			if test.want == all {
				p.awaitLog(func(e entry) bool { return e["message"] == "cut off by the client" })
			}
			var got []string
			for _, e := range p.accesses() {
				got = append(got, fmt.Sprint(e["message"], " ", e["path"]))
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("%s: the log has %q, want %q", test.setting, s, test.want)
			}
		})
	}
}

// TestLogOfUnixPeers binds the client's end of a connection to names that look
// like somebody else's address, or would turn a line of the log around.
func TestLogOfUnixPeers(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	dir := socketDir(t)
	addr := filepath.Join(dir, "p.sock")
	p := start(t, with(anyPort, map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0,unix://" + addr + "?mode=0666"}))
	names := []string{"", "@10.0.0.5:80", filepath.Join(dir, "a\u202e\n<b>\x1b[31m")}
	for _, name := range names {
		conn, err := net.DialUnix("unix", &net.UnixAddr{Name: name, Net: "unix"}, &net.UnixAddr{Name: addr, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		send(t, conn, head("GET", "/info"))
	}
	lines := p.accesses()
	if len(lines) != len(names) {
		t.Errorf("%d lines, want %d: %v", len(lines), len(names), lines)
	}
	for _, e := range lines {
		if e["address"] != "@" {
			t.Errorf("a unix socket's peer has the address %q, want @", e["address"])
		}
	}
}

// TestLogNobodyTakes asserts that requests go on when the log's reader has gone
// or the disk is full, and that stderr tells, once.
func TestLogNobodyTakes(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
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
		addr := filepath.Join(socketDir(t), "p.sock")
		p := command(t, t.Context(), map[string]string{"SOCKET_PATH": socket, "LISTEN": "unix://" + addr})
		var stderr output
		p.Stdout, p.Stderr = test.stdout, &stderr
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "listener", func() bool {
			conn, err := net.Dial("unix", addr)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		for range 10 {
			if a := send(t, dial(t, "unix", addr), head("GET", "/version")); a.status != 200 {
				t.Errorf("%s: GET /version gets %d, want 200", test.want, a.status)
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

// TestConsoleLog asserts one line a request, in colour on a terminal alone,
// that a path cannot make look like another.
func TestConsoleLog(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	const request = `^\S+ WRN refused GET "/a status=200\\\\nx" operation= rule="no section" status=403 ms=\S+ bytes=\d+ received=0 address=\S+$`
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, terminal := range []bool{false, true} {
		p := command(t, t.Context(), map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0", "LOG_FORMAT": "console"})
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
		send(t, dial(t, "tcp", addr[1]), head("GET", "/a%20status=200%0ax"))
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
