package downstream

import (
	"sync"
	"syscall"
	"time"
)

// watch looks whether a client that waits for its answer is still there. It
// begins a while after the request: most are answered by then, and a goroutine
// for each would cost as much as all else that is done for it.
type watch struct {
	mu      sync.Mutex
	on      bool
	timer   *time.Timer
	running chan struct{} // closed when the goroutine is over; nil without one
}

const watchDelay = 10 * time.Millisecond

// start watches a connection from which no body is read (any more).
func (w *watch) start(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.state.Load() != active {
		return
	}
	w.on = true
	if w.timer == nil {
		w.timer = time.AfterFunc(watchDelay, func() { w.run(c) })
	} else {
		w.timer.Reset(watchDelay)
	}
}

func (w *watch) run(c *conn) {
	w.mu.Lock()
	if !w.on || w.running != nil {
		w.mu.Unlock()
		return
	}
	running := make(chan struct{})
	w.running = running
	c.SetReadDeadline(time.Time{})
	w.mu.Unlock()
	defer close(running)
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	gone := false
	raw.Read(func(fd uintptr) bool {
		here, err := peekAt(fd)
		gone = here == 0 && err != syscall.EAGAIN
		return here > 0 || gone
	})
	// More than nothing is the next request: whoever sends that is not gone.
	if gone {
		c.leave()
	}
}

// stop ends the watch, so that the connection can be read.
func (w *watch) stop(c *conn) {
	w.mu.Lock()
	w.on = false
	if w.timer != nil {
		w.timer.Stop()
	}
	running := w.running
	w.running = nil
	if running != nil {
		c.SetReadDeadline(time.Unix(1, 0))
	}
	w.mu.Unlock()
	if running != nil {
		<-running
		c.SetReadDeadline(time.Time{})
	}
}

// peek looks whether bytes or the end of them have come.
func peek(c syscall.Conn) (here int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(fd uintptr) { here, err = peekAt(fd) })
	if failed != nil {
		err = failed
	}
	return here, err
}

func peekAt(fd uintptr) (here int, err error) {
	var one [1]byte
	for {
		here, _, err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return max(here, 0), err
		}
	}
}
