package lifecycle

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// TestEngineLearnsThatTheClientIsGone asserts that the engine learns that a client
// has gone, so that it can stop working for it.
func TestEngineLearnsThatTheClientIsGone(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	_, _, conn := p.Open("GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
	conn.Close()
	harness.AwaitRequest(t, e, func(r engine.Request) bool { return r.Ended })
	p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "cut off by the client" })
}

// TestProxySurvivesEngineRestart asserts that postern responds with 503 and the reason
// while the engine is down, and goes on when it is back.
func TestProxySurvivesEngineRestart(t *testing.T) {
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
			socket := filepath.Join(harness.SocketDir(t), "docker.sock")
			e := harness.StartEngine(t, socket)
			p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "POST": "1"})
			requests := []string{harness.Head("GET", "/_ping"), harness.Head("POST", "/containers/db/restart", "Content-Length: 2") + "{}"}
			for range 2 {
				for _, request := range requests {
					if got := harness.Send(t, p.Dial(), request); got.Status >= 300 {
						t.Errorf("%q: status %d with the engine up, want success: %s", request, got.Status, got.Body)
					}
				}
				test.stop(e)
				for _, request := range requests {
					got := harness.Send(t, p.Dial(), request)
					if want := test.want + socket; got.Status != http.StatusServiceUnavailable || got.Message() != want {
						t.Errorf("%q: status %d, message %q with the engine down, want 503, %q", request, got.Status, got.Message(), want)
					}
				}
				e = harness.StartEngine(t, socket)
			}
		})
	}
}

// TestEngineMayStartLater asserts that postern can be started first.
func TestEngineMayStartLater(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	e.Crash()
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	if got := p.Get("/_ping").Status; got != http.StatusServiceUnavailable {
		t.Errorf("GET /_ping: status %d before the engine is there, want 503", got)
	}
	harness.StartEngine(t, socket)
	if got := p.Get("/_ping").Status; got != http.StatusOK {
		t.Errorf("GET /_ping: status %d, want 200", got)
	}
}

// TestTruncatedResponseIsAnError asserts that a truncated response never looks
// complete: a client would take part of an archive for all files.
func TestTruncatedResponseIsAnError(t *testing.T) {
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
			e, socket := harness.StandIn(t)
			part := strings.Repeat("half an archive ", 1000)
			e.Handle("GET /images/get", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				test.begin(w)
				io.WriteString(w, part)
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}))
			p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "IMAGES": "1"})
			response, _, _ := p.Open("GET /images/get HTTP/1.1\r\nHost: docker\r\n\r\n")
			body, err := io.ReadAll(response.Body)
			if string(body) != part || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("read %d bytes, %v, want %d bytes, %v", len(body), err, len(part), io.ErrUnexpectedEOF)
			}
			p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "cut off by the engine" && e["level"] == "error" })
			if got := p.Get("/_ping").Status; got != http.StatusOK {
				t.Errorf("GET /_ping afterwards: status %d, want 200", got)
			}
		})
	}
}

// TestEngineThatHangsUpIsA502 asserts that an engine that hangs up is an error in
// the engine's own shape.
func TestEngineThatHangsUpIsA502(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	e.Handle("/info", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "INFO": "1"})
	got := p.Get("/info")
	if got.Status != http.StatusBadGateway || !strings.HasPrefix(got.Message(), "postern: the Docker Engine did not answer: ") {
		t.Errorf("status %d: %s, want 502 and that the engine did not answer", got.Status, got.Body)
	}
}
