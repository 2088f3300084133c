package tests

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/tests/engine"
)

// open sends a request and reads the head of its answer.
func open(t *testing.T, p *postern, request string) (*http.Response, *bufio.Reader, net.Conn) {
	t.Helper()
	conn := p.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatalf("no answer to %q: %v", request, err)
	}
	return response, reader, conn
}

// awaitClosed waits until postern accepts no connection.
func awaitClosed(t *testing.T, p *postern) {
	t.Helper()
	await(t, "refused connection", func() bool {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// TestStopCutsStreams asserts that nobody who holds a stream open holds the
// process: it goes on for SHUTDOWN_GRACE and no longer.
func TestStopCutsStreams(t *testing.T) {
	t.Parallel()
	const (
		hijack = "POST /containers/worker/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
		events = "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n"
		logs   = "GET /containers/web/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: docker\r\n\r\n"
	)
	for _, test := range []struct {
		name, request, grace string
		least, most          time.Duration
	}{
		{"events", events, "1s", time.Second, 3 * time.Second},
		{"events, default grace", events, "5s", 5 * time.Second, 7 * time.Second},
		{"events, no grace", events, "0s", 0, 2 * time.Second},
		{"logs", logs, "1s", time.Second, 3 * time.Second},
		{"attach", hijack, "1s", time.Second, 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, socket := standIn(t)
			environ := with(everything(), map[string]string{"SOCKET_PATH": socket})
			if test.grace != "5s" {
				environ["SHUTDOWN_GRACE"] = test.grace
			}
			p := start(t, environ)
			_, reader, _ := open(t, p, test.request)
			if took := p.terminate(); took < test.least || took > test.most {
				t.Errorf("postern ended %v after SIGTERM, want %v to %v", took, test.least, test.most)
			}
			if _, err := io.Copy(io.Discard, reader); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

// TestStreamsGoOnDuringGrace asserts that a client still gets what happens
// between SIGTERM and the end.
func TestStreamsGoOnDuringGrace(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket, "SHUTDOWN_GRACE": "2s"})
	response, _, _ := open(t, p, "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
	p.signal()
	awaitClosed(t, p)
	e.Emit("oom", "web")
	lines := bufio.NewReader(response.Body)
	if line, err := lines.ReadString('\n'); !strings.Contains(line, "oom") {
		t.Errorf("read %q, %v after SIGTERM, want the event", line, err)
	}
	if _, err := lines.ReadString('\n'); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the stream that was cut ended with %v, want an error that tells it from a whole one", err)
	}
}

// TestStopLetsRequestsEnd asserts that what is under way at SIGTERM ends as if
// nothing had happened, and that the process does not wait any longer.
func TestStopLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		name, begin, rest string
	}{
		{"slow answer", "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n", ""},
		{"slow request", "POST /images/load HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\na", "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, socket := standIn(t)
			release := make(chan struct{})
			slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-release
				io.Copy(io.Discard, r.Body)
				io.WriteString(w, body)
			})
			e.Handle("/info", slow)
			e.Handle("/images/load", slow)
			p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket, "SHUTDOWN_GRACE": "20s"}))
			idle, _, _ := open(t, p, "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
			io.Copy(io.Discard, idle.Body)

			conn := p.dial()
			io.WriteString(conn, test.begin)
			awaitRequest(t, e, func(r engine.Request) bool { return r.Target != "/_ping" })
			p.signal()
			awaitClosed(t, p)
			close(release)
			if got := send(t, conn, test.rest); got.status != http.StatusOK || got.body != body {
				t.Errorf("status %d and %d bytes, want 200 and %d", got.status, len(got.body), len(body))
			}
			if took := p.terminate(); took > 5*time.Second {
				t.Errorf("postern ended %v after its last request, want at once", took)
			}
		})
	}
}

