package tls

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

const attach = "POST /containers/web/attach?stdin=1&stdout=1&stream=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

// scripted is an engine that runs a script on each connection, behind a postern with
// TLS. observed is a connection below TLS of a client.
func scripted(t *testing.T, script func(c *net.UnixConn, r *bufio.Reader)) (p *harness.Postern, dial func() (secure *tls.Conn, observed *observedConn)) {
	t.Helper()
	socket := filepath.Join(harness.SocketDir(t), "docker.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				if _, err := http.ReadRequest(r); err == nil {
					script(c, r)
				}
			}()
		}
	}()
	ca := harness.NewCA(t, "ca")
	p = harness.Start(t, harness.With(ca.Settings(), harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "SHUTDOWN_GRACE": "100ms"}))
	config := ca.Config(ca.Issue("gerard", nil))
	return p, func() (*tls.Conn, *observedConn) {
		below := &observedConn{Conn: harness.Dial(t, "tcp", p.TLSAddr)}
		conn := tls.Client(below, config)
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		return conn, below
	}
}

// observedConn makes a FIN an error, which crypto/tls would take for the end of a
// stream: with it, io.EOF is a close_notify.
type observedConn struct{ net.Conn }

var errFIN = errors.New("FIN")

func (c *observedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		err = errFIN
	}
	return n, err
}

func (c *observedConn) closeWrite() { c.Conn.(*net.TCPConn).CloseWrite() }

func open(t *testing.T, conn *tls.Conn, request string) *bufio.Reader {
	t.Helper()
	io.WriteString(conn, request)
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode > 200 {
		t.Fatalf("%v, %v", response, err)
	}
	return r
}

const upgraded = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

// TestHalfClose asserts that a close_notify ends its direction alone, either way.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	input := make(chan string, 2)
	_, dial := scripted(t, func(c *net.UnixConn, r *bufio.Reader) {
		io.WriteString(c, upgraded)
		said, _ := r.ReadString('\n')
		if said == "engine first\n" {
			io.WriteString(c, "output")
			c.CloseWrite()
			rest, err := io.ReadAll(r)
			if err != nil {
				rest = []byte(err.Error())
			}
			input <- string(rest)
			return
		}
		rest, err := io.ReadAll(r)
		if err != nil {
			rest = []byte(err.Error())
		}
		input <- said + string(rest)
		io.WriteString(c, "output after the end of input")
	})
	conn, _ := dial()
	r := open(t, conn, attach)
	io.WriteString(conn, "client first\nmore")
	conn.CloseWrite()
	if got := <-input; got != "client first\nmore" {
		t.Errorf("the engine's input is %q", got)
	}
	if got, err := io.ReadAll(r); string(got) != "output after the end of input" || err != nil {
		t.Errorf("the client's output is %q, %v", got, err)
	}

	conn, _ = dial()
	r = open(t, conn, attach)
	io.WriteString(conn, "engine first\n")
	if got, err := io.ReadAll(r); string(got) != "output" || err != nil {
		t.Errorf("the client's output is %q, %v", got, err)
	}
	io.WriteString(conn, "input after the end of output")
	conn.CloseWrite()
	if got := <-input; got != "input after the end of output" {
		t.Errorf("the engine's input is %q", got)
	}
}

// TestTruncatedInput asserts that a FIN without close_notify, which anybody on the way
// can send, does not end a stream as if it were complete: the engine loses the
// connection, and gets no output through to a client that is taken for gone.
func TestTruncatedInput(t *testing.T) {
	t.Parallel()
	lost := make(chan error, 1)
	p, dial := scripted(t, func(c *net.UnixConn, r *bufio.Reader) {
		io.WriteString(c, upgraded)
		io.Copy(io.Discard, r)
		// After a half-close the other direction would still be open.
		for {
			if _, err := io.WriteString(c, "done\n"); err != nil {
				lost <- err
				return
			}
		}
	})
	conn, below := dial()
	r := open(t, conn, attach)
	io.WriteString(conn, "half of it")
	below.closeWrite()
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		t.Fatal("the engine's connection is still open")
	}
	if got, err := io.ReadAll(r); err == nil {
		t.Errorf("the client got %.20q and a close_notify", got)
	}
	if line := p.AwaitLog(func(e harness.Entry) bool { return e["path"] == "/containers/web/attach" && e["status"] != nil }); line["message"] != "cut off by the client" {
		t.Errorf("the log has %v", line)
	}
}

// TestTruncatedOutput asserts that a response that breaks off ends without
// close_notify: where it has no length, nothing else shows that something is missing.
func TestTruncatedOutput(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, request, response string
		cut                     func(p *harness.Postern)
	}{
		{"HTTP/1.0, broken chunk", "GET /containers/web/logs HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe", nil},
		{"attach that stays HTTP", attach, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", nil},
		{"stream, postern stops", attach, upgraded + "hello", func(p *harness.Postern) { p.Terminate() }},
		{"logs, postern stops", "GET /containers/web/logs HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nhello", func(p *harness.Postern) { p.Terminate() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{})
			p, dial := scripted(t, func(c *net.UnixConn, r *bufio.Reader) {
				io.WriteString(c, test.response)
				if test.cut != nil {
					<-done
				}
			})
			defer close(done)
			conn, _ := dial()
			io.WriteString(conn, test.request)
			var got strings.Builder
			buffer := make([]byte, 1000)
			for !strings.Contains(got.String(), "hello") {
				n, err := conn.Read(buffer)
				if got.Write(buffer[:n]); err != nil {
					t.Fatalf("got %q, %v", got.String(), err)
				}
			}
			if test.cut != nil {
				test.cut(p)
			}
			if _, err := io.Copy(io.Discard, conn); !errors.Is(err, errFIN) && !isReset(err) {
				t.Errorf("the end is %v, want one without close_notify", err)
			}
		})
	}
}

// TestShutdownWithDeafClients asserts that clients that do not read delay the end of
// postern no longer than without TLS.
func TestShutdownWithDeafClients(t *testing.T) {
	t.Parallel()
	p, dial := scripted(t, func(c *net.UnixConn, r *bufio.Reader) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	for range 20 {
		conn, _ := dial()
		io.WriteString(conn, "GET /containers/web/logs?follow=1 HTTP/1.1\r\nHost: docker\r\n\r\n")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if d := p.Terminate(); d > 5*time.Second {
		t.Errorf("the end took %v", d)
	}
}

// TestGarbageAfterHandshake asserts that a forged record ends a stream.
func TestGarbageAfterHandshake(t *testing.T) {
	t.Parallel()
	p, dial := scripted(t, func(c *net.UnixConn, r *bufio.Reader) {
		io.WriteString(c, upgraded)
		io.Copy(io.Discard, r)
	})
	conn, below := dial()
	open(t, conn, attach)
	// A record of application data that no key has sealed.
	below.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32)))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("a forged record: %v, want the alert", err)
	}
	p.AwaitLog(func(e harness.Entry) bool { return e["path"] == "/containers/web/attach" && e["status"] != nil })
}
