package proxy

import (
	"bufio"
	"fmt"
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
// before it ends: net/http needs 50 times their size. The lines of a body do not count,
// wherever a read ends.
func TestHeaderLinesAreLimited(t *testing.T) {
	t.Parallel()
	s := play(t, report)
	many := strings.Repeat("a:\n", 3*maxHeaderLines)
	body := strings.Repeat("\n", 3*maxHeaderLines)
	post := fmt.Sprintf("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(body))
	for _, test := range []struct {
		pieces []string
		status int
	}{
		{[]string{"GET /_ping HTTP/1.1\r\nHost: x\r\n" + many}, 431},
		{[]string{"GET /_ping HTTP/1.1\r\nHost: x\r", "\n" + many}, 431},
		{[]string{"\r\n\r\nGET /_ping HTTP/1.1\r\nHost: x\r\n" + many}, 431},
		{[]string{post + body}, 200},
		{[]string{post[:len(post)-1], "\n" + body}, 200},
		{[]string{post[:len(post)-2], "\r\n" + body}, 200},
		// net/http skips line breaks in front of a request that follows a POST.
		{[]string{post + body, "\r\n\r\nGET /_ping HTTP/1.1\r\nHost: x\r\n" + many}, 431},
	} {
		c := s.dial("tcp")
		r := bufio.NewReader(c)
		var res *http.Response
		var err error
		for i, piece := range test.pieces {
			if i > 0 && strings.HasSuffix(test.pieces[i-1], body) {
				if res, err = http.ReadResponse(r, nil); err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, res.Body)
			}
			s.send(c, piece)
		}
		if res, err = http.ReadResponse(r, nil); err != nil || res.StatusCode != test.status {
			t.Errorf("%.90q: got %v, %v, want status %d", test.pieces, res, err, test.status)
		}
	}
}
