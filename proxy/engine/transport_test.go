package engine

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

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
		{"not HTTP", "GET", "+OK ready\r\n\r\n", `error: its response is not valid HTTP`, dropped},
		{"status below 100", "GET", "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok", `error: its response is not valid HTTP`, dropped},
		{"a header without a colon", "GET", "HTTP/1.1 200 OK\r\npassword\r\n\r\n", `error: its response is not valid HTTP`, dropped},
		{"two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: password\r\n\r\n", `error: its response is not valid HTTP`, dropped},
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
