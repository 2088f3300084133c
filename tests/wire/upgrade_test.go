package wire

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestUpgradeIsStripped asserts that a connection cannot leave HTTP but in the
// operations that need it: bytes on a hijacked connection are never decided on.
func TestUpgradeIsStripped(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	for _, request := range []string{
		"GET /_ping", "GET /version", "GET /containers/json", "GET /events", "GET /containers/web/logs?follow=1",
		"POST /build", "POST /images/load", "POST /containers/web/exec", "GET /containers/web/novelty",
		"POST /containers/web/attach/novelty", "GET /containers/web/attach", "POST /session/novelty", "GET /grpc",
	} {
		for _, asked := range []string{
			"Connection: Upgrade\r\nUpgrade: tcp", "Connection: Upgrade\r\nUpgrade: h2c", "Connection: Upgrade\r\nUpgrade: websocket",
			"Connection: close, uPGRADE\r\nUpgrade: tcp", "Connection: keep-alive\r\nConnection: upgrade\r\nupgrade: tcp",
			"Connection:\r\n upgrade\r\nUpgrade:\r\n\ttcp", "Connection: X\r\nUpgrade: tcp",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
		} {
			e.Reset()
			method, target, _ := strings.Cut(request, " ")
			response, _, conn := p.Open(harness.Head(method, target, asked, "Content-Length: 0"))
			conn.Close()
			if response.StatusCode == http.StatusSwitchingProtocols {
				t.Errorf("%s: status 101, want none", request)
			}
			for _, r := range e.Requests() {
				if r.Header.Get("Upgrade") != "" || r.Header.Get("Connection") != "" {
					t.Errorf("%s: the engine received %v, want no Upgrade", request, r.Header)
				}
			}
			if got := harness.Targets(e); !slices.Equal(got, []string{request}) {
				t.Errorf("%s: the engine received %q", request, got)
			}
		}
	}
}

// TestUpgradeIsKept asserts that in the operations that need it bytes flow both
// ways, and that the client can end its side and still be answered.
func TestUpgradeIsKept(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	requests := map[string]string{
		"POST /containers/web/attach":   "tcp",
		"GET /containers/web/attach/ws": "websocket",
		"POST /exec/1234/start":         "tcp",
		"POST /session":                 "h2c",
		"POST /grpc":                    "h2c",
	}
	for pattern := range requests {
		e.Handle(pattern, http.HandlerFunc(echoUpgraded))
	}
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	for request, upgrade := range requests {
		for _, prefix := range []string{"", "/v1.41"} {
			t.Run(prefix+request, func(t *testing.T) {
				t.Parallel()
				method, target, _ := strings.Cut(request, " ")
				response, reader, conn := p.Open(harness.Head(method, prefix+target, "Connection: Upgrade", "Upgrade: "+upgrade, "Content-Length: 0"))
				if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Upgrade") != upgrade {
					t.Fatalf("%s: status %d, %v, want 101 and Upgrade: %s", request, response.StatusCode, response.Header, upgrade)
				}
				for _, said := range []string{"hello\n", "are you there\n"} {
					io.WriteString(conn, said)
					if got, err := reader.ReadString('\n'); got != said {
						t.Errorf("%s: got %q, %v, want %q", request, got, err, said)
					}
				}
				conn.(*net.TCPConn).CloseWrite()
				if rest, err := io.ReadAll(reader); string(rest) != "end" || err != nil {
					t.Errorf("%s: got %q, %v after the end of input, want end", request, rest, err)
				}
			})
		}
	}
}

// echoUpgraded hijacks the connection, sends back what it reads, and "end" when
// the client has closed its direction.
func echoUpgraded(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
	io.Copy(conn, buffered)
	io.WriteString(conn, "end")
}
