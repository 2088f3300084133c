package proxy

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Tune sets the Go runtime up for a proxy. What environ has of GOMAXPROCS and
// GOGC stands.
func Tune(environ map[string]string) {
	// A second processor does not answer more requests, since the kernel does
	// most of the work, on whichever it likes; the runtime's threads would look
	// for work and wake each other, at a third more time for each request.
	if environ["GOMAXPROCS"] == "" {
		runtime.GOMAXPROCS(1)
	}
	// A request leaves 6 KB behind and little lives: half the collections save
	// more time than the few megabytes between them are worth.
	if environ["GOGC"] == "" {
		debug.SetGCPercent(200)
	}
}

// rest gives memory back when many streams have been opened or closed. The
// stack on which a request was served and what its head was parsed into are
// twice as much as what a silent stream needs, and while nothing happens the
// garbage collector does not look.
type rest struct {
	// open is the number of requests that are being served, taken-over
	// connections included.
	open   atomic.Int64
	before atomic.Int64 // open, when memory was given back
	due    atomic.Bool
}

const (
	// crowd is how many requests have to come or go for it to be worth while.
	crowd = 256
	// calm is how long there have to be about as many.
	calm = 200 * time.Millisecond
)

// add counts requests.
func (r *rest) add(n int64) {
	open := r.open.Add(n)
	if apart(open, r.before.Load()) >= crowd && r.due.CompareAndSwap(false, true) {
		time.AfterFunc(calm, func() { r.give(open) })
	}
}

func (r *rest) give(seen int64) {
	open := r.open.Load()
	if apart(open, seen) >= crowd/4 {
		time.AfterFunc(calm, func() { r.give(open) })
		return
	}
	r.before.Store(open)
	debug.FreeOSMemory()
	r.due.Store(false)
}

func apart(a, b int64) int64 { return max(a-b, b-a) }
