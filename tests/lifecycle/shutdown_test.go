package lifecycle

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// TestStopCutsStreams asserts that open streams hold the process for SHUTDOWN_GRACE and
// no longer.
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
		// Less than the default's five seconds, and more than a busy machine takes.
		{"events", events, "1s", time.Second, 5 * time.Second},
		{"events, default grace", events, "5s", 5 * time.Second, harness.Patience},
		{"events, no grace", events, "0s", 0, 5 * time.Second},
		{"logs", logs, "1s", time.Second, 5 * time.Second},
		{"attach", hijack, "1s", time.Second, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, socket := harness.StandIn(t)
			environ := harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket})
			if test.grace != "5s" {
				environ["SHUTDOWN_GRACE"] = test.grace
			}
			p := harness.Start(t, environ)
			_, reader, _ := p.Open(test.request)
			if took := p.Terminate(); took < test.least || took > test.most {
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
	e, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "SHUTDOWN_GRACE": "6s"})
	response, _, _ := p.Open("GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
	p.Signal(syscall.SIGTERM)
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
		{"slow response", "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n", ""},
		{"slow request", "POST /images/load HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\na", "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, socket := harness.StandIn(t)
			release := make(chan struct{})
			slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-release
				io.Copy(io.Discard, r.Body)
				io.WriteString(w, body)
			})
			e.Handle("/info", slow)
			e.Handle("/images/load", slow)
			p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "SHUTDOWN_GRACE": "50s"}))
			idle, _, _ := p.Open("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
			io.Copy(io.Discard, idle.Body)

			conn := p.Dial()
			io.WriteString(conn, test.begin)
			harness.AwaitRequest(t, e, func(r engine.Request) bool { return r.Target != "/_ping" })
			p.Signal(syscall.SIGTERM)
			awaitClosed(t, p)
			close(release)
			if got := harness.Send(t, conn, test.rest); got.Status != http.StatusOK || got.Body != body {
				t.Errorf("status %d and %d bytes, want 200 and %d", got.Status, len(got.Body), len(body))
			}
			if took := p.Terminate(); took > 40*time.Second {
				t.Errorf("postern ended %v after its last request, want it not to wait for SHUTDOWN_GRACE=50s", took)
			}
		})
	}
}

// awaitClosed waits until postern accepts no connection.
func awaitClosed(t *testing.T, p *harness.Postern) {
	t.Helper()
	harness.Await(t, "refused connection", func() bool {
		conn, err := net.Dial("tcp", p.Addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}
