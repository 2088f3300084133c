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

// report plays an engine that responds with what it received, in one line.
func report(c *net.UnixConn, r *bufio.Reader) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if req.Header.Get("Expect") != "" {
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		got := fmt.Sprintf("%s %s %d %v %v %q", req.Method, req.RequestURI, req.ContentLength, req.TransferEncoding, req.Trailer, body)
		if req.Method == "HEAD" {
			got = ""
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(got), got)
	}
}

// responses reads one response for each method and returns status, body and trailers,
// a line for each.
func responses(t *testing.T, c io.Reader, methods ...string) string {
	t.Helper()
	var all []string
	r := bufio.NewReader(c)
	for _, method := range methods {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			all = append(all, err.Error())
			break
		}
		body, err := io.ReadAll(res.Body)
		s := fmt.Sprintf("%d %s", res.StatusCode, body)
		if err != nil {
			s += " broken"
		}
		for name := range res.Trailer {
			s += " " + name + "=" + res.Trailer.Get(name)
		}
		all = append(all, s)
	}
	return strings.Join(all, "\n")
}

type requestForm struct {
	name    string
	request string
	methods []string
	want    string
}

// requestForms are requests in every form that HTTP has, with the responses to them,
// which show what the engine received.
var requestForms = []requestForm{
	{"HTTP/1.0", "GET /_ping HTTP/1.0\r\n\r\n", []string{"GET"}, `200 GET /_ping 0 [] map[] ""`},
	{"HTTP/1.0 keep-alive", strings.Repeat("GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 2), []string{"GET", "GET"},
		"200 GET /_ping 0 [] map[] \"\"\n200 GET /_ping 0 [] map[] \"\""},
	{"absolute form", "GET http://example.com/_ping?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", []string{"GET"}, `200 GET /_ping?a=%zz 0 [] map[] ""`},
	{"target as it came", "GET /images/a%2fb/json?x=1;y=%41&&z HTTP/1.1\r\nHost: x\r\n\r\n", []string{"GET"}, `200 GET /images/a%2fb/json?x=1;y=%41&&z 0 [] map[] ""`},
	{"HEAD", "HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n", []string{"HEAD"}, `200 `},
	{"pipelined", "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nPOST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabHEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /images/json HTTP/1.1\r\nHost: x\r\n\r\n",
		[]string{"GET", "POST", "HEAD", "GET"}, "200 GET /_ping 0 [] map[] \"\"\n200 POST /images/load 2 [] map[] \"ab\"\n200 \n200 GET /images/json 0 [] map[] \"\""},
	{"chunked", "POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\n\r\n", []string{"POST"},
		`200 POST /images/load -1 [chunked] map[] "abc"`},
	{"trailer", "POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n1\r\na\r\n0\r\nSum: 7\r\n\r\n", []string{"POST"},
		`200 POST /images/load -1 [chunked] map[Sum:[7]] "a"`},
	{"expect", "POST /images/load HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab", []string{"POST", "POST"},
		"100 \n200 POST /images/load 2 [] map[] \"ab\""},
	{"long URL", "GET /_ping?" + strings.Repeat("a", maxURL) + " HTTP/1.1\r\nHost: x\r\n\r\n", []string{"GET"},
		`414 {"message":"postern: the URL is longer than 512 KiB"}` + "\n"},
	{"long header", "GET /_ping HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", maxHeaders) + "\r\n\r\n", []string{"GET"},
		`431 {"message":"postern: the headers are longer than 64 KiB"}` + "\n"},
	{"endless header", "GET /_ping HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 2*maxURL), []string{"GET"}, "431 431 Request Header Fields Too Large"},
	{"nearly long", "GET /_ping HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", maxHeaders-100) + "\r\n\r\n", []string{"GET"}, `200 GET /_ping 0 [] map[] ""`},
}

