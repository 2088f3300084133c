package wire

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestRefusalsArePrintable asserts that a path cannot forge lines or colours
// on the terminal that shows the refusal, nor fill it.
func TestRefusalsArePrintable(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	for target, want := range map[string]string{
		"/secrets/%1b%5b31m":                   `GET /secrets/\x1b[31m (SecretInspect) is not`,
		"/secrets/a%0apostern:%20b":            `GET /secrets/a\npostern: b (`,
		"/secrets/%e2%80%ae%c2%9b":             `GET /secrets/\u202e\u009b (`,
		"/secrets/%22%ff":                      `GET /secrets/"\xff (`,
		"/secrets/" + strings.Repeat("a", 999): "GET /secrets/" + strings.Repeat("a", 191) + "... (",
	} {
		var refusal struct{ Message string }
		if err := json.Unmarshal([]byte(p.Get(target).Body), &refusal); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(refusal.Message, "postern: "+want) {
			t.Errorf("GET %.40s: %q, want %q", target, refusal.Message, want)
		}
	}
}

// TestRefusedUploadEndsItsConnection asserts that a client which is refused in
// the middle of a body is told that the connection ends: what is left of the
// body must not be read as a request.
func TestRefusedUploadEndsItsConnection(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	for size, want := range map[int]bool{0: false, 1 << 20: true} {
		conn := p.Dial()
		io.WriteString(conn, fmt.Sprintf("POST /images/load HTTP/1.1\r\nHost: docker\r\nContent-Length: %d\r\n\r\n", size))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != 403 || response.Close != want {
			t.Errorf("refusal of %d bytes: status %d, connection ends is %v, want 403, %v", size, response.StatusCode, response.Close, want)
		}
	}
}
