package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	upgraded = "HTTP/1.1 101 UPGRADED\r\ncontent-type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	raw      = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"

	startUpgrade = "POST /v1.41/exec/x/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}"
	startPlain   = "POST /v1.41/exec/x/start HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}"
)

// eachWay runs a test for hijacks by 101 and by 200, each with a client of each network.
func eachWay(t *testing.T, f func(t *testing.T, network, request, head string)) {
	t.Parallel()
	for _, network := range networks {
		for _, upgrade := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,upgrade=%v", network, upgrade), func(t *testing.T) {
				t.Parallel()
				if upgrade {
					f(t, network, startUpgrade, upgraded)
				} else {
					f(t, network, startPlain, raw)
				}
			})
		}
	}
}

// hijackRequest reads a request and its body and hijacks the connection. It returns the
// client's stream.
func hijackRequest(c *net.UnixConn, r *bufio.Reader) (input io.Reader) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return r
	}
	io.Copy(io.Discard, req.Body)
	head := raw
	if req.Header["Upgrade"] != nil {
		head = upgraded
	}
	io.WriteString(c, head)
	return r
}

// TestHijackDeliversEarlyBytes asserts that bytes that a client sends before the
// response arrive as its stream, even if they look like a request.
func TestHijackDeliversEarlyBytes(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			// Only after the response does the engine read the client's stream,
			// which must not be part of the request.
			if req.Header.Get("Upgrade") != "" {
				io.WriteString(c, upgraded+string(body))
			} else {
				io.WriteString(c, raw+string(body))
			}
			io.Copy(c, r)
		})
		c := s.dial(network)
		s.send(c, request+"GET /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n")
		s.receive(c, head+"{}GET /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n")
		s.send(c, "more")
		s.receive(c, "more")
		c.CloseWrite()
		s.receiveEnd(c)
	})
}

// TestHijackBeforeTheBodyIsRead asserts that the rest of a body arrives in order,
// before the stream, if the engine hijacks the connection before it has read the
// body.
func TestHijackBeforeTheBodyIsRead(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		answered := make(chan struct{})
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			if _, err := http.ReadRequest(r); err == nil {
				io.WriteString(c, head)
				close(answered)
				io.Copy(c, r)
			}
		})
		c := s.dial(network)
		part, _ := strings.CutSuffix(request, "}")
		s.send(c, part)
		<-answered
		time.Sleep(20 * time.Millisecond) // no bytes may be sent in this time
		for _, more := range []string{"}", "stream", " and more"} {
			s.send(c, more)
		}
		s.receive(c, head+"{}stream and more")
		c.CloseWrite()
		s.receiveEnd(c)
	})
}

// TestHijackOutputFollowsEndOfInput asserts that the output arrives after the
// client has closed its direction.
func TestHijackOutputFollowsEndOfInput(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			in := hijackRequest(c, r)
			all, err := io.ReadAll(in)
			fmt.Fprintf(c, "%s %v", all, err)
		})
		c := s.dial(network)
		s.send(c, request)
		s.receive(c, head)
		s.send(c, "input")
		c.CloseWrite()
		s.receive(c, "input <nil>")
		s.receiveEnd(c)
	})
}

// TestHijackEndOfInputBeforeTheResponse asserts that a client may close its direction
// before the engine has responded (echo | nc -N).
func TestHijackEndOfInputBeforeTheResponse(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		for _, early := range []string{"", "input"} {
			done := make(chan struct{})
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				<-done
				in := hijackRequest(c, r)
				all, err := io.ReadAll(in)
				fmt.Fprintf(c, "%s %v", all, err)
			})
			c := s.dial(network)
			s.send(c, request+early)
			c.CloseWrite()
			time.AfterFunc(50*time.Millisecond, func() { close(done) })
			s.receive(c, head+early+" <nil>")
			s.receiveEnd(c)
		}
	})
}

