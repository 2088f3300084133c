package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// handshakeTimeout is how long a client may take for its TLS handshake.
const handshakeTimeout = 10 * time.Second

// maxHandshakes limits the handshakes under way on one listener, which take some
// 20 KiB each. A further one ends the oldest: an honest client takes milliseconds,
// so the oldest is one that holds its place.
const maxHandshakes = 256

// tlsTransport is the connection below TLS.
type tlsTransport struct {
	net.Conn
	received bool // at least one byte
}

// Read turns a FIN into an error. crypto/tls takes a FIN between two records for
// the end of the stream, but anybody on the way can send one. The honest end is a
// close_notify, after which crypto/tls reads no more (RFC 8446, section 6.1).
func (t *tlsTransport) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.received = t.received || n > 0
	if err == io.EOF {
		// net/http does not answer errors of this type.
		err = &net.OpError{Op: "read", Net: "tcp", Source: t.LocalAddr(), Addr: t.RemoteAddr(), Err: io.ErrUnexpectedEOF}
	}
	return n, err
}

// NetConn returns the connection below.
func (t *tlsTransport) NetConn() net.Conn { return t.Conn }

// handshaker is a listener that makes the TLS handshakes. Each runs in a goroutine
// of its own, so that a slow one holds up no other connection.
type handshaker struct {
	net.Listener
	config *tls.Config
	// succeeded and failed are told of each handshake.
	succeeded func(*tls.Conn)
	failed    func(net.Conn, error)

	accepted chan accepted
	done     chan struct{} // closed when the listener is
	close    sync.Once

	mu      sync.Mutex
	pending []*handshake // the oldest first
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// handshake is one that is under way.
type handshake struct {
	net.Conn
	evicted bool
}

func newHandshaker(l net.Listener, config *tls.Config, p *Proxy) *handshaker {
	h := &handshaker{
		Listener: l, config: config, succeeded: p.handshakes.succeeded, failed: p.handshakes.failed,
		accepted: make(chan accepted), done: make(chan struct{}),
	}
	go h.run()
	return h
}

// Accept returns the next connection whose handshake has succeeded, a *tls.Conn.
func (h *handshaker) Accept() (net.Conn, error) {
	select {
	case a := <-h.accepted:
		return a.conn, a.err
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close closes the listener and the connections whose handshakes are under way.
func (h *handshaker) Close() error {
	err := h.Listener.Close()
	h.close.Do(func() { close(h.done) })
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.pending {
		c.Close()
	}
	return err
}

func (h *handshaker) run() {
	for {
		c, err := h.Listener.Accept()
		if err != nil {
			select {
			case h.accepted <- accepted{err: err}: // net/http waits before it accepts again
				continue
			case <-h.done:
				return
			}
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetKeepAliveConfig(keepAlive)
		}
		c.SetDeadline(time.Now().Add(handshakeTimeout))
		go h.shake(h.begin(c))
	}
}

// begin notes that a handshake is under way. It ends the oldest of too many.
func (h *handshaker) begin(c net.Conn) *handshake {
	h.mu.Lock()
	defer h.mu.Unlock()
	shaking := &handshake{Conn: c}
	if h.pending = append(h.pending, shaking); len(h.pending) > maxHandshakes {
		h.pending[0].evicted = true
		h.pending[0].Close()
		h.pending = h.pending[1:]
	}
	return shaking
}

// end notes that a handshake is over, and reports whether begin has ended it.
func (h *handshaker) end(c *handshake) (evicted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, other := range h.pending {
		if other == c {
			h.pending = append(h.pending[:i], h.pending[i+1:]...)
			break
		}
	}
	return c.evicted
}

func (h *handshaker) shake(c *handshake) {
	transport := &tlsTransport{Conn: c.Conn}
	secure := tls.Server(transport, h.config)
	err := secure.HandshakeContext(context.Background())
	if h.end(c) {
		err = errTooMany
	}
	if err != nil {
		// A load balancer's check connects and sends nothing.
		if transport.received || errors.Is(err, os.ErrDeadlineExceeded) || !isReadError(err) {
			h.failed(c.Conn, err)
		}
		answerPlain(err)
		h.linger(c.Conn)
		return
	}
	c.SetDeadline(time.Time{})
	h.succeeded(secure)
	select {
	case h.accepted <- accepted{conn: secure}:
	case <-h.done:
		c.Close()
	}
}

// tlsOnly answers a client that speaks HTTP without TLS.
const tlsOnly = "this port takes TLS only: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a docker context with a certificate"

// answerPlain answers a client that began with HTTP.
func answerPlain(err error) {
	c, ok := beganWithHTTP(err)
	if !ok {
		return
	}
	response := errorResponse(http.StatusBadRequest, tlsOnly)
	response.Close = true
	response.Write(c)
}

// lingerTime is how long a client that was turned away may go on sending.
const lingerTime = time.Second

// linger closes a connection when the client has read why. With TLS 1.3 a client sends
// its first request before it knows that its certificate is refused, and closing with
// unread bytes would reset the connection under the alert.
func (h *handshaker) linger(c net.Conn) {
	lingering := h.begin(c) // it counts like a handshake
	closeWrite(c)
	c.SetReadDeadline(time.Now().Add(lingerTime))
	io.Copy(io.Discard, c)
	c.Close()
	h.end(lingering)
}
