package proxy

import (
	"fmt"
	"io"
	"testing"
)

// TestSegmentsDoNotChangeTheResponse asserts that the response does not depend on how
// the network cuts a request: each form is sent whole, cut in two at every byte, and
// byte by byte.
func TestSegmentsDoNotChangeTheResponse(t *testing.T) {
	t.Parallel()
	forms := requestForms
	for _, malformed := range []string{
		"GET /_ping HTTP/1.1\r\n\r\n", // no Host
		"GET /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET _ping HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /_ping HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
		"GET /_ping HTTP/9.9\r\nHost: x\r\n\r\n",
		"POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
	} {
		forms = append(forms, requestForm{request: malformed, methods: []string{"GET"}})
	}
	s := play(t, report)
	for _, form := range forms {
		whole := s.sendInPieces(t, form, form.request)
		if form.want != "" && whole != form.want {
			t.Errorf("%.60q whole:\ngot  %s\nwant %s", form.request, whole, form.want)
		}
		const short = 400
		step := 1
		if len(form.request) > short { // a long one would take too long
			step = len(form.request) / 7
		}
		for i := 1; i < len(form.request); i += step {
			if got := s.sendInPieces(t, form, form.request[:i], form.request[i:]); got != whole {
				t.Fatalf("%.60q cut at byte %d:\ngot  %s\nwant %s", form.request, i, got, whole)
			}
		}
		if len(form.request) > short {
			continue
		}
		bytes := make([]string, len(form.request))
		for i := range form.request {
			bytes[i] = form.request[i : i+1]
		}
		if got := s.sendInPieces(t, form, bytes...); got != whole {
			t.Errorf("%.60q byte by byte:\ngot  %s\nwant %s", form.request, got, whole)
		}
	}
}

// sendInPieces sends a request in pieces, each of which the proxy gets by one read, and
// returns the responses.
func (s *stage) sendInPieces(t *testing.T, form requestForm, pieces ...string) string {
	c := s.dialPipe()
	defer c.Close()
	go func() {
		for _, piece := range pieces {
			// A proxy that has answered need not read the rest.
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
		}
	}()
	return fmt.Sprint(responses(t, c, form.methods...))
}