func awaitRequest(t *testing.T, e *engine.Engine, match func(engine.Request) bool) engine.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := e.Await(ctx, match)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestClientGone asserts that the engine learns that a client has gone, so
// that it can stop working for it.
func TestClientGone(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket})
	_, _, conn := open(t, p, "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
	conn.Close()
	awaitRequest(t, e, func(r engine.Request) bool { return r.Ended })
	p.awaitLog(func(e entry) bool { return e["message"] == "cut off by the client" })
}

// TestEngineRestarts asserts that postern outlives the engine and says what is
// wrong meanwhile.
func TestEngineRestarts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		stop func(*engine.Engine)
		want string
	}{
		{"stopped", (*engine.Engine).Close, "postern: the Docker Engine is down: no socket at "},
		{"crashed", (*engine.Engine).Crash, "postern: the Docker Engine is down: nothing listens on "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			socket := filepath.Join(socketDir(t), "docker.sock")
			e := startEngine(t, socket)
			p := start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "POST": "1"})
			requests := []string{head("GET", "/_ping"), head("POST", "/containers/db/restart", "Content-Length: 2") + "{}"}
			for range 2 {
				for _, request := range requests {
					if got := send(t, p.dial(), request); got.status >= 300 {
						t.Errorf("%q: status %d with the engine up, want success: %s", request, got.status, got.body)
					}
				}
				test.stop(e)
				for _, request := range requests {
					got := send(t, p.dial(), request)
					if want := test.want + socket; got.status != http.StatusServiceUnavailable || got.message() != want {
						t.Errorf("%q: status %d, message %q with the engine down, want 503, %q", request, got.status, got.message(), want)
					}
				}
				e = startEngine(t, socket)
			}
		})
	}
}

// TestEngineComesLater asserts that postern can be started first.
func TestEngineComesLater(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	e.Crash()
	p := start(t, map[string]string{"SOCKET_PATH": socket})
	if got := p.get("/_ping").status; got != http.StatusServiceUnavailable {
		t.Errorf("GET /_ping: status %d before the engine is there, want 503", got)
	}
	startEngine(t, socket)
	if got := p.get("/_ping").status; got != http.StatusOK {
		t.Errorf("GET /_ping: status %d, want 200", got)
	}
}

// TestEngineDiesInAnswer asserts that half an answer never looks like a whole
// one: a client would take a cut archive for all files.
func TestEngineDiesInAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		begin func(http.ResponseWriter)
	}{
		{"known length", func(w http.ResponseWriter) { w.Header().Set("Content-Length", "1000000") }},
		{"chunks", func(http.ResponseWriter) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, socket := standIn(t)
			part := strings.Repeat("half an archive ", 1000)
			e.Handle("GET /images/get", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				test.begin(w)
				io.WriteString(w, part)
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}))
			p := start(t, map[string]string{"SOCKET_PATH": socket, "IMAGES": "1"})
			response, _, _ := open(t, p, "GET /images/get HTTP/1.1\r\nHost: docker\r\n\r\n")
			body, err := io.ReadAll(response.Body)
			if string(body) != part || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("read %d bytes, %v, want %d bytes, %v", len(body), err, len(part), io.ErrUnexpectedEOF)
			}
			p.awaitLog(func(e entry) bool { return e["message"] == "cut off by the engine" && e["level"] == "error" })
			if got := p.get("/_ping").status; got != http.StatusOK {
				t.Errorf("GET /_ping afterwards: status %d, want 200", got)
			}
		})
	}
}

// TestEngineGivesNoAnswer asserts that an engine that hangs up is an error in
// the engine's own shape.
func TestEngineGivesNoAnswer(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	e.Handle("/info", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	p := start(t, map[string]string{"SOCKET_PATH": socket, "INFO": "1"})
	got := p.get("/info")
	if got.status != http.StatusBadGateway || !strings.HasPrefix(got.message(), "postern: the Docker Engine did not answer: ") {
		t.Errorf("status %d: %s, want 502 and that the engine did not answer", got.status, got.body)
	}
}
