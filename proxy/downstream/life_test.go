package downstream

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// dial connects to a server with a handler.
func dial(t *testing.T, network string, change func(*Server), handler func(*Response, *http.Request)) (Stream, *Server) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = t.TempDir() + "/s"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &Server{Handler: handler, Refuse: refuse, HeadTimeout: patience, IdleTimeout: patience, MaxHead: 8 << 10, Log: log.New(io.Discard, "", 0)}
	if change != nil {
		change(s)
	}
	go s.Serve(l, func(net.Conn) context.Context { return context.Background() })
	c, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(Stream), s
}

func send(t *testing.T, c io.Writer, raw string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
}

// status reads an answer and returns its status.
func status(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// A handler learns that its client has gone: while it waits, when it had been
// waiting for long, and after the end of a body.
func TestHandlerLearnsThatTheClientHasGone(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		for _, request := range []string{
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		} {
			for _, wait := range []time.Duration{0, 3 * watchDelay} {
				for _, leave := range []func(Stream) error{Stream.Close, Stream.CloseWrite} {
					begun, gone := make(chan bool), make(chan error, 1)
					c, _ := dial(t, network, nil, func(w *Response, r *http.Request) {
						io.Copy(io.Discard, r.Body)
						close(begun)
						<-r.Context().Done()
						gone <- context.Cause(r.Context())
					})
					send(t, c, request)
					<-begun
					time.Sleep(wait) // 0, or until the connection is watched
					leave(c)
					select {
					case cause := <-gone:
						if cause != context.Canceled {
							t.Errorf("%s, %q: the cause is %v", network, request, cause)
						}
					case <-time.After(patience):
						t.Fatalf("%s, %q: the handler does not know that the client has gone", network, request)
					}
				}
			}
		}
	}
}

