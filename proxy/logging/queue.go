package logging

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// maxQueued limits what waits to be written, in bytes: some 4,000 lines.
	maxQueued = 1 << 20
	// closeLimit is how long the end of the program waits for what is queued. The
	// whole end after the grace period has one second, see main.go.
	closeLimit = 500 * time.Millisecond
)

// queue writes the log in a goroutine of its own. If stdout is a pipe that is not read,
// a write blocks without a limit, and requests, the health check and the end of the
// program must not wait for it. Lines that do not fit into the queue are lost, and
// their number goes to stderr.
type queue struct {
	out    io.Writer
	failed func(error)

	mu      sync.Mutex
	changed *sync.Cond
	lines   []byte
	lost    int
	closed  bool
	done    chan struct{} // closed when all is written
}

func newQueue(out io.Writer, failed func(error)) *queue {
	q := &queue{out: out, failed: failed, done: make(chan struct{})}
	q.changed = sync.NewCond(&q.mu)
	go q.run()
	return q
}

// Write queues one line. It never blocks and never fails.
func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines)+len(line) > maxQueued {
		q.lost++
	} else {
		q.lines = append(q.lines, line...)
		q.changed.Signal()
	}
	return len(line), nil
}

func (q *queue) run() {
	defer close(q.done)
	var batch []byte
	for {
		q.mu.Lock()
		for len(q.lines) == 0 && !q.closed {
			q.changed.Wait()
		}
		batch, q.lines = q.lines, batch[:0]
		lost := q.lost
		q.lost = 0
		q.mu.Unlock()
		if len(batch) == 0 {
			return // closed
		}
		if _, err := q.out.Write(batch); err != nil {
			q.failed(err)
		}
		if lost > 0 {
			q.failed(fmt.Errorf("%d lines are lost, since nothing reads stdout", lost))
		}
	}
}

// close waits until the queue is written, or for closeLimit.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.changed.Signal()
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(closeLimit):
	}
}
