package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKeepAlive asserts that the kernel looks whether a client is still there,
// on every connection that may be silent for days.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	handleSilent(e)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	// Those on which nothing is said: a connection with bytes under way has
	// another timer.
	silent := []string{"silent", "wait", "upload", "upgraded attach with input"}
	for _, name := range silent {
		if _, err := io.WriteString(p.dial(), streamRequests[name]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	response, _, _ := open(t, p, "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n") // and idle afterwards
	io.Copy(io.Discard, response.Body)
	want := len(silent) + 1
	await(t, "all requests", func() bool { return len(e.Requests()) == want })
	await(t, "timer of keep-alive on each connection", func() bool {
		timers := p.keepAlive()
		return len(timers) == want && slices.Max(timers) <= 15*time.Second && slices.Min(timers) > 0
	})
}

// keepAlive returns when the kernel will probe each client, and zero where it
// will not, proc_net_tcp.txt of Linux.
func (p *postern) keepAlive() (timers []time.Duration) {
	p.t.Helper()
	const established, probe, tick = "01", "02", 10 * time.Millisecond
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		p.t.Fatal(err)
	}
	local := fmt.Sprintf("0100007F:%04X", netip.MustParseAddrPort(p.addr).Port())
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if fields[1] != local || fields[3] != established {
			continue
		}
		kind, when, _ := strings.Cut(fields[5], ":")
		ticks, _ := strconv.ParseInt(when, 16, 64)
		if kind != probe {
			ticks = 0
		}
		timers = append(timers, time.Duration(ticks)*tick)
	}
	return timers
}

// TestSlowHeaders asserts that headers that come for ever do not hold a
// connection, and that nothing else is as short of time.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	response, _, idle := open(t, p, "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
	io.Copy(io.Discard, response.Body)
	upload := p.dial()
	io.WriteString(upload, "POST /images/load HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: 2\r\n\r\na")

	slow := p.dial()
	io.WriteString(slow, "GET /_ping HTTP/1.1\r\n")
	closed := make(chan struct{})
	go func() {
		io.Copy(io.Discard, slow)
		close(closed)
	}()
	begin := time.Now()
	drip := time.NewTicker(100 * time.Millisecond)
	defer drip.Stop()
	for gone := false; !gone; {
		select {
		case <-closed:
			gone = true
		case <-drip.C:
			io.WriteString(slow, "A: b\r\n")
		}
		if took := time.Since(begin); took > 2*patience {
			t.Fatalf("the connection is open after %v", took)
		}
	}
	if took := time.Since(begin); took < 9*time.Second {
		t.Errorf("the connection was closed after %v, want ten seconds", took)
	}
	if a := send(t, upload, "b"); a.status != http.StatusOK {
		t.Errorf("a slow upload: %d %s", a.status, a.body)
	}
	if a := send(t, idle, head("GET", "/_ping")); a.status != http.StatusOK {
		t.Errorf("a request after a pause: %d %s", a.status, a.body)
	}
}

// TestKilledClients asserts that the connection to the real engine is gone
// within a second of the client's, though nothing is said on either.
func TestKilledClients(t *testing.T) {
	t.Parallel()
	container := unused(t)
	prepare(t, "run", "-di", "--network", "none", "--name", container, busybox(t), "sleep", "1000")
	post := func(path, headers string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: docker\r\n" + headers + "\r\n"
	}
	const upgrade, empty = "Connection: Upgrade\r\nUpgrade: tcp\r\n", "Content-Length: 0\r\n"
	exec := func() string {
		var made struct{ ID string }
		a := onSocket.call(t, "POST", "/containers/"+container+"/exec", `{"AttachStdin":true,"AttachStdout":true,"Cmd":["sleep","1000"]}`)
		if err := json.Unmarshal([]byte(a.body), &made); err != nil {
			t.Fatal(err)
		}
		return post("/exec/"+made.ID+"/start", upgrade+"Content-Type: application/json\r\nContent-Length: 2\r\n") + "{}"
	}
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			own := filepath.Join(socketDir(t), "p.sock")
			p := start(t, with(everything(), map[string]string{"SOCKET_PATH": engineSocket, "LISTEN": "tcp://127.0.0.1:0,unix://" + own}))
			address := map[string]string{"tcp": p.addr, "unix": own}[network]
			before := p.files()
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
				conn := dial(t, network, address)
				if _, err := io.WriteString(conn, test.request); err != nil {
					t.Fatalf("%s: %v", test.name, err)
				}
				// A client that has read everything: else the kernel would reset
				// the connection.
				(&stream{halfConn: conn.(halfConn)}).readHead(t)
				if got := p.files(); got != before+2 {
					t.Fatalf("%s: %d files are open, want two more than %d", test.name, got, before)
				}
				most := time.Second
				if test.taken && network == "tcp" {
					// The kernel sends the end of the client's bytes and no
					// more: the client may be reading still, for all that TCP
					// tells. Its kernel forgets the connection in a minute,
					// here in a second, and answers the next probe with a reset.
					most = 20 * time.Second
					forgetSoon(t, conn)
				}
				conn.Close()
				begin := time.Now()
				await(t, "end of the connection to the engine", func() bool { return p.files() == before })
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
