package proxy

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"postern/proxy/hijack"
)

// connections are the connections that net/http serves.
type connections struct {
	mu   sync.Mutex
	open map[*clientConn]struct{}
}

// follow is the ConnState hook of the server.
func (s *connections) follow(c net.Conn, state http.ConnState) {
	base := baseConn(c)
	switch state {
	case http.StateNew:
		base.beginHeader()
		s.mu.Lock()
		s.open[base] = struct{}{}
		s.mu.Unlock()
	case http.StateActive:
		base.active.Store(true)
	case http.StateIdle:
		base.active.Store(false)
		base.beginHeader()
	case http.StateClosed, http.StateHijacked:
		base.endHeader()
		s.mu.Lock()
		delete(s.open, base)
		s.mu.Unlock()
		base.cancel()
	}
}

// sweepInterval is the time between two searches for clients that have gone.
const sweepInterval = 5 * time.Second

// sweep ends the requests of clients that have gone, until ctx is done. net/http
// notices the end of a client's bytes only when it has read all that comes before.
// One byte of a next request, or a body that the engine does not read, hides the
// end, and /events may be silent for days.
func (s *connections) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for c := range s.open {
			if c.active.Load() && hijack.HasEnded(c.raw) {
				c.cancel()
			}
		}
		s.mu.Unlock()
	}
}
