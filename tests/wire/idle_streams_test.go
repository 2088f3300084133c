package wire

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestIdleStreamsTakeLittleMemory opens two thousand streams, asserts that they
// take little memory while nothing is sent, and that each then still gets an
// event.
func TestIdleStreamsTakeLittleMemory(t *testing.T) {
	t.Parallel()
	const each = 1000
	e, socket := harness.StandIn(t)
	// With the race detector a goroutine takes several times as much.
	p := harness.StartQuick(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "POST": "1"})
	p.Get("/_ping")
	before := p.Files()
	resident := func() int { return harness.ProcStatus(t, p.PID(), "VmRSS") }
	empty := resident()

	open := func(request, want string) (net.Conn, *bufio.Reader) {
		conn := p.Dial()
		conn.SetDeadline(time.Now().Add(4 * harness.Patience))
		if _, err := conn.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReaderSize(conn, 512)
		for line := ""; line != "\r\n"; {
			next, err := r.ReadString('\n')
			if err != nil || line == "" && !strings.HasPrefix(next, want) {
				t.Fatalf("the response begins with %q, %v, want %s", next, err, want)
			}
			line = next
		}
		return conn, r
	}
	var conns []net.Conn
	var events []*bufio.Reader
	for range each {
		c, r := open(harness.Head("GET", "/events", "Connection: keep-alive"), "HTTP/1.1 200 ")
		conns, events = append(conns, c), append(events, r)
		c, _ = open(harness.Head("POST", "/containers/web/attach?stream=1&stdin=1&stdout=1", "Upgrade: tcp", "Connection: Upgrade"), "HTTP/1.1 101 ")
		conns = append(conns, c)
	}
	const most = 36 << 10
	harness.Await(t, fmt.Sprintf("streams that cost less than %d bytes each", most), func() bool {
		return (resident()-empty)/len(conns) < most
	})

	e.Emit("pause", "web")
	for i, r := range events {
		if _, err := r.ReadString('\n'); err != nil { // the length of a chunk
			t.Fatalf("stream %d: %v", i, err)
		}
		if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, `"pause"`) {
			t.Fatalf("stream %d: %q, %v, want the event", i, line, err)
		}
	}
	for _, c := range conns {
		c.Close()
	}
	harness.Await(t, "return of the files", func() bool { return p.Files() <= before })
}
