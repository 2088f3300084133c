package proxy

import (
	"context"
	"errors"
	"net"
	"time"

	"postern/proxy/downstream"
	"postern/proxy/logging"
)

// errStopping is the cause of the contexts that are cancelled when the grace
// period is over.
var errStopping = errors.New("the proxy is stopping")

// Serve answers on the listeners until ctx is done, then stops: it accepts
// nothing new, gives open requests the grace period to end, cuts what is left
// and returns nil. It closes the listeners. An error is one of a listener, or
// that the engine has been gone for [Engine.MaxLoss].
func (p *Proxy) Serve(ctx context.Context, listeners []Listener, grace time.Duration) error {
	requests, cut := context.WithCancelCause(context.Background())
	defer cut(nil)
	server := &downstream.Server{
		Handler: p.ServeHTTP,
		Refuse: func(w *downstream.Response, status int, reason string) {
			writeMessage(w, status, reason)
		},
		// Only the headers and idle connections have a time limit. A limit on
		// bodies or answers would cut /events, logs, attach, build and load.
		HeadTimeout: 10 * time.Second,
		IdleTimeout: 10 * time.Minute,
		MaxHead:     2 * maxHead,
		Log:         logging.Std(p.log),
	}
	failed := make(chan error, len(listeners)+1)
	for _, l := range listeners {
		connect := func(c net.Conn) context.Context { return withPeer(requests, l.Owner, c) }
		go func() { failed <- server.Serve(l, connect) }()
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go p.clients.Run(watching)
	go func() {
		if err := p.watch.run(watching); err != nil {
			failed <- err
		}
	}()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}

	for _, l := range listeners {
		l.Close()
	}
	deadline, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(deadline) != nil || !p.drained(deadline) {
		cut(errStopping)
		// Long enough for cut requests to be answered and logged; a client that
		// does not read its last bytes cannot hold the process.
		last, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		server.Shutdown(last)
		p.drained(last)
		server.Close()
	}
	return err
}

// drained waits until no request is being served, those that have taken their
// connection over included.
func (p *Proxy) drained(ctx context.Context) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for p.rest.open.Load() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
