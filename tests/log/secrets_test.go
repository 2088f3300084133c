package log

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestLogHasNoSecrets asserts that nothing of a query, a header, a body or a
// trailer gets into the log; with LOG_LEVEL=debug, that the query alone does.
func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, level := range []string{"info", "debug"} {
		p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "LOG_LEVEL": level, "BUILD": "1"}))
		const body = "s3cr3t in the body"
		for _, target := range []string{"/build?buildargs=s3cr3t-in-the-query", "/nothing?x=s3cr3t-in-the-query"} {
			harness.Send(t, p.Dial(), harness.Head("POST", target,
				"Authorization: Bearer s3cr3t-in-a-header", "X-Registry-Auth: s3cr3t-in-a-header", "X-Registry-Config: s3cr3t-in-a-header",
				"Cookie: s3cr3t-in-a-header", "User-Agent: s3cr3t-in-a-header", "Referer: s3cr3t-in-a-header",
				"Content-Type: s3cr3t-in-a-header", fmt.Sprint("Content-Length: ", len(body)))+body)
		}
		for _, path := range []string{"/images/load", "/containers/x/attach"} {
			harness.Send(t, p.Dial(), harness.Head("POST", path, "Transfer-Encoding: chunked")+"0\r\ns3cr3t-in-a-trailer\r\n\r\n")
		}
		p.Terminate()
		queries := 0
		for _, e := range p.Log() {
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

// TestLogHasNoQueryOfOddTargets asserts that no form of a target brings its query
// into the log, nor into the response, and that a password in it does not either.
func TestLogHasNoQueryOfOddTargets(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	for _, request := range []string{
		harness.Head("GET", "ftp://docker/info?x=s3cr3t"),
		harness.Head("GET", "ftp://user:s3cr3t@docker/info"),
		harness.Head("GET", "http://user:s3cr3t@docker/info?x=s3cr3t"),
		harness.Head("GET", "http:///info?x=s3cr3t"),
		harness.Head("GET", "urn:info?x=s3cr3t"),
		harness.Head("POST", "ftp://docker/containers/x/attach?x=s3cr3t"),
		harness.Head("POST", "ftp://docker/containers/x/attach?x=s3cr3t", "Connection: Upgrade", "Upgrade: tcp"),
		harness.Head("OPTIONS", "*"),
		harness.Head("CONNECT", "s3cr3t:80"),
		harness.Head("GET", "//info?x=s3cr3t"),
		"GET ftp://docker/info?x=s3cr3t HTTP/1.1\r\nHost: docker\r\nX-Registry-Auth: s3cr3t\r\nConnection: close\r\n\r\n",
	} {
		if r := harness.Send(t, p.Dial(), request); strings.Contains(r.Body, "s3cr3t") {
			t.Errorf("the response to %.60q repeats the query: %s", request, r.Body)
		}
	}
	p.Terminate()
	for _, e := range p.Log() {
		if strings.Contains(e.String(), "s3cr3t") {
			t.Errorf("the log gives a secret away: %v", e)
		}
	}
}

// TestLogCutsLongPaths asserts that a path takes at most 2 KiB of a line, also when
// its bytes are escaped.
func TestLogCutsLongPaths(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	segments := []string{"a", "%00", "%ff", "%22", "%5c", "%e2%80%ae", "%f0%9f%98%80"}
	for _, segment := range segments {
		p.Get("/containers/" + strings.Repeat(segment, 4000))
	}
	short := "/containers/" + strings.Repeat("b", 1500)
	p.Get(short)
	p.Terminate()
	var lines []harness.Entry
	for _, e := range p.Log() {
		if e["decision"] != nil {
			lines = append(lines, e)
		}
	}
	if len(lines) != len(segments)+1 {
		t.Fatalf("%d lines, want one for each request", len(lines))
	}
	for i, e := range lines {
		path, _ := e["path"].(string)
		text, err := json.Marshal(path)
		if err != nil {
			t.Fatal(err)
		}
		switch size := len(text) - len(`""`); {
		case i == len(segments):
			if path != short {
				t.Errorf("a path of %d bytes is logged as %q", len(short), path)
			}
		case size > 2<<10 || size < 1<<10 || !strings.HasSuffix(path, "..."):
			t.Errorf("a long path of %s takes %d bytes, want at most 2 KiB with ... at its end: %.100q", segments[i], size, path)
		}
	}
}

// TestLogHasNoAddressOfUnixClients asserts that the name of a client's end of a unix
// connection is not logged: it can look like another client's address.
func TestLogHasNoAddressOfUnixClients(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	dir := harness.SocketDir(t)
	addr := filepath.Join(dir, "p.sock")
	p := harness.Start(t, harness.With(harness.AnyPort, map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0,unix://" + addr + "?mode=0666"}))
	names := []string{"", "@10.0.0.5:80", filepath.Join(dir, "a\u202e\n<b>\x1b[31m")}
	for _, name := range names {
		conn, err := net.DialUnix("unix", &net.UnixAddr{Name: name, Net: "unix"}, &net.UnixAddr{Name: addr, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		harness.Send(t, conn, harness.Head("GET", "/info"))
	}
	lines := accessesAtEnd(p)
	if len(lines) != len(names) {
		t.Errorf("%d lines, want %d: %v", len(lines), len(names), lines)
	}
	for _, e := range lines {
		if e["address"] != "@" {
			t.Errorf("a client of a unix socket has the address %q, want @", e["address"])
		}
	}
}
