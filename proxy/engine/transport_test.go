package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for events that normally take milliseconds.
const patience = 20 * time.Second

// script plays an engine on one connection, which is closed when it returns.
type script func(t *testing.T, c *net.UnixConn, r *bufio.Reader)

// play serves one script per connection, the last one for all that follow, and
// returns a transport to it and a count of the connections made.
func play(t *testing.T, scripts ...script) (*Transport, func() int) {
	t.Helper()
	// The path of a unix socket may have 107 bytes.
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	counted := make(chan int, 1)
	counted <- 0
	go func() {
		for i := 0; ; i++ {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			counted <- <-counted + 1
			c.SetDeadline(time.Now().Add(patience))
			go func() {
				defer c.Close()
				scripts[min(i, len(scripts)-1)](t, c, bufio.NewReader(c))
			}()
		}
	}()
	transport := &Transport{SocketPath: path, MaxIdle: 10}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		l.Close()
		os.RemoveAll(dir)
	})
	return transport, func() int {
		n := <-counted
		counted <- n
		return n
	}
}

// respond returns a script that reads a request with its body for each of the
// responses, and sends the response as it is.
func respond(responses ...string) script {
	return func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
		for _, response := range responses {
			if _, ok := readRequest(r); !ok {
				return
			}
			io.WriteString(c, response)
		}
	}
}

// readRequest reads a request and reports whether its body was complete.
func readRequest(r *bufio.Reader) (body string, ok bool) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", false
	}
	all, err := io.ReadAll(req.Body)
	return string(all), err == nil
}

