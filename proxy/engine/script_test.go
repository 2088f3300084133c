package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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
