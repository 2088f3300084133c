// Package logging makes the program's log, as JSON or for a console. It has an adapter
// for package log, and escapes text that clients choose.
package logging

import (
	"fmt"
	"io"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// Options are the settings of a log. The zero value of Level logs everything but
// traces.
type Options struct {
	Level zerolog.Level
	// Console writes lines for people instead of JSON.
	Console bool
	// Stdout gets the log, and Stderr a line if the log cannot be written. Both
	// must be set.
	Stdout, Stderr io.Writer
}

// New returns the log of the program, and a function that writes what is still
// queued, which takes half a second at most. It also sets zerolog's package variables
// and ignores SIGPIPE, so it is called once.
func New(o Options) (log zerolog.Logger, flush func()) {
	// Go ends a program that writes to a closed pipe on stdout. Without a reader
	// of the log, requests must go on.
	signal.Ignore(syscall.SIGPIPE)
	failed := reportErrors(o.Stderr)
	zerolog.ErrorHandler = failed
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	zerolog.FloatingPointPrecision = 3
	queue := newQueue(o.Stdout, failed)
	var out io.Writer = queue
	if o.Console {
		out = newConsole(queue, o.Stdout)
	}
	return zerolog.New(out).Level(o.Level).With().Timestamp().Logger(), queue.close
}

// reportErrors returns a handler for errors in writing the log. It writes to stderr at
// most once a minute. Requests go on: a program that fills the disk must not cut every
// client off from the engine.
func reportErrors(stderr io.Writer) func(error) {
	var mu sync.Mutex
	var last time.Time
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); last.IsZero() || now.Sub(last) > time.Minute {
			last = now
			fmt.Fprintf(stderr, "postern: the log cannot be written, and requests go on without: %v\n", err)
		}
	}
}