// TestHijackInputFollowsEndOfOutput asserts that input arrives after the engine has
// closed its direction.
func TestHijackInputFollowsEndOfOutput(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		input := make(chan string, 1)
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			in := hijackRequest(c, r)
			io.WriteString(c, "output")
			c.CloseWrite()
			all, _ := io.ReadAll(in)
			input <- string(all)
		})
		c := s.dial(network)
		s.send(c, request)
		s.receive(c, head+"output")
		s.receiveEnd(c)
		s.send(c, "input after the end of output")
		c.Close()
		if got, want := <-input, "input after the end of output"; got != want {
			t.Errorf("the engine got %q, want %q", got, want)
		}
	})
}

// TestHijackEndsWhenTheClientIsGone asserts that the engine's connection is closed when
// the client's is, although neither side sends anything.
func TestHijackEndsWhenTheClientIsGone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, network string
		leave         func(c half)
	}{
		{"unix", "unix", func(c half) { c.Close() }},
		{"unix, after its input", "unix", func(c half) { c.CloseWrite(); c.Close() }},
		{"reset", "tcp", func(c half) { c.(*net.TCPConn).SetLinger(0); c.Close() }},
		{"reset after its input", "tcp", func(c half) {
			c.CloseWrite()
			time.Sleep(20 * time.Millisecond) // the half-close is one event, the reset another
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan bool, 1)
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				hijackRequest(c, r)
				for !hasHungUp(c) {
					time.Sleep(time.Millisecond)
				}
				gone <- true
			})
			c := s.dial(test.network)
			s.send(c, startPlain)
			s.receive(c, raw)
			test.leave(c)
			select {
			case <-gone:
			case <-time.After(time.Second):
				t.Error("the engine's connection is still open after a second")
			}
			s.awaitLog(`"status":200`)
		})
	}
}

// hasHungUp reports whether the other side has closed both directions.
func hasHungUp(c *net.UnixConn) bool {
	_, err := c.Write(nil)
	if err != nil {
		return true
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	var is bool
	raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 0)
		is = err == nil && n > 0
	})
	return is
}

// TestHijackOutputSurvivesUnreadInput asserts that a client that still sends gets all
// output of an engine that is gone, and cannot send forever: closing a connection with
// unread bytes resets it, and the client would lose the output.
func TestHijackOutputSurvivesUnreadInput(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		output := strings.Repeat("output\n", 40_000)
		if network != "unix" {
			output = strings.Repeat("output\n", 300_000) // more than the client's own buffer takes
		}
		gone := make(chan struct{})
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			hijackRequest(c, r)
			io.WriteString(c, output)
			close(gone)
		})
		c := s.dial(network)
		s.send(c, request)
		s.receive(c, head)
		sent := make(chan error, 1)
		go func() {
			for {
				if _, err := c.Write(make([]byte, 1000)); err != nil {
					sent <- err
					return
				}
			}
		}()
		got := make([]byte, len(output))
		n, _ := io.ReadFull(c, got[:1000])
		<-gone // the rest of the output is in buffers
		m, err := io.ReadFull(c, got[n:])
		if string(got) != output {
			t.Errorf("%d bytes of %d came: %v", n+m, len(output), err)
		}
		if err := <-sent; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the client could send forever to an engine that is gone")
		}
	})
}

// TestHijackInputIsDroppedIfTheEngineReadsNoMore asserts that input to an engine that
// only writes is dropped, as on a socket that is shut down for reading.
func TestHijackInputIsDroppedIfTheEngineReadsNoMore(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		// Linux does not wake a writer that already waits for room in the socket
		// when the other side stops reading, so the client begins afterwards.
		deaf, sent := make(chan struct{}), make(chan struct{})
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			hijackRequest(c, r)
			c.CloseRead()
			close(deaf)
			<-sent
			io.WriteString(c, "output")
		})
		c := s.dial(network)
		s.send(c, request)
		s.receive(c, head)
		<-deaf
		_, err := c.Write(make([]byte, 20_000_000))
		close(sent)
		if err != nil {
			t.Errorf("input that the engine does not read: %v", err)
		}
		s.receive(c, "output")
		s.receiveEnd(c)
	})
}

