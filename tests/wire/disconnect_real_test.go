//go:build real

package wire

import (
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestClientDisconnectReachesTheRealEngine asserts that the connection to the real
// engine ends soon after the client's, though nothing is sent on either.
func TestClientDisconnectReachesTheRealEngine(t *testing.T) {
	t.Parallel()
	container := harness.Unused(t)
	harness.MustDocker(t, "run", "-di", "--network", "none", "--name", container, harness.Busybox(t), "sleep", "1000")
	post := func(path, headers string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: docker\r\n" + headers + "\r\n"
	}
	const upgrade, empty = "Connection: Upgrade\r\nUpgrade: tcp\r\n", "Content-Length: 0\r\n"
	exec := func() string {
		var made struct{ ID string }
		a := harness.EngineEndpoint.Call(t, "POST", "/containers/"+container+"/exec", `{"AttachStdin":true,"AttachStdout":true,"Cmd":["sleep","1000"]}`)
		if err := json.Unmarshal([]byte(a.Body), &made); err != nil {
			t.Fatal(err)
		}
		return post("/exec/"+made.ID+"/start", upgrade+"Content-Type: application/json\r\nContent-Length: 2\r\n") + "{}"
	}
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			own := filepath.Join(harness.SocketDir(t), "p.sock")
			p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket, "LISTEN": "tcp://127.0.0.1:0,unix://" + own}))
			address := map[string]string{"tcp": p.Addr, "unix": own}[network]
			for _, test := range []struct {
				name, request string
				taken         bool
			}{
				{"logs", "GET /containers/" + container + "/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: docker\r\n\r\n", false},
				{"events", "GET /events?filters={%22container%22:[%22none%22]} HTTP/1.1\r\nHost: docker\r\n\r\n", false},
				{"wait", post("/containers/"+container+"/wait", empty), false},
				{"attach", post("/containers/"+container+"/attach?stream=1&stdout=1", empty), true},
				{"upgraded attach", post("/containers/"+container+"/attach?stream=1&stdin=1&stdout=1", upgrade+empty), true},
				{"exec", exec(), true},
			} {
				conn := harness.Dial(t, network, address)
				if _, err := io.WriteString(conn, test.request); err != nil {
					t.Fatalf("%s: %v", test.name, err)
				}
				// A client that has read everything: else the kernel would reset
				// the connection.
				(&stream{HalfConn: conn.(harness.HalfConn)}).readHead(t)
				// The client's connection is open, and that to the engine.
				open := p.Files()
				most := 10 * time.Second
				if test.taken && network == "tcp" {
					// The kernel sends the end of the client's bytes and no
					// more: the client may be reading still, for all that TCP
					// tells. Its kernel forgets the connection in a minute,
					// here in a second, and answers the next probe with a reset.
					most = 40 * time.Second
					forgetSoon(t, conn)
				}
				conn.Close()
				begin := time.Now()
				harness.Await(t, "end of the connection to the engine", func() bool { return p.Files() <= open-2 })
				if took := time.Since(begin); took > most {
					t.Errorf("%s: the connection to the engine is gone after %v, want %v at most", test.name, took, most)
				}
			}
		})
	}
}

// forgetSoon shortens the time for which the kernel remembers a connection
// that this side has closed, tcp(7).
func forgetSoon(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_LINGER2, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
}
