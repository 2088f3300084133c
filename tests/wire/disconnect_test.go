package wire

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// streamRequests open a stream of each kind on the stand-in.
var streamRequests = map[string]string{
	"events": "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n",
	"logs":   "GET /containers/web/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: docker\r\n\r\n",
	"stats":  "GET /containers/web/stats HTTP/1.1\r\nHost: docker\r\n\r\n",
	"silent": "GET /containers/web/silent HTTP/1.1\r\nHost: docker\r\n\r\n",
	"wait":   "POST /containers/web/silent HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n",
	"upload": "POST /images/load HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
	"attach": "POST /containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n",
	"upgraded attach with input": "POST /containers/web/attach?stream=1&stdout=1&stdin=1 HTTP/1.1\r\nHost: docker\r\n" +
		"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n",
}

// handleSilent makes the stand-in hold back its response until the client disconnects.
func handleSilent(e *engine.Engine) {
	e.Handle("/containers/web/silent", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
}

// TestClientDisconnectReachesTheEngine asserts that the engine's side of a stream
// ends when the client closes its connection, as the kernel does for a client that
// is killed, also where nothing is sent on it in either direction.
func TestClientDisconnectReachesTheEngine(t *testing.T) {
	t.Parallel()
	for name, request := range streamRequests {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+"/"+network, func(t *testing.T) {
				t.Parallel()
				e, socket := harness.StandIn(t)
				handleSilent(e)
				own := filepath.Join(harness.SocketDir(t), "p.sock")
				p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0,unix://" + own}))
				address := map[string]string{"tcp": p.Addr, "unix": own}[network]
				conn := harness.Dial(t, network, address)
				if _, err := io.WriteString(conn, request); err != nil {
					t.Fatal(err)
				}
				harness.AwaitRequest(t, e, func(engine.Request) bool { return true })
				conn.Close()
				harness.AwaitRequest(t, e, func(r engine.Request) bool { return r.Ended })
			})
		}
	}
}

// TestEngineDisconnectReachesTheClient asserts that a client whose stream the
// engine cannot finish sees that it is cut: no response, a body without its end,
// or the end of a hijacked connection.
func TestEngineDisconnectReachesTheClient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ request, want string }{
		{"silent", "502"},
		{"upload", "502"},
		{"events", "200 unexpected EOF"},
		{"attach", "200 <nil>"},
		{"upgraded attach with input", "101 <nil>"},
	} {
		t.Run(test.request, func(t *testing.T) {
			t.Parallel()
			e, socket := harness.StandIn(t)
			over := make(chan struct{})
			t.Cleanup(func() { close(over) })
			for _, pattern := range []string{"/containers/web/silent", "GET /events", "POST /images/load"} {
				e.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "GET" && r.URL.Path == "/events" {
						io.WriteString(w, "event")
						http.NewResponseController(w).Flush()
					}
					<-over
				}))
			}
			p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
			conn := p.Dial()
			if _, err := io.WriteString(conn, streamRequests[test.request]); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			if !strings.HasPrefix(test.want, "502") {
				if _, err := r.Peek(1); err != nil {
					t.Fatal(err)
				}
			}
			harness.AwaitRequest(t, e, func(engine.Request) bool { return true })
			e.Crash()
			response, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			stream := io.Reader(response.Body)
			if response.StatusCode == http.StatusSwitchingProtocols {
				stream = r
			}
			_, err = io.Copy(io.Discard, stream)
			if got := fmt.Sprint(response.StatusCode, " ", err); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
