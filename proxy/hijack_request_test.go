package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// hijackOperations are a request line of each operation that may hijack its
// connection.
var hijackOperations = []string{
	"POST /v1.41/containers/x/attach?stream=1&stdin=1",
	"GET /containers/x/attach/ws?stdin=1",
	"POST /exec/x/start",
	"POST /session",
	"POST /grpc",
}

const options = `{"stream":true,"stdin":true}`

// TestHijackRequestLeavesInOneWrite asserts that the body which came with the
// header reaches the engine with it, whatever its framing. What comes later is
// standard input to an engine that has hijacked the connection.
func TestHijackRequestLeavesInOneWrite(t *testing.T) {
	t.Parallel()
	for _, operation := range hijackOperations {
		for _, upgrade := range []string{"", "Upgrade: tcp\r\n", "Connection: close\r\nUpgrade: tcp\r\n", "Connection: Upgrade\r\nUpgrade: tcp\r\n"} {
			for _, body := range []string{
				"\r\n",
				fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(options), options),
				fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(options), options),
			} {
				t.Run(operation+" "+upgrade+body, func(t *testing.T) {
					t.Parallel()
					s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
						first, _ := r.Peek(r.Buffered()) // what the first read got
						c.Write(fmt.Appendf(nil, "%s%q", raw, first))
					})
					for _, network := range networks {
						c := s.dial(network)
						s.send(c, operation+" HTTP/1.1\r\nHost: x\r\n"+upgrade+body)
						got, err := io.ReadAll(c)
						_, payload, _ := strings.Cut(body, "\r\n\r\n")
						if want := fmt.Sprintf("%q", payload); err != nil || !strings.HasSuffix(string(got), `\r\n\r\n`+want[1:]) {
							t.Errorf("%s: the engine's first read got %s, %v, want a request with %s at its end", network, got, err, want)
						}
					}
				})
			}
		}
	}
}

// TestHijackUpgradeAlone asserts that Upgrade counts whatever Connection says, and
// without a value, as it does for the engine.
func TestHijackUpgradeAlone(t *testing.T) {
	t.Parallel()
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		hijackRequest(c, r)
		io.Copy(c, r)
	})
	for _, connection := range []string{"", "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: tcp\r\n", "Connection: Upgrade\r\n"} {
		for _, upgrade := range []string{"Upgrade: tcp\r\n", "Upgrade:\r\n"} {
			c := s.dial("tcp")
			s.send(c, "POST /exec/x/start HTTP/1.1\r\nHost: x\r\n"+connection+upgrade+"Content-Length: 2\r\n\r\n{}")
			s.receive(c, upgraded)
			s.send(c, "hello")
			s.receive(c, "hello")
		}
	}
}

// TestHijackDoesNotWaitForABody asserts that a body which is announced and never
// sent delays nothing: the engine answers without it, and what the client sends
// afterwards is the stream.
func TestHijackDoesNotWaitForABody(t *testing.T) {
	t.Parallel()
	for _, framing := range []string{"Content-Length: 100\r\n\r\n", "Content-Length: 100\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\npa"} {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				for line := ""; line != "\r\n"; {
					var err error
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
				}
				io.WriteString(c, raw)
				io.Copy(c, r)
			})
			_, part, _ := strings.Cut(framing, "\r\n\r\n")
			c := s.dial("tcp")
			s.send(c, "POST /containers/x/attach HTTP/1.1\r\nHost: x\r\n"+framing)
			s.receive(c, raw+part)
			// Nothing of it is a chunk.
			s.send(c, "input\nzz\r\n")
			s.receive(c, "input\nzz\r\n")
			c.CloseWrite()
			s.receiveEnd(c)
		})
	}
}

