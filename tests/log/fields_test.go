package log

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// accesses are the lines of the log that are about requests.
func accesses(p *harness.Postern) []harness.Entry {
	return slices.DeleteFunc(p.Log(), func(e harness.Entry) bool { return e["path"] == nil })
}

// accessesAtEnd ends the proxy, so that no line can follow.
func accessesAtEnd(p *harness.Postern) []harness.Entry {
	p.Terminate()
	return accesses(p)
}

// TestLogHasTheDocumentedFields asserts the names of the fields that docs/monitoring.md lists,
// and the values of those that do not vary from run to run.
func TestLogHasTheDocumentedFields(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	e.Handle("/images/json", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "IMAGES": "1", "POST": "1"})
	const sent = "two words"
	for i, request := range []string{
		harness.Head("GET", "/v1.41/containers/a%1b%20b/json"),
		harness.Head("POST", "/containers/create", fmt.Sprint("Content-Length: ", len(sent))) + sent,
		harness.Head("GET", "/info"),
		harness.Head("GET", "/nothing"),
		harness.Head("GET", "/containers/newer"),
		harness.Head("GET", "//info"),
		harness.Head("GET", "/images/json"),
		harness.Head("GET", "/_ping?"+strings.Repeat("a", 600<<10)),
	} {
		harness.Send(t, p.Dial(), request)
		// The response may come before its line is written.
		harness.Await(t, "line of the request", func() bool { return len(accesses(p)) > i })
	}
	want := []harness.Entry{
		{"level": "info", "message": "allowed", "method": "GET", "path": `/v1.41/containers/a\x1b b/json`, "operation": "ContainerInspect", "decision": "allowed", "rule": "CONTAINERS=1", "status": 404., "received": 0.},
		{"level": "info", "message": "allowed", "method": "POST", "path": "/containers/create", "operation": "ContainerCreate", "decision": "allowed", "rule": "CONTAINERS=1", "status": 200., "received": 9.},
		{"level": "warn", "message": "refused", "method": "GET", "path": "/info", "operation": "SystemInfo", "decision": "refused", "rule": "INFO=0", "remedy": "set INFO=1, or ALLOW=SystemInfo", "status": 403., "received": 0.},
		{"level": "warn", "message": "refused", "method": "GET", "path": "/nothing", "operation": "", "decision": "refused", "rule": "no section", "status": 403., "received": 0.},
		{"level": "info", "message": "allowed", "method": "GET", "path": "/containers/newer", "operation": "", "decision": "allowed", "rule": "CONTAINERS=1", "status": 200., "received": 0.},
		{"level": "info", "message": "redirected", "method": "GET", "path": "//info", "operation": "", "decision": "redirected", "rule": "no section", "status": 301., "received": 0.},
		{"level": "error", "message": "failed", "method": "GET", "path": "/images/json", "operation": "ImageList", "decision": "allowed", "rule": "IMAGES=1", "status": 502., "received": 0., "error": "it closed the connection"},
		{"level": "warn", "message": "refused", "method": "GET", "path": "/_ping", "operation": "SystemPing", "decision": "refused", "rule": "512 KiB", "status": 414., "received": 0.},
	}
	got := accessesAtEnd(p)
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

// TestStreamsAreLoggedAtBeginAndEnd asserts that the log has a line when a stream
// opens, and another with the number of bytes when it has ended.
func TestStreamsAreLoggedAtBeginAndEnd(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	opened := func(operation string) {
		t.Helper()
		line := p.AwaitLog(func(e harness.Entry) bool { return e["operation"] == operation })
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
		line := p.AwaitLog(func(e harness.Entry) bool { return e["operation"] == operation && e["status"] != nil })
		if line["message"] != message || line["status"] != float64(status) || line["received"] != received || line["bytes"] == 0. {
			t.Errorf("%s ends with %v, want %s, status %d, %v bytes received and some sent", operation, line, message, status, received)
		}
	}

	_, response, conn := p.Open(harness.Head("GET", "/events"))
	e.Emit("start", "web")
	if _, err := response.ReadByte(); err != nil {
		t.Fatal(err)
	}
	opened("SystemEvents")
	conn.Close()
	ended("SystemEvents", "cut off by the client", 200, 0)

	p.Get("/containers/web/logs?stdout=1")
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
		p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
		_, _, conn := p.Open(harness.Head("POST", attach.path, append(attach.headers, "Content-Length: 0")...))
		line := p.AwaitLog(func(e harness.Entry) bool { return e["operation"] == "ContainerAttach" })
		if line["message"] != "opened" {
			t.Errorf("%s begins with %v, want opened", attach.path, line)
		}
		io.WriteString(conn, "hello\n")
		conn.(harness.HalfConn).CloseWrite()
		conn.Close()
		line = p.AwaitLog(func(e harness.Entry) bool { return e["operation"] == "ContainerAttach" && e["status"] != nil })
		if line["message"] != "closed" || line["status"] != float64(attach.status) || line["received"] != 6. {
			t.Errorf("%s ends with %v, want closed, status %d and 6 bytes received", attach.path, line, attach.status)
		}
		if lines := accessesAtEnd(p); len(lines) != 2 {
			t.Errorf("%s left %d lines, want 2: %v", attach.path, len(lines), lines)
		}
	}

	// A refused stream is one line.
	p = harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	p.Get("/containers/web/logs")
	if lines := accessesAtEnd(p); len(lines) != 1 || lines[0]["message"] != "refused" {
		t.Errorf("a refused stream left %v, want one line", lines)
	}
}

// TestAccessLogSelectsRequests asserts which requests are logged.
func TestAccessLogSelectsRequests(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	const all = "allowed /_ping, cut off by the client /events, opened /events, redirected //info, refused /info"
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
			addr := filepath.Join(harness.SocketDir(t), "p.sock")
			name, value, _ := strings.Cut(test.setting, "=")
			p := harness.StartUp(t, map[string]string{"SOCKET_PATH": socket, "LISTEN": "unix://" + addr, name: value})
			harness.Await(t, "response", func() bool { return responds(addr) })
			for _, target := range []string{"/_ping", "/info", "//info"} {
				harness.Send(t, harness.Dial(t, "unix", addr), harness.Head("GET", target))
			}
			events := harness.Dial(t, "unix", addr)
			io.WriteString(events, harness.Head("GET", "/events"))
			if _, err := http.ReadResponse(bufio.NewReader(events), nil); err != nil {
				t.Fatal(err)
			}
			events.Close()
			if test.want == all {
				p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "cut off by the client" })
			}
			// Of two requests, the second may be logged first.
			var got []string
			for _, e := range accessesAtEnd(p) {
				got = append(got, fmt.Sprint(e["message"], " ", e["path"]))
			}
			slices.Sort(got)
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("%s: the log has %q, want %q", test.setting, s, test.want)
			}
		})
	}
}