// waitEOF reads until the other side has closed its direction.
func waitEOF(c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

func request(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the test took too long"))
	t.Cleanup(cancel)
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://docker/", r)
	if err != nil {
		t.Fatal(err)
	}
	req.RequestURI = target
	return req
}

// outcome describes a response, or the error in its place, in one line.
func outcome(res *http.Response, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	s := fmt.Sprintf("%d %q", res.StatusCode, body)
	for name, values := range res.Trailer {
		s += fmt.Sprintf(" %s: %s", name, strings.Join(values, ","))
	}
	if err != nil {
		s += " broken: " + err.Error()
	}
	return s
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// fate says what becomes of a connection after a response.
type fate int

const (
	reused  fate = iota
	ended        // by the engine
	dropped      // although the engine would serve another request on it
)

// TestResponses asserts what RoundTrip returns for each form of a response, and whether
// it uses the connection again.
func TestResponses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		method   string
		response string
		want     string
		fate     fate
	}{
		{"length", "GET", ok, `200 "ok"`, reused},
		{"empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", `200 ""`, reused},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n", `200 "abcde"`, reused},
		{"trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n2\r\nab\r\n0\r\nSum: 7\r\n\r\n", `200 "ab" Sum: 7`, reused},
		{"until the end", "GET", "HTTP/1.1 200 OK\r\n\r\nabc", `200 "abc"`, ended},
		{"asked to close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", `200 "ok"`, dropped},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", `200 "ok"`, dropped},
		{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", `200 ""`, reused},
		{"HEAD chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", `200 ""`, reused},
		{"204", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", `204 ""`, reused},
		{"204, asked to close", "DELETE", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", `204 ""`, dropped},
		{"304", "POST", "HTTP/1.1 304 Not Modified\r\n\r\n", `304 ""`, reused},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", `304 ""`, reused},
		{"after 102 and 103", "GET", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, `200 "ok"`, reused},
		{"100 unasked", "GET", "HTTP/1.1 100 Continue\r\n\r\n" + ok, `200 "ok"`, reused},
		{"gzip stays gzip", "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", `200 "\x1f\x8b"`, reused},
		{"more than announced", "GET", ok + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nforge", `200 "ok"`, dropped},
		{"more after nothing", "GET", "HTTP/1.1 204 No Content\r\n\r\nforged", `204 ""`, dropped},
		{"length cut", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", `200 "abc" broken: unexpected EOF`, ended},
		{"chunk cut", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", `200 "abc" broken: unexpected EOF`, ended},
		{"last chunk missing", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", `200 "abc" broken: unexpected EOF`, ended},
		{"end of the last chunk missing", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", `200 "abc" broken: http: unexpected EOF reading trailer`, ended},
		{"bad chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n", `200 "a" broken: invalid byte in chunk length`, dropped},
		{"head cut", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", `error: it closed the connection`, ended},
		{"nothing", "GET", "", `error: it closed the connection`, ended},
		{"only 100", "GET", "HTTP/1.1 100 Continue\r\n\r\n", `error: it closed the connection`, ended},
		{"switched unasked", "GET", "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", `error: it switched protocols without being asked to`, dropped},
		{"not HTTP", "GET", "+OK ready\r\n\r\n", `error: its response is no valid HTTP`, dropped},
		{"a header without a colon", "GET", "HTTP/1.1 200 OK\r\npassword\r\n\r\n", `error: its response is no valid HTTP`, dropped},
		{"two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: password\r\n\r\n", `error: its response is no valid HTTP`, dropped},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			first := respond(test.response, ok)
			if test.fate == ended {
				first = respond(test.response)
			}
			transport, connections := play(t, first, respond(ok))
			if got := outcome(transport.RoundTrip(request(t, test.method, "/x", ""))); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if got, want := outcome(transport.RoundTrip(request(t, "GET", "/y", ""))), `200 "ok"`; got != want {
				t.Errorf("next request: got %s, want %s", got, want)
			}
			if is, want := connections() == 1, test.fate == reused; is != want {
				t.Errorf("connection reused: %v, want %v", is, want)
			}
		})
	}
}

func TestUnreadResponseEndsItsConnection(t *testing.T) {
	t.Parallel()
	transport, connections := play(t, respond(ok, ok))
	res, err := transport.RoundTrip(request(t, "GET", "/x", ""))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got, want := outcome(transport.RoundTrip(request(t, "GET", "/y", ""))), `200 "ok"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// TestUnrequestedResponseIsDropped asserts that a response that the engine sends while
// no request is open does not become the response to the next request.
func TestUnrequestedResponseIsDropped(t *testing.T) {
	t.Parallel()
	received, sent := make(chan struct{}), make(chan struct{})
	transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
		readRequest(r)
		io.WriteString(c, ok)
		<-received
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nforge")
		close(sent)
		waitEOF(c)
	}, respond(ok))
	for range 2 {
		if got, want := outcome(transport.RoundTrip(request(t, "POST", "/x", ""))), `200 "ok"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if received != nil {
			close(received)
			<-sent
			received = nil
		}
	}
}

// TestWriteHeader asserts the header as the engine receives it. No text of the client
// can add a line to it.
func TestWriteHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*http.Request)
		want string
	}{
		{"plain", func(r *http.Request) {}, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"target as it came", func(r *http.Request) { r.RequestURI = `/a%2fb/%7e"^?q=%zz;a&&` },
			"GET /a%2fb/%7e\"^?q=%zz;a&& HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"absolute form", func(r *http.Request) {
			r.RequestURI = "http://evil:1/a%20b?c=http://d/"
			r.URL, _ = url.ParseRequestURI(r.RequestURI)
		},
			"GET /a%20b?c=http://d/ HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"host", func(r *http.Request) { r.Host = "10.0.0.1:2375" }, "GET /x HTTP/1.1\r\nHost: 10.0.0.1:2375\r\n\r\n"},
		{"no host", func(r *http.Request) { r.Host = "" }, "GET /x HTTP/1.1\r\nHost: \r\n\r\n"},
		{"headers", func(r *http.Request) { r.Header = http.Header{"B": {"1", "2"}, "A": {"3"}, "User-Agent": {"u"}} },
			"GET /x HTTP/1.1\r\nHost: docker\r\nUser-Agent: u\r\nA: 3\r\nB: 1\r\nB: 2\r\n\r\n"},
		{"no agent", func(r *http.Request) { r.Header.Set("User-Agent", "") }, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"POST of nothing", func(r *http.Request) { r.Method = "POST" }, "POST /x HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"},
		{"injected value", func(r *http.Request) { r.Header.Set("A", "1\r\nB: 2") }, "GET /x HTTP/1.1\r\nHost: docker\r\nA: 1  B: 2\r\n\r\n"},
		{"injected name", func(r *http.Request) { r.Header["A: 1\r\nB"] = []string{"2"} }, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"injected agent", func(r *http.Request) { r.Header.Set("User-Agent", "u\r\nB: 2") }, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"forged framing", func(r *http.Request) {
			r.Header.Set("Content-Length", "9")
			r.Header.Set("Transfer-Encoding", "chunked")
			r.Header.Set("Host", "b")
		}, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"injected target", func(r *http.Request) { r.RequestURI = "/x HTTP/1.1\r\nA:" }, ""},
		{"injected host", func(r *http.Request) { r.Host = "a\r\nb" }, ""},
		{"injected method", func(r *http.Request) { r.Method = "GET /y" }, ""},
		{"absolute form with another path than the decision's", func(r *http.Request) { r.RequestURI = "http://h/y" }, ""},
		{"no path", func(r *http.Request) { r.RequestURI = "*" }, ""},
		{"no path behind a host", func(r *http.Request) { r.RequestURI = "http://a?/b" }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			req := request(t, "GET", "/x", "")
			test.edit(req)
			var got bytes.Buffer
			w := bufio.NewWriter(&got)
			if err := WriteHeader(w, req, false); (err != nil) != (test.want == "") {
				t.Errorf("error: %v", err)
			}
			w.Flush()
			if got.String() != test.want {
				t.Errorf("got  %q\nwant %q", got.String(), test.want)
			}
		})
	}
}

func TestRequestBodiesArriveWhole(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 100_000)
	for _, body := range []string{"x", large} {
		for _, length := range []int64{int64(len(body)), -1} {
			t.Run(fmt.Sprint(len(body), length), func(t *testing.T) {
				t.Parallel()
				got := make(chan string, 1)
				transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
					req, err := http.ReadRequest(r)
					if err != nil {
						t.Error(err)
						return
					}
					all, err := io.ReadAll(req.Body)
					got <- fmt.Sprint(req.ContentLength, req.TransferEncoding, req.Trailer, string(all) == body, err)
					io.WriteString(c, ok)
				})
				req := request(t, "POST", "/x", body)
				req.ContentLength = length
				want := fmt.Sprint(length, []string{}, http.Header(nil), true, nil)
				if length == -1 {
					req.Trailer = http.Header{"Sum": {"1"}}
					want = fmt.Sprint(length, []string{"chunked"}, req.Trailer, true, nil)
				}
				if got, want := outcome(transport.RoundTrip(req)), `200 "ok"`; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if got := <-got; got != want {
					t.Errorf("the engine got %s, want %s", got, want)
				}
			})
		}
	}
}