// Whoever sends its next request while it waits for an answer gets both, and is
// not taken for gone.
func TestNextRequestIsNoEnd(t *testing.T) {
	t.Parallel()
	c, _ := dial(t, "tcp", nil, func(w *Response, r *http.Request) {
		time.Sleep(3 * watchDelay) // while it is watched the next request comes
		if r.Context().Err() != nil {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	r := bufio.NewReader(c)
	for range 3 {
		send(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(2 * watchDelay) // by now the connection is watched
		send(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		for range 2 {
			if got := status(t, r); got != http.StatusOK {
				t.Fatalf("status %d, want 200", got)
			}
		}
	}
}

// The head of a request and an idle connection have a time limit, and nothing
// else has.
func TestTimeLimits(t *testing.T) {
	t.Parallel()
	const limit = 400 * time.Millisecond
	limited := func(s *Server) { s.HeadTimeout, s.IdleTimeout = limit, limit }
	slow := func(w *Response, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(3 * limit) // past both limits, which are not the answer's
	}
	for _, raw := range []string{"", "G", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /"} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			c, _ := dial(t, "tcp", limited, slow)
			send(t, c, raw)
			start := time.Now()
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("%v, want the end", err)
			}
			if took := time.Since(start); took < limit/2 {
				t.Errorf("closed after %v", took)
			}
		})
	}
	for _, parts := range [][]string{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"GET / HTTP/1.1\r\n", "Host: x\r\n\r\n"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", "", "", "a", "", "", "b"},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "", "", "0\r\n", "", "", "\r\n"},
	} {
		t.Run(strings.Join(parts, "|"), func(t *testing.T) {
			t.Parallel()
			c, _ := dial(t, "tcp", limited, slow)
			for _, part := range parts {
				send(t, c, part)
				time.Sleep(limit / 2) // slower than the limits together, not each
			}
			if got := status(t, bufio.NewReader(c)); got != http.StatusOK {
				t.Errorf("status %d, want 200", got)
			}
		})
	}
}

// TestEndlessHead asserts that a head is refused at its limit, and a long body
// is not.
func TestEndlessHead(t *testing.T) {
	t.Parallel()
	answer := func(w *Response, r *http.Request) { io.Copy(io.Discard, r.Body) }
	c, s := dial(t, "tcp", nil, answer)
	send(t, c, "GET / HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("a", 2*s.MaxHead))
	if got := status(t, bufio.NewReader(c)); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", got)
	}
	c, _ = dial(t, "tcp", nil, answer)
	r := bufio.NewReader(c)
	for range 2 {
		send(t, c, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("a", 1_000_000))
		if got := status(t, r); got != http.StatusOK {
			t.Errorf("a large body: status %d, want 200", got)
		}
	}
}

// A stop closes what is idle at once, answers what has begun to come, and says
// so in the answer.
func TestShutdown(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan bool), make(chan bool)
	c, s := dial(t, "tcp", nil, func(w *Response, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- true
			<-goOn
		}
	})
	r := bufio.NewReader(c)
	send(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	status(t, r)
	busy, err := net.Dial("tcp", c.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	send(t, busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	if n, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the idle connection gave %d bytes and %v, want its end", n, err)
	}
	select {
	case <-stopped:
		t.Error("the server has stopped while a request is served")
	case <-time.After(20 * time.Millisecond):
	}
	close(goOn)
	in := bufio.NewReader(busy)
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("got %v, %v, want 200 and that the connection is closed", res, err)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("behind the last answer comes %v, want the end", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A client whose body nobody wants any more has a moment to end it, and no more
// when it does.
func TestLingerEnds(t *testing.T) {
	t.Parallel()
	c, s := dial(t, "tcp", nil, func(w *Response, r *http.Request) {
		go io.Copy(io.Discard, r.Body)
		time.Sleep(2 * watchDelay) // the body is waited for by now
		w.Header().Set("Connection", "close")
	})
	send(t, c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
	r := bufio.NewReader(c)
	status(t, r)
	send(t, c, "b")
	ctx, cancel := context.WithTimeout(context.Background(), 4*lingerLimit)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("the connection is still there: %v", err)
	}
}

// What a handler promises and does not keep, and one that fails, cost the
// connection: the client cannot take half an answer for a whole one.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var complaints bytes.Buffer
	for _, test := range []struct {
		name    string
		handler func(*Response, *http.Request)
		whole   bool
	}{
		{"too short", func(w *Response, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "four")
		}, false},
		{"too long", func(w *Response, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "12345")
			if _, err := io.WriteString(w, "6"); err != http.ErrContentLength {
				t.Errorf("writing more than was promised: %v", err)
			}
		}, true},
		{"cut", func(w *Response, r *http.Request) {
			io.WriteString(w, "four")
			w.Flush()
			panic(http.ErrAbortHandler)
		}, false},
		{"failed", func(w *Response, r *http.Request) {
			io.WriteString(w, "four")
			w.Flush()
			panic("a mistake")
		}, false},
	} {
		c, _ := dial(t, "tcp", func(s *Server) { s.Log = log.New(locked{&mu, &complaints}, "", 0) }, test.handler)
		send(t, c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if (err == nil) != test.whole {
			t.Errorf("%s: got %q, %v", test.name, body, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got := complaints.String(); strings.Count(got, "panic serving") != 1 || !strings.Contains(got, "a mistake") {
		t.Errorf("the log has %q, want the one mistake", got)
	}
}

type locked struct {
	mu *sync.Mutex
	io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Writer.Write(b)
}

// A connection that is taken over comes with all that the client has sent, and
// its context lasts as long as it.
func TestHijack(t *testing.T) {
	t.Parallel()
	over := make(chan bool)
	c, s := dial(t, "tcp", nil, func(w *Response, r *http.Request) {
		time.Sleep(2 * watchDelay) // the watch must let go of it
		h, early := w.Hijack()
		go func() {
			defer close(over)
			h.Write(early)
			io.Copy(h, h)
			if err := r.Context().Err(); err != nil {
				t.Errorf("the context has ended before the connection: %v", err)
			}
			h.Close()
			<-r.Context().Done()
		}()
	})
	send(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\nearly")
	r := bufio.NewReader(c)
	got := make([]byte, 5)
	if _, err := io.ReadFull(r, got); string(got) != "early" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("a taken connection is waited for: %v", err)
	}
	send(t, c, "later")
	if _, err := io.ReadFull(r, got); string(got) != "later" {
		t.Fatalf("got %q, %v", got, err)
	}
	c.CloseWrite()
	<-over
}

// A stream does not hold for days what its client sent ahead.
func TestHijackHoldsNothing(t *testing.T) {
	t.Parallel()
	got := make(chan int, 1)
	c, _ := dial(t, "tcp", nil, func(w *Response, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(2 * watchDelay) // for all of it to come
		w.c.in.Read(make([]byte, 1))
		_, early := w.Hijack()
		if w.c.r != nil || len(w.c.in.Ahead()) > 0 {
			t.Error("buffers are held")
		}
		got <- len(early)
	})
	head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n"
	send(t, c, head+strings.Repeat("x", 3000)+strings.Repeat("y", 90_000))
	if n := <-got; n == 0 {
		t.Error("nothing came early")
	}
}