// TestHijackForwardsTheRequestAlone asserts that an engine which has not answered
// receives not one byte of what the client sends behind the request: it could be
// a second request. That is decided on when the engine has not hijacked the
// connection.
func TestHijackForwardsTheRequestAlone(t *testing.T) {
	t.Parallel()
	const second = "GET /secrets HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, request := range []string{
		"POST /exec/x/start HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /exec/x/start HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
		"POST /exec/x/start HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"POST /exec/x/start HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n",
		"POST /exec/x/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			received := make(chan string, 1)
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				if req, err := http.ReadRequest(r); err == nil {
					io.Copy(io.Discard, req.Body)
				}
				io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
				rest, _ := io.ReadAll(r)
				received <- string(rest)
			})
			c := s.dial("tcp")
			s.send(c, request+second)
			r := bufio.NewReader(c)
			for _, want := range []int{http.StatusNotFound, http.StatusForbidden} {
				res, err := http.ReadResponse(r, nil)
				if err != nil || res.StatusCode != want {
					t.Fatalf("got %v, %v, want status %d", res, err, want)
				}
				io.Copy(io.Discard, res.Body)
			}
			if got := <-received; got != "" {
				t.Errorf("the engine received %q behind the request", got)
			}
		})
	}
}

// TestHijackMalformedChunk asserts that the engine sees the line that is malformed
// and nothing behind it, and says what is wrong in its own words.
func TestHijackMalformedChunk(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"zz\r\n", "-1\r\n", "2\n", "+2\r\n", "\r\n", "5;a=b\r\n", "ffffffffffffffffff\r\n"} {
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			rest, _ := io.ReadAll(r)
			_, body, _ := strings.Cut(string(rest), "\r\n\r\n")
			fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		})
		c := s.dial("tcp")
		s.send(c, "POST /exec/x/start HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+line+"GET /secrets HTTP/1.1\r\nHost: x\r\n\r\n")
		got, _ := io.ReadAll(c)
		if want := "\r\n\r\n" + line; !strings.HasPrefix(string(got), "HTTP/1.1 400 ") || !strings.HasSuffix(string(got), want) {
			t.Errorf("%q: got %q, want 400 and %q, which is all that the engine got", line, got, want)
		}
	}
}

// TestHijackResponses asserts which responses hijack a connection, and that all
// others stay HTTP.
func TestHijackResponses(t *testing.T) {
	t.Parallel()
	const multiplexed = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\r\n"
	for _, test := range []struct {
		name     string
		upgrade  bool
		response string
		want     string // all that the client receives, or its status and body
	}{
		{"101", true, upgraded + "stream", upgraded + "stream"},
		{"101 after 103", true, "HTTP/1.1 103 Early Hints\r\n\r\n" + upgraded + "stream", "HTTP/1.1 103 Early Hints\r\n\r\n" + upgraded + "stream"},
		{"200 raw", false, raw + "stream", raw + "stream"},
		{"200 raw and silent", false, raw, raw},
		{"200 multiplexed", false, multiplexed + "stream", multiplexed + "stream"},
		{"200 raw to an upgrade", true, raw + "stream", raw + "stream"},
		{"101 that nobody asked for", false, upgraded, "502 switched protocols without being asked to"},
		{"chunked", false, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "200 a"},
		{"with a length", false, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nContent-Length: 1\r\n\r\na", "200 a"},
		{"of another type", false, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\na", "200 a"},
		{"an error", true, "HTTP/1.1 409 Conflict\r\nContent-Type: application/vnd.docker.raw-stream\r\nContent-Length: 1\r\n\r\na", "409 a"},
		{"an endless header", true, "HTTP/1.1 101 UPGRADED\r\n" + strings.Repeat("A: b\r\n", 20_000), "502 header of its response is too long"},
		{"none", true, "", "502 it closed the connection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				if req, err := http.ReadRequest(r); err == nil {
					io.Copy(io.Discard, req.Body)
				}
				io.WriteString(c, test.response)
			})
			c := s.dial("tcp")
			request := startPlain
			if test.upgrade {
				request = startUpgrade
			}
			s.send(c, strings.Replace(request, "Host", "X-A: b\r\nHost", 1))
			if strings.HasPrefix(test.want, "HTTP") {
				if got, err := io.ReadAll(c); string(got) != test.want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, test.want)
				}
				return
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			status, text, _ := strings.Cut(test.want, " ")
			if !strings.HasPrefix(res.Status, status) || !strings.Contains(string(body), text) || err != nil {
				t.Errorf("got %s %q, %v, want %s", res.Status, body, err, test.want)
			}
		})
	}
}