// TestBrokenBodyDoesNotLookComplete asserts that the engine can tell that a client
// broke its body off.
func TestBrokenBodyDoesNotLookComplete(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{100, -1} {
		completed := make(chan bool, 1)
		transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
			_, complete := readRequest(r)
			completed <- complete
		})
		req := request(t, "POST", "/x", "")
		req.ContentLength = length
		req.Body = io.NopCloser(io.MultiReader(strings.NewReader("part"), errorReader{}))
		if got, want := outcome(transport.RoundTrip(req)), "error: unexpected EOF"; got != want {
			t.Errorf("length %d: got %s, want %s", length, got, want)
		}
		if <-completed {
			t.Errorf("length %d: part of a body looks complete to the engine", length)
		}
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestResponseBeforeTheEndOfTheBody asserts that a response is returned although the
// request's body never ends.
func TestResponseBeforeTheEndOfTheBody(t *testing.T) {
	t.Parallel()
	transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
		waitEOF(c)
	})
	body, client := io.Pipe()
	req := request(t, "PUT", "/x", "")
	req.Body, req.ContentLength = body, 1<<30
	go client.Write([]byte("some"))
	if got, want := outcome(transport.RoundTrip(req)), `404 "no"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	transport.mu.Lock()
	if len(transport.idle) != 0 {
		t.Error("a connection with half a request on it became idle")
	}
	transport.mu.Unlock()
	client.CloseWithError(errors.New("gone"))
}

// TestBodyWaitsForContinue asserts that a body with Expect: 100-continue is sent only
// when the engine has requested it.
func TestBodyWaitsForContinue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		first string // the engine's response to the header
		sent  bool   // the body follows
		want  string
	}{
		{"continue", "HTTP/1.1 100 Continue\r\n\r\n", true, `200 "ok"`},
		{"refusal", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", false, `403 "no"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
				req, err := http.ReadRequest(r)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(c, test.first)
				if !test.sent {
					if n, _ := io.Copy(io.Discard, r); n > 0 {
						t.Errorf("%d bytes of a body came without a 100", n)
					}
					return
				}
				if body, err := io.ReadAll(req.Body); string(body) != "body" || err != nil {
					t.Errorf("body %q, %v, want \"body\"", body, err)
				}
				io.WriteString(c, ok)
			})
			var informed []int
			req := request(t, "POST", "/x", "body")
			req.Header.Set("Expect", "100-continue")
			req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
					informed = append(informed, code)
					return nil
				},
			}))
			if got := outcome(transport.RoundTrip(req)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if passed := len(informed) == 1; passed != test.sent {
				t.Errorf("informational responses passed on: %v, want 100 if the engine sent it, and no other", informed)
			}
		})
	}
}

