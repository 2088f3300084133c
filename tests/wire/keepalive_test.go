package wire

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestSilentClientsAreProbed asserts that the kernel probes the client of every
// connection that may be silent for days.
func TestSilentClientsAreProbed(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	handleSilent(e)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	// Those on which nothing is said: a connection with bytes under way has
	// another timer.
	silent := []string{"silent", "wait", "upload", "upgraded attach with input"}
	for _, name := range silent {
		if _, err := io.WriteString(p.Dial(), streamRequests[name]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	response, _, _ := p.Open("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n") // and idle afterwards
	io.Copy(io.Discard, response.Body)
	want := len(silent) + 1
	harness.Await(t, "all requests", func() bool { return len(e.Requests()) == want })
	harness.Await(t, "timer of keep-alive on each connection", func() bool {
		timers := keepAlive(t, p.Addr)
		return len(timers) == want && slices.Max(timers) <= 15*time.Second && slices.Min(timers) > 0
	})
}

// keepAlive returns when the kernel will probe each client, and zero where it
// will not, proc_net_tcp.txt of Linux.
func keepAlive(t *testing.T, addr string) (timers []time.Duration) {
	t.Helper()
	const established, probe, tick = "01", "02", 10 * time.Millisecond
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	local := fmt.Sprintf("0100007F:%04X", netip.MustParseAddrPort(addr).Port())
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
