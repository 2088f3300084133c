package wire

import (
	"io"
	"net/http"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestSlowHeadersAreCut asserts that headers that come for ever do not hold a
// connection, and that nothing else is as short of time.
func TestSlowHeadersAreCut(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	response, _, idle := p.Open("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
	io.Copy(io.Discard, response.Body)
	upload := p.Dial()
	io.WriteString(upload, "POST /images/load HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: 2\r\n\r\na")

	slow := p.Dial()
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
		if took := time.Since(begin); took > 2*harness.Patience {
			t.Fatalf("the connection is open after %v", took)
		}
	}
	if took := time.Since(begin); took < 9*time.Second {
		t.Errorf("the connection was closed after %v, want ten seconds", took)
	}
	if a := harness.Send(t, upload, "b"); a.Status != http.StatusOK {
		t.Errorf("a slow upload: %d %s", a.Status, a.Body)
	}
	if a := harness.Send(t, idle, harness.Head("GET", "/_ping")); a.Status != http.StatusOK {
		t.Errorf("a request after a pause: %d %s", a.Status, a.Body)
	}
}
