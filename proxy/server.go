package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"postern/proxy/client"
	"postern/proxy/hijack"
	"postern/proxy/logging"
)

// Listener accepts connections.
type Listener struct {
	net.Listener
	// Owner is the client that every connection here belongs to. It is nil for
	// a listener that is open to all.
	Owner *client.Client
	// TLS is nil for a listener without TLS.
	TLS *tls.Config
}

// Only headers and idle connections have a time limit. A limit on bodies or
// responses would cut /events, logs, attach, build and load.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 10 * time.Minute
)

// cutGrace is how long requests that were cut may take to get a response and to be
// logged. A client that does not read its last bytes must not hold the process.
const cutGrace = 200 * time.Millisecond

// errStopping is the cause with which the contexts of requests are cancelled
// when the grace period is over.
var errStopping = errors.New("the proxy is stopping")

// Serve serves the listeners until ctx is done, and closes them. It then
// accepts nothing new, gives open requests the grace period to end, cuts those
// that are left, and returns nil. Its error is a listener's, or the watchdog's
// when the engine was gone for too long.
func (p *Proxy) Serve(ctx context.Context, listeners []Listener, grace time.Duration) error {
	requests, cut := context.WithCancelCause(context.Background())
	defer cut(nil)
	failed := make(chan error, 2*len(listeners)+1)
	var servers []*http.Server
	for _, l := range listeners {
		resumed := newResumedListener(l.Addr())
		s := p.server(requests, resumed)
		servers = append(servers, s)
		a := &acceptor{l, l.Owner, p}
		if l.TLS != nil {
			a.Listener = newHandshaker(l, l.TLS, p)
		}
		go func() { failed <- s.Serve(a) }()
		go func() { failed <- s.Serve(resumed) }()
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go p.clients.Run(watching)
	go p.connections.sweep(watching)
	go func() {
		if err := p.watchdog.Run(watching); err != nil {
			failed <- err
		}
	}()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}

	deadline, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if !p.shutdown(deadline, servers) {
		cut(errStopping)
		last, cancel := context.WithTimeout(context.Background(), cutGrace)
		defer cancel()
		p.shutdown(last, servers)
		for _, s := range servers {
			s.Close()
		}
	}
	return err
}

func (p *Proxy) server(requests context.Context, resumed *resumedListener) *http.Server {
	return &http.Server{
		Handler:           p,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		// ServeHTTP refuses a little less in JSON.
		MaxHeaderBytes: maxURL + 2*maxHeaders,
		ErrorLog:       logging.Std(p.log),
		// Else net/http would answer OPTIONS * itself, without a decision.
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return requests },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return baseConn(c).serve(ctx, resumed.add)
		},
		ConnState: p.connections.follow,
	}
}

// shutdown closes the listeners and idle connections, and reports whether all
// requests have ended by the time ctx is done.
func (p *Proxy) shutdown(ctx context.Context, servers []*http.Server) bool {
	ended := true
	for _, s := range servers {
		ended = s.Shutdown(ctx) == nil && ended
	}
	// Shutdown does not know the connections that were hijacked.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for p.open.Load() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return ended
}

// resumedListener accepts the connections that stayed HTTP although they might
// have been hijacked, as attach does for a container that does not exist.
// net/http cannot take a connection back that it has given away.
type resumedListener struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newResumedListener(addr net.Addr) *resumedListener {
	return &resumedListener{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *resumedListener) add(c *hijack.Conn) {
	select {
	case l.conns <- c:
	case <-l.closed:
		c.Close()
	}
}

func (l *resumedListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *resumedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *resumedListener) Addr() net.Addr { return l.addr }
