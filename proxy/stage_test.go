package proxy

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy/client"
	"postern/proxy/engine"
)

// patience is how long a test waits for events that normally take milliseconds.
const patience = 20 * time.Second

// everything allows the requests of the tests.
var everything = acl.Toggles{"CONTAINERS": true, "EVENTS": true, "EXEC": true, "GRPC": true, "IMAGES": true, "SESSION": true, "POST": true}

// stage is a proxy between a scripted engine and the test.
type stage struct {
	t testing.TB
	// addr is the proxy's TCP address, secure the one with TLS, path its unix socket.
	addr, secure, path string
	// pipes gets connections on which each write of the client is one read of
	// the proxy.
	pipes chan net.Conn
	// log gets the lines of the log.
	log chan string
	// stop ends Serve; stopped is closed when it has returned.
	stop    context.CancelFunc
	stopped chan struct{}
}

// play starts a proxy in front of an engine that runs the script on each connection
// and then closes it. The observers come after the access log.
func play(t testing.TB, script func(c *net.UnixConn, r *bufio.Reader), observers ...Observer) *stage {
	t.Helper()
	// The path of a unix socket may have 107 bytes.
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "e"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(patience))
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				// The watchdog connects and sends nothing.
				if _, err := r.Peek(1); err == nil {
					script(c, r)
				}
			}()
		}
	}()
	s := &stage{t: t, path: filepath.Join(dir, "p"), pipes: make(chan net.Conn), log: make(chan string, 1000), stopped: make(chan struct{})}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.secure = tcp.Addr().String(), secure.Addr().String()
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	defaultClient := &client.Client{Policy: acl.Compile(acl.Rules{Toggles: everything})}
	log := zerolog.New(lines(s.log))
	set := client.NewSet(defaultClient, nil, client.From{}, zerolog.Nop())
	p := New(engine.Engine{SocketPath: filepath.Join(dir, "e")}, set, log, append([]Observer{AccessLog{Log: log}}, observers...)...)
	go func() {
		defer close(s.stopped)
		p.Serve(ctx, []Listener{{Listener: tcp}, {Listener: unix}, {Listener: secure, TLS: certificate()}, {Listener: pipeListener{tcp, s.pipes, ctx}}}, 100*time.Millisecond)
	}()
	t.Cleanup(func() {
		s.stop()
		<-s.stopped
		listener.Close()
		os.RemoveAll(dir)
	})
	return s
}

// pipeListener accepts the pipes that are sent to it, as connections from an
// address.
type pipeListener struct {
	net.Listener
	pipes chan net.Conn
	ctx   context.Context
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.pipes:
		return pipe{c, l.Addr()}, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error { return nil }

type pipe struct {
	net.Conn
	remote net.Addr
}

func (p pipe) RemoteAddr() net.Addr { return p.remote }

// dialPipe connects through a pipe: a write returns when the proxy has read it.
func (s *stage) dialPipe() net.Conn {
	ours, theirs := net.Pipe()
	s.t.Cleanup(func() { ours.Close() })
	ours.SetDeadline(time.Now().Add(patience))
	s.pipes <- theirs
	return ours
}

type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default: // a test that reads no log may write more lines than fit
	}
	return len(b), nil
}

// awaitLog waits for a line of the log.
func (s *stage) awaitLog(part string) {
	s.t.Helper()
	for timeout := time.After(patience); ; {
		select {
		case line := <-s.log:
			if strings.Contains(line, part) {
				return
			}
		case <-timeout:
			s.t.Fatalf("no line with %s in the log", part)
		}
	}
}

// half is a connection that can be closed for writing only.
type half interface {
	net.Conn
	CloseWrite() error
}

// networks are the ways to dial a stage.
var networks = []string{"tcp", "unix", "tls"}

// certificate is a server's that signs itself. No client needs one.
var certificate = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})

func (s *stage) dial(network string) half {
	s.t.Helper()
	addr := s.addr
	switch network {
	case "unix":
		addr = s.path
	case "tls":
		return tls.Client(s.connect("tcp", s.secure), &tls.Config{InsecureSkipVerify: true})
	}
	return s.connect(network, addr)
}

func (s *stage) connect(network, addr string) half {
	s.t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(half)
}

func (s *stage) send(c io.Writer, raw string) {
	s.t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		s.t.Fatalf("sending %.80q: %v", raw, err)
	}
}

// receive asserts that exactly these bytes come next.
func (s *stage) receive(c io.Reader, want string) {
	s.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want {
		s.t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

// receiveEnd asserts that nothing more comes.
func (s *stage) receiveEnd(c io.Reader) {
	s.t.Helper()
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		s.t.Fatalf("got %.80q, %v, want the end", got, err)
	}
}