// TestRequestOnStaleConnectionIsSentAgain asserts which requests are sent once more,
// after the engine has restarted while connections were idle.
func TestRequestOnStaleConnectionIsSentAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		method, body string
		// reads is set if the dying engine still reads the request.
		reads bool
		want  string
	}{
		{"GET to the dead", "GET", "", false, `200 "ok"`},
		{"POST to the dead", "POST", "", false, `200 "ok"`},
		{"body to the dead", "POST", "body", false, `200 "ok"`},
		{"GET to the dying", "GET", "", true, `200 "ok"`},
		{"HEAD to the dying", "HEAD", "", true, `200 ""`},
		{"POST to the dying", "POST", "", true, `error: it closed the connection`},
		{"DELETE to the dying", "DELETE", "", true, `error: it closed the connection`},
		{"body to the dying", "PUT", "body", true, `error: it closed the connection`},
		{"GET with a body to the dying", "GET", "body", true, `error: it closed the connection`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dead := make(chan struct{})
			transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
				readRequest(r)
				io.WriteString(c, ok)
				if test.reads {
					readRequest(r)
				}
				c.Close()
				close(dead)
			}, respond(ok))
			if got, want := outcome(transport.RoundTrip(request(t, "GET", "/x", ""))), `200 "ok"`; got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			if !test.reads {
				<-dead
			}
			req := request(t, test.method, "/x", test.body)
			if test.body != "" {
				req.ContentLength = -1 // if it were sent again, the rest of it would look complete
			}
			if got := outcome(transport.RoundTrip(req)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestHalfCloseIsForwarded asserts that the engine learns that the client has closed
// its half of the connection, and may still respond.
func TestHalfCloseIsForwarded(t *testing.T) {
	t.Parallel()
	received := make(chan struct{})
	transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
		readRequest(r)
		close(received)
		if n, err := io.Copy(io.Discard, r); n != 0 || err != nil {
			t.Errorf("after the request came %d bytes and %v, want the end", n, err)
		}
		io.WriteString(c, ok)
	})
	ctx, cancel := context.WithCancel(t.Context())
	req := request(t, "POST", "/containers/x/wait", "").WithContext(ctx)
	go func() {
		<-received
		cancel()
	}()
	if got, want := outcome(transport.RoundTrip(req)), `200 "ok"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	transport.mu.Lock()
	defer transport.mu.Unlock()
	if len(transport.idle) != 0 {
		t.Error("a connection closed for writing became idle")
	}
}

// TestRequestOfHalfClosedClientIsSent asserts that a request is sent although the
// client has closed its half of the connection before.
func TestRequestOfHalfClosedClientIsSent(t *testing.T) {
	t.Parallel()
	transport, _ := play(t, respond(ok))
	for _, body := range []string{"", "body"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req := request(t, "POST", "/x", body).WithContext(ctx)
		if got, want := outcome(transport.RoundTrip(req)), `200 "ok"`; got != want {
			t.Errorf("body %q: got %s, want %s", body, got, want)
		}
	}
}

// TestCancelWithCauseClosesTheConnection asserts that a context with a cause ends the
// request with this error and closes the engine's connection.
func TestCancelWithCauseClosesTheConnection(t *testing.T) {
	t.Parallel()
	received, ended := make(chan struct{}), make(chan error, 1)
	transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
		readRequest(r)
		close(received)
		waitEOF(c)
		_, err := io.WriteString(c, ok)
		ended <- err
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-received
		cancel(errors.New("stopping"))
	}()
	if got, want := outcome(transport.RoundTrip(request(t, "GET", "/events", "").WithContext(ctx))), "error: stopping"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := <-ended; err == nil {
		t.Error("the engine can still write, want the connection closed")
	}
}

func TestDialErrorIsReturned(t *testing.T) {
	t.Parallel()
	transport := &Transport{SocketPath: filepath.Join(t.TempDir(), "none")}
	_, err := transport.RoundTrip(request(t, "GET", "/x", ""))
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("got %v, want an error of dial", err)
	}
}

func TestIdleConnectionsAreFew(t *testing.T)        { testIdle(t, 2, 0, 1) }
func TestIdleConnectionsAreShortLived(t *testing.T) { testIdle(t, 3, 50*time.Millisecond, 3) }

// testIdle makes three connections idle and waits until some are closed.
func testIdle(t *testing.T, most int, timeout time.Duration, gone int) {
	t.Parallel()
	closed := make(chan struct{}, 3)
	// No response is sent before all requests have come, each on a connection of
	// its own.
	var received sync.WaitGroup
	received.Add(3)
	transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
		readRequest(r)
		received.Done()
		received.Wait()
		io.WriteString(c, ok)
		waitEOF(c)
		closed <- struct{}{}
	})
	transport.MaxIdle, transport.IdleTimeout = most, timeout
	done := make(chan string)
	for range 3 {
		go func() { done <- outcome(transport.RoundTrip(request(t, "GET", "/x", ""))) }()
	}
	for range 3 {
		if got, want := <-done, `200 "ok"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for range gone {
		<-closed
	}
	transport.mu.Lock()
	defer transport.mu.Unlock()
	if got, want := len(transport.idle), 3-gone; got != want {
		t.Errorf("%d connections are idle, want %d", got, want)
	}
}
