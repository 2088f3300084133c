package harness

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/tests/internal/engine"
)

// StandIn starts a stand-in engine and returns the path of its socket.
func StandIn(t *testing.T) (e *engine.Engine, socket string) {
	t.Helper()
	socket = filepath.Join(SocketDir(t), "docker.sock")
	return StartEngine(t, socket), socket
}

// StartEngine starts a stand-in engine on a path where there was one before.
func StartEngine(t *testing.T, socket string) *engine.Engine {
	t.Helper()
	e, err := engine.Start(socket, engine.Options{Tick: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// SocketDir is a folder that every user may write to. Its name is short: the
// path of a unix socket may have 107 bytes, and t.TempDir spends them on the
// name of the test.
func SocketDir(t *testing.T) string {
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

// AwaitRequest waits until the engine has received a request that matches.
func AwaitRequest(t *testing.T, e *engine.Engine, match func(engine.Request) bool) engine.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	r, err := e.Await(ctx, match)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Targets lists method and target of what the engine received.
func Targets(e *engine.Engine) []string {
	var all []string
	for _, r := range e.Requests() {
		all = append(all, r.Method+" "+r.Target)
	}
	return all
}

// MarkingEngine starts an engine that sends the header Forwarded-Target in every
// response, and returns the path of its socket. [Postern.Forwarded] looks for
// the header.
func MarkingEngine(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(SocketDir(t), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Forwarded-Target", r.Method+" "+r.RequestURI)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return socket
}