func TestHijackIsCutOnShutdown(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		ended := make(chan struct{})
		s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
			in := hijackRequest(c, r)
			io.Copy(io.Discard, in)
			close(ended)
		})
		c := s.dial(network)
		s.send(c, request)
		s.receive(c, head)
		s.stop()
		s.receiveEnd(c)
		<-ended
		<-s.stopped
	})
}

// TestErrorInsteadOfHijackStaysHTTP asserts that the connection serves further requests
// after a response that does not hijack it. A response without a body is complete
// although the engine leaves its connection open.
func TestErrorInsteadOfHijackStaysHTTP(t *testing.T) {
	eachWay(t, func(t *testing.T, network, request, head string) {
		for _, response := range []struct{ status, header, body string }{
			{"409 Conflict", "Content-Type: application/json\r\nContent-Length: 2\r\n", "{}"},
			{"404 Not Found", "Content-Length: 0\r\n", ""},
			{"204 No Content", "", ""},
			{"304 Not Modified", "", ""},
		} {
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				if req, err := http.ReadRequest(r); err == nil {
					io.Copy(io.Discard, req.Body)
					io.WriteString(c, "HTTP/1.1 "+response.status+"\r\n"+response.header+"\r\n"+response.body)
					io.Copy(io.Discard, r)
				}
			})
			c := s.dial(network)
			r := bufio.NewReader(c)
			for range 2 {
				s.send(c, request)
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if body, err := io.ReadAll(res.Body); res.Status != response.status || string(body) != response.body || err != nil {
					t.Errorf("got %s %q %v, want %s %q", res.Status, body, err, response.status, response.body)
				}
			}
		}
	})
}

// TestOtherOperationsDoNotHijack asserts that an operation that must not leave HTTP
// does not, whatever the engine's response is.
func TestOtherOperationsDoNotHijack(t *testing.T) {
	t.Parallel()
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		in := hijackRequest(c, r)
		if n, _ := io.Copy(io.Discard, in); n > 0 {
			t.Errorf("%d bytes were forwarded after a request", n)
		}
	})
	for _, upgrade := range []string{"", "Connection: Upgrade\r\nUpgrade: tcp\r\n"} {
		c := s.dial("tcp")
		s.send(c, "GET /containers/x/logs HTTP/1.1\r\nHost: docker\r\n"+upgrade+"\r\nsmuggled")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 || len(res.TransferEncoding) == 0 {
			t.Errorf("got %s %q, want an ordinary 200", res.Status, res.TransferEncoding)
		}
		c.Close()
	}
}

// refuseAll plays an engine that answers each request with 409 and leaves the
// connection open.
func refuseAll(c *net.UnixConn, r *bufio.Reader) {
	if req, err := http.ReadRequest(r); err == nil {
		io.Copy(io.Discard, req.Body)
		io.WriteString(c, "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}")
		io.Copy(io.Discard, r)
	}
}