func TestEveryFormOfRequestIsForwarded(t *testing.T) {
	t.Parallel()
	for _, test := range requestForms {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, report)
			c := s.dial("tcp")
			s.send(c, test.request)
			if got := responses(t, c, test.methods...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestResponsesAreForwardedUnchanged asserts the bytes that the client gets: those of
// the engine, but for the framing that HTTP/1.0 or the connection needs.
func TestResponsesAreForwardedUnchanged(t *testing.T) {
	t.Parallel()
	const date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" // one is added where there is none
	get := "GET /images/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	tests := []struct{ name, request, response, want string }{
		{"no type", get, "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 4\r\n\r\ntext",
			"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + date + "Connection: close\r\n\r\ntext"},
		{"chunks", get, "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" + date + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"},
		{"trailer", get, "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n1\r\na\r\n0\r\nSum: 7\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" + date + "Trailer: Sum\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nSum: 7\r\n\r\n"},
		{"trailer without notice", get, "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nSum: 7\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" + date + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nSum: 7\r\n\r\n"},
		{"HTTP/1.0 client", "GET /images/json HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
			"HTTP/1.0 200 OK\r\n" + date + "\r\na"},
		{"103", get, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n" + date + "\r\n",
			"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n" + date + "Connection: close\r\n\r\n"},
		{"304", get, "HTTP/1.1 304 Not Modified\r\n" + date + "Etag: e\r\n\r\n",
			"HTTP/1.1 304 Not Modified\r\n" + date + "Etag: e\r\nConnection: close\r\n\r\n"},
		{"HEAD", "HEAD /images/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 1000\r\nContent-Type: a/b\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: a/b\r\n" + date + "Connection: close\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				http.ReadRequest(r)
				io.WriteString(c, test.response)
			})
			c := s.dial("tcp")
			s.send(c, test.request)
			if got, err := io.ReadAll(c); string(got) != test.want || err != nil {
				t.Errorf("got  %q, %v\nwant %q", got, err, test.want)
			}
		})
	}
}

// TestHalfClosedClientGetsItsResponse asserts that a client that closes its half of the
// connection after the request still gets the response, as from the socket itself
// (printf | nc -N).
func TestHalfClosedClientGetsItsResponse(t *testing.T) {
	t.Parallel()
	for _, network := range networks {
		seen := make(chan error, 1)
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			http.ReadRequest(r)
			_, err := r.ReadByte()
			seen <- err
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		})
		c := s.dial(network)
		s.send(c, "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
		c.CloseWrite()
		if got, want := responses(t, c, "GET"), "200 ok"; got != want {
			t.Errorf("%s: got %s, want %s", network, got, want)
		}
		select {
		case err := <-seen:
			if err != io.EOF {
				t.Errorf("%s: the engine saw %v, want the end of the client's bytes", network, err)
			}
		case <-time.After(patience):
			t.Errorf("%s: the engine got no request", network)
		}
	}
}

// TestRefusalDuringTheBodyArrives asserts that a refusal, the proxy's or the engine's,
// reaches a client that reads it only after it has sent everything, and one that reads
// it in the middle of the body.
func TestRefusalDuringTheBodyArrives(t *testing.T) {
	t.Parallel()
	notFound := func(c *net.UnixConn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
		time.Sleep(50 * time.Millisecond) // for more of the body to arrive
	}
	tests := []struct{ name, path, want string }{
		{"engine", "/containers/x/archive", "404 no"},
		{"proxy", "/build", `403 {"message":"postern: PUT /build is not allowed: set BUILD=1"}` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, notFound)
			for _, framing := range []string{"Content-Length: 20000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1312D00\r\n"} {
				c := s.dial("tcp")
				s.send(c, "PUT "+test.path+" HTTP/1.1\r\nHost: x\r\n"+framing)
				if _, err := c.Write(make([]byte, 20_000_000)); err != nil {
					t.Errorf("all sent before reading: %v", err)
				}
				if got := responses(t, c, "PUT"); got != test.want {
					t.Errorf("all sent before reading: got %s, want %s", got, test.want)
				}

				c = s.dial("tcp")
				s.send(c, "PUT "+test.path+" HTTP/1.1\r\nHost: x\r\n"+framing+"some")
				if got := responses(t, c, "PUT"); got != test.want {
					t.Errorf("waiting in the middle: got %s, want %s", got, test.want)
				}
				c.CloseWrite()
				if n, err := io.Copy(io.Discard, c); n > 0 {
					t.Errorf("after the response came %d bytes and %v, want the end", n, err)
				}
				c = s.dial("tcp")
				s.send(c, "PUT "+test.path+" HTTP/1.1\r\nHost: x\r\n"+framing+"some")
				if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || !res.Close {
					t.Errorf("got %v, %v, want a response with Connection: close", res, err)
				}
			}
			c := s.dial("tcp")
			s.send(c, "PUT "+test.path+" HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20000000\r\n\r\n")
			if got := responses(t, c, "PUT"); got != test.want {
				t.Errorf("with Expect: 100-continue: got %s, want %s", got, test.want)
			}
		})
	}
}

