package hijack

import (
	"time"

	"postern/proxy/engine"
)

var (
	// watchInterval is the time between two looks whether the client has gone.
	watchInterval = 5 * time.Second
	// silenceLimit is how long the engine may then be silent, or take no input.
	silenceLimit = engine.SilenceLimit
)

// startWatch begins to watch for a client that goes while nobody reads what it
// has sent: a second request, the rest of a body, input that the engine does not
// take. The end of its bytes is then hidden behind them.
func (x *exchange) startWatch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.watcher = time.AfterFunc(watchInterval, x.watch)
}

func (x *exchange) stopWatch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.watcher.Stop()
	x.watcher = nil
}

// watch limits how long the engine may hold the connections of a client that has
// gone. A client of a stream that has closed one direction still listens.
func (x *exchange) watch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.watcher == nil:
		return
	case x.hijacked && hasHungUp(x.client):
		x.engine.SetWriteDeadline(time.Now().Add(silenceLimit))
		return
	case !x.hijacked && HasEnded(x.client):
		x.limitSilence()
	}
	x.watcher.Reset(watchInterval)
}

// limitSilence gives the engine a limited time to go on, once the client has
// closed its direction of the connection. x.mu is held.
func (x *exchange) limitSilence() {
	if !x.clientDone.Swap(true) {
		x.engine.SetReadDeadline(time.Now().Add(silenceLimit))
	}
}
