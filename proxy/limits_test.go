package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestClientBehindAPipelinedByteIsNoticed asserts that the engine's connection ends
// when a client leaves a silent stream, although bytes of a next request or an
// unread body hide the end of its bytes from net/http.
func TestClientBehindAPipelinedByteIsNoticed(t *testing.T) {
	t.Parallel()
	for _, request := range []string{
		"GET /events HTTP/1.1\r\nHost: x\r\n\r\nG",
		"GET /events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
	} {
		for _, network := range networks {
			t.Run(network+" "+request, func(t *testing.T) {
				t.Parallel()
				received, gone := make(chan struct{}), make(chan struct{})
				s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
					http.ReadRequest(r)
					io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
					close(received)
					io.Copy(io.Discard, r)
					close(gone)
				})
				c := s.dial(network)
				s.send(c, request)
				<-received
				c.Close()
				select {
				case <-gone:
				case <-time.After(patience - time.Second):
					t.Error("the engine's connection is still open")
				}
			})
		}
	}
}

// TestHeaderLinesAreLimited asserts that a header of many short lines is refused
// before it ends: net/http needs 50 times their size.
func TestHeaderLinesAreLimited(t *testing.T) {
	t.Parallel()
	s := play(t, report)
	c := s.dial("tcp")
	s.send(c, "GET /_ping HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("a:\n", 3*maxHeaderLines))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %v, %v, want status 431", res, err)
	}
}
