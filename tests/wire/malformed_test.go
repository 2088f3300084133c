package wire

import (
	"net/http"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestMalformedRequests asserts that bytes that are not HTTP are refused in plain text,
// do not reach the engine, and do not disturb the next client.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	for _, test := range []struct {
		sent   string
		status int
	}{
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		{"\x00\r\n\r\n", 400},
		{"GET /_ping\r\n\r\n", 400},
		{"GET _ping HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /%zz HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /containers/%/json HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping /x HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"G{T /_ping HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping\x00 HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping HTTP/9.9\r\nHost: docker\r\n\r\n", 505},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}, // HTTP/2 without having asked, which newer engines speak
		{"CONNECT docker:2375 HTTP/1.1\r\nHost: docker\r\n\r\n", 301},
		{"OPTIONS * HTTP/1.1\r\nHost: docker\r\n\r\n", 301},
		{"GET ftp://docker/_ping HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker/secrets\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA\xc3\xa9: b\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA: a\rHost: b\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 2, 2\r\n\r\nab", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: +2\r\n\r\nab", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nnonsense\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA: \x00\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nContent-Length : 3\r\n\r\nabc", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: identity, chunked\r\n\r\n", 501},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA: " + strings.Repeat("a", 100<<10) + "\r\n\r\n", 431},
		{"GET /" + strings.Repeat("a", 600<<10) + " HTTP/1.1\r\nHost: docker\r\n\r\n", 414},
	} {
		e.Reset()
		got := harness.Send(t, p.Dial(), test.sent)
		if got.Status != test.status {
			t.Errorf("%.80q: status %d, want %d", test.sent, got.Status, test.status)
		}
		if strings.Contains(got.Header.Get("Content-Type"), "html") || strings.Contains(got.Body, "<") {
			t.Errorf("%.80q: the response is %s: %q, want no HTML", test.sent, got.Header.Get("Content-Type"), got.Body)
		}
		if received := harness.Targets(e); len(received) > 0 {
			t.Errorf("%.80q: the engine received %q, want nothing", test.sent, received)
		}
		if got := p.Get("/_ping"); got.Status != http.StatusOK {
			t.Errorf("GET /_ping after %.80q: status %d, want 200", test.sent, got.Status)
		}
	}
}