// A connection that stays HTTP again and again must not cost more each time, and
// no byte of what is read ahead may get lost.
func TestResumedConnectionsAreNoChain(t *testing.T) {
	t.Parallel()
	s := play(t, refuseAll)
	const n = 100
	depths := make(chan int, 10*n)
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	ours.SetDeadline(time.Now().Add(patience))
	s.pipes <- depthConn{theirs, depths}
	r := bufio.NewReader(ours)
	for range n {
		s.send(ours, startPlain)
		if got, want := responses(t, r, "POST"), "409 {}"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	first := <-depths
	deepest := first
	for len(depths) > 0 {
		deepest = max(deepest, <-depths)
	}
	if deepest > 2*first {
		t.Errorf("reading takes up to %d nested calls after %d requests, and %d at first", deepest, n, first)
	}

	c := s.dial("tcp")
	go io.WriteString(c, strings.Repeat(startPlain, n))
	methods := strings.Fields(strings.Repeat("POST ", n))
	if got, want := responses(t, c, methods...), strings.TrimSuffix(strings.Repeat("409 {}\n", n), "\n"); got != want {
		t.Errorf("pipelined: got %q", got)
	}
}

// depthConn tells how deep the stack is when it is read.
type depthConn struct {
	net.Conn
	depths chan<- int
}

func (c depthConn) Read(p []byte) (int, error) {
	select {
	case c.depths <- runtime.Callers(0, make([]uintptr, 1000)):
	default:
	}
	return c.Conn.Read(p)
}

// holdStart is an observer that holds the end of an exec start until it is let go.
type holdStart chan struct{}

func (holdStart) Begin(*Event) {}

func (h holdStart) End(e *Event) {
	if e.Decision.OperationID() == "ExecStart" {
		<-h
	}
}

// The request that has let its connection go sets no limit to the next one.
func TestResumedConnectionHasNoDeadline(t *testing.T) {
	t.Parallel()
	forwarded := make(chan struct{})
	ended := make(holdStart)
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		if req.Method == "POST" {
			io.WriteString(c, "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}")
		} else {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			close(forwarded)
		}
		io.Copy(io.Discard, r)
	}, ended)
	ours, theirs := net.Pipe()
	ours.SetDeadline(time.Now().Add(patience))
	deadlines := make(chan time.Time, 100)
	s.pipes <- deadlineConn{theirs, deadlines}
	r := bufio.NewReader(ours)
	s.send(ours, startPlain)
	if got, want := responses(t, r, "POST"), "409 {}"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	s.send(ours, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 200 {
		t.Fatalf("got %v, %v, want 200", res, err)
	}
	<-forwarded
	for len(deadlines) > 0 {
		<-deadlines
	}
	ended <- struct{}{}
	ours.Close()
	s.stop()
	<-s.stopped
	for len(deadlines) > 0 {
		if d := <-deadlines; d.After(time.Now()) {
			t.Errorf("the stream's connection got a deadline in %v", time.Until(d))
		}
	}
}

// deadlineConn tells the deadlines that it is given for reading.
type deadlineConn struct {
	net.Conn
	deadlines chan<- time.Time
}

func (c deadlineConn) SetReadDeadline(d time.Time) error {
	c.deadlines <- d
	return c.Conn.SetReadDeadline(d)
}

// What goes wrong is the engine's fault or the client's, in the response and in
// the log, as it is where no connection can be hijacked.
func TestFaultsOfHijackOperations(t *testing.T) {
	t.Parallel()
	const (
		chunked = "POST /exec/x/start HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		refused = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"
		byHand  = `400 {"message":"postern: the request's body is not complete: `
	)
	for _, test := range []struct{ name, request, answer, want, log string }{
		{"engine closes", startUpgrade, "", `502 {"message":"postern: the Docker Engine did not answer: it closed the connection"}` + "\n", `"message":"failed"`},
		{"half a header", startUpgrade, "HTTP/1.1 200 OK\r\nConten", `502 {"message":"postern: the Docker Engine did not answer: its response is not valid HTTP"}` + "\n", `"message":"failed"`},
		{"response broken off", startUpgrade, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nabc", "404 abc broken", "cut off by the engine"},
		{"chunks broken off", startPlain, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "404 abc broken", "cut off by the engine"},
		{"body broken off", "POST /exec/x/start HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}", "", byHand + `unexpected EOF"}` + "\n", "cut off by the client"},
		{"body broken off, and refused", "POST /exec/x/start HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}", refused, "400 no", "cut off by the client"},
		{"malformed length of a chunk", chunked + "zz\r\n", "", byHand + `malformed chunk"}` + "\n", "cut off by the client"},
		{"malformed end of a chunk", chunked + "2\r\n{}XX0\r\n\r\n", "", byHand + `malformed chunk"}` + "\n", "cut off by the client"},
		{"malformed chunk, refused", chunked + "zz\r\n", refused, "400 no", "cut off by the client"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
				if req, err := http.ReadRequest(r); err == nil {
					io.Copy(io.Discard, req.Body)
					io.WriteString(c, test.answer)
				}
			})
			c := s.dial("tcp")
			s.send(c, test.request)
			c.CloseWrite()
			if got := responses(t, c, "POST"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			s.awaitLog(test.log)
		})
	}
}