// TestBodyAfterChunkedRefusalIsDropped asserts that the rest of a body that the engine
// has refused, with a response in chunks, is not taken for a request.
func TestBodyAfterChunkedRefusalIsDropped(t *testing.T) {
	t.Parallel()
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")
		io.Copy(io.Discard, r)
	})
	for _, framing := range []string{"Content-Length: 20000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1312D00\r\n"} {
		for range 10 {
			c := s.dial("tcp")
			s.send(c, "PUT /containers/x/archive HTTP/1.1\r\nHost: x\r\n"+framing+"some")
			if got, want := responses(t, c, "PUT"), "404 no"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			s.send(c, "GET /containers/json HTTP/1.1\r\nHost: x\r\n\r\n")
			if got, _ := io.ReadAll(c); len(got) > 0 {
				t.Errorf("the rest of the body got the response %q", got)
			}
		}
	}
}

// TestResponseDuringTheRequest asserts that a response may begin before the end of the
// request, and that both then go on: docker load shows its progress.
func TestResponseDuringTheRequest(t *testing.T) {
	t.Parallel()
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		one := make([]byte, 1)
		for {
			if _, err := io.ReadFull(req.Body, one); err != nil {
				break
			}
			fmt.Fprintf(c, "1\r\n%s\r\n", one)
		}
		io.WriteString(c, "0\r\n\r\n")
	})
	c := s.dial("tcp")
	s.send(c, "POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	r := bufio.NewReader(c)
	for _, letter := range strings.Split("abcdefghij", "") {
		s.send(c, "1\r\n"+letter+"\r\n")
		if letter == "a" {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			r = bufio.NewReader(res.Body)
		}
		s.receive(r, letter)
	}
	s.send(c, "0\r\n\r\n")
	s.receiveEnd(r)
}

// TestBehindABrokenBodyThereIsNoRequest asserts that what comes behind a malformed
// chunk is not taken for a request.
func TestBehindABrokenBodyThereIsNoRequest(t *testing.T) {
	t.Parallel()
	s := play(t, report)
	for _, body := range []string{"zz\r\n", "-1\r\n", "fffffffffffffffff\r\n", "2\r\n{}XX", "2\n{}\n0\n\n", "2\r\n{}\r\n0\r\nno colon\r\n\r\n"} {
		for _, network := range networks {
			c := s.dial(network)
			s.send(c, "POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+body+"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
			r := bufio.NewReader(c)
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != http.StatusBadRequest || !res.Close {
				t.Fatalf("%s %q: got %v, %v, want 400 and Connection: close", network, body, res, err)
			}
			io.Copy(io.Discard, res.Body)
			s.receiveEnd(r)
		}
	}
}

// TestTruncatedResponseLooksTruncated asserts that the client can tell that the engine
// broke a response off.
func TestTruncatedResponseLooksTruncated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ response, want string }{
		{"Content-Length: 9\r\n\r\nabc", "200 abc broken"},
		{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "200 abc broken"},
		{"Content-Length: 9\r\n\r\n", "200  broken"},
		{"Transfer-Encoding: chunked\r\n\r\n", "200  broken"},
		{"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "200  broken"},
	} {
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+test.response)
		})
		for range 20 {
			c := s.dial("tcp")
			s.send(c, "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
			if got := responses(t, c, "GET"); got != test.want {
				t.Errorf("%q: got %s, want %s", test.response, got, test.want)
			}
			s.awaitLog("cut off by the engine")
		}
	}
}

// TestSlowReaderHoldsTheSenderBack asserts that a side that reads nothing blocks the
// other one: the proxy buffers no more than a bounded number of bytes.
func TestSlowReaderHoldsTheSenderBack(t *testing.T) {
	t.Parallel()
	const most = 16 << 20 // far more than all buffers on the way
	// flood writes until nothing more goes through.
	flood := func(c net.Conn) int {
		total, piece := 0, make([]byte, 1<<20)
		for total <= most {
			c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			n, err := c.Write(piece)
			total += n
			if err != nil {
				break
			}
		}
		return total
	}
	for _, test := range []struct{ name, request, head string }{
		{"response", "GET /images/get HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"},
		{"output", startUpgrade, upgraded},
		{"input", startPlain, raw},
		{"upload", "POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", ""},
	} {
		for _, network := range networks {
			t.Run(test.name+"/"+network, func(t *testing.T) {
				t.Parallel()
				sent, done := make(chan int, 1), make(chan struct{})
				defer close(done)
				s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
					http.ReadRequest(r)
					io.WriteString(c, test.head)
					if test.name == "response" || test.name == "output" {
						sent <- flood(c)
					}
					<-done
				})
				c := s.dial(network)
				s.send(c, test.request)
				if test.name == "input" || test.name == "upload" {
					sent <- flood(c)
				}
				if n := <-sent; n > most {
					t.Errorf("%d bytes could be sent to a side that reads none, want at most %d", n, most)
				}
			})
		}
	}
}
