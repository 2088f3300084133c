package harness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Dial connects until the test is over. The connection fails after [Patience].
func Dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(Patience))
	return conn
}

// Dial connects to the first TCP listener.
func (p *Postern) Dial() net.Conn { return Dial(p.t, "tcp", p.Addr) }

// DialFrom connects to the proxy from an address of this machine.
func (p *Postern) DialFrom(address string) net.Conn {
	p.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: Patience}
	conn, err := dialer.Dial("tcp", p.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(Patience))
	return conn
}

// Response is a response that has been read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Send writes a request as it stands and reads the response. The connection
// cannot be used again: the request should say Connection: close.
func Send(t *testing.T, conn net.Conn, request string) Response {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatalf("sending %.80q: %v", request, err)
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no response to %.80q: %v", request, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("no complete response to %.80q: %v", request, err)
	}
	return Response{response.StatusCode, response.Header, string(body)}
}

// Head is the request line and header of a request; headers are whole lines.
// Unless they say otherwise the connection is to be closed.
func Head(method, target string, headers ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: docker"}, headers...)
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "Connection:") }) {
		lines = append(lines, "Connection: close")
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// Get sends a GET; target is the raw request target.
func (p *Postern) Get(target string, headers ...string) Response {
	p.t.Helper()
	return Send(p.t, p.Dial(), Head("GET", target, headers...))
}

// Open sends a request and reads the header of the response. Reader and
// connection are for what comes after it.
func (p *Postern) Open(request string) (*http.Response, *bufio.Reader, net.Conn) {
	p.t.Helper()
	conn := p.Dial()
	if _, err := io.WriteString(conn, request); err != nil {
		p.t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		p.t.Fatalf("no response to %q: %v", request, err)
	}
	return response, reader, conn
}

// HalfConn is a connection that can be closed for writing only.
type HalfConn interface {
	net.Conn
	CloseWrite() error
}

// Endpoint is an address at which the engine or a proxy answers.
type Endpoint struct{ Network, Addr string }

// TCP is the endpoint at host:port.
func TCP(addr string) Endpoint { return Endpoint{"tcp", addr} }

// Unix is the endpoint at a socket's path.
func Unix(path string) Endpoint { return Endpoint{"unix", path} }

// Dial connects to the endpoint.
func (e Endpoint) Dial(t *testing.T) net.Conn {
	t.Helper()
	return Dial(t, e.Network, e.Addr)
}

// Message is the message of a response in the shape of the engine's errors, or
// "" if it has another shape.
func (r Response) Message() string {
	var m struct{ Message string }
	if r.Header.Get("Content-Type") != "application/json" || json.Unmarshal([]byte(r.Body), &m) != nil {
		return ""
	}
	return m.Message
}

// Call sends a request with a JSON body. The response must be a success.
func (e Endpoint) Call(t *testing.T, method, path, body string) Response {
	t.Helper()
	request := Head(method, path, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))
	a := Send(t, e.Dial(t), request+body)
	if a.Status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	return a
}

// Get sends a GET.
func (e Endpoint) Get(t *testing.T, target string) Response {
	t.Helper()
	return Send(t, e.Dial(t), Head("GET", target))
}

// Host is the endpoint as DOCKER_HOST has it.
func (e Endpoint) Host() string { return e.Network + "://" + e.Addr }
