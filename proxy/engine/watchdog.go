package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// A bind mount of a file shows one inode, not a name. An engine that restarts
// removes its socket and makes a new one, which the mount never shows.
const (
	deletedHint = "The engine has removed this file, and a mount of a file does not show the new one: restart this container; " + mountHint
	refusedHint = "If the engine comes back with a new socket file, a mount of the file will not show it: " + mountHint
	mountHint   = "to survive a restart of the engine, mount the socket's directory (as with /run/docker) or let systemd own the socket (docker.socket)"
)

// errLost ends [Watchdog.Run].
var errLost = errors.New("the engine is gone for too long")

// checkInterval is how long [Watchdog.Check] repeats its last result. A client of
// the status page may request it at any rate, and that must not make the engine
// accept connections at that rate.
const checkInterval = time.Second

// retryInterval is the time between two attempts to reach a lost engine.
const retryInterval = time.Second

// Watchdog notices the loss of the engine, and its return. It connects only after
// a request could not: the loss of an engine matters when there are requests, and
// the health check sends some. Make it with [NewWatchdog].
type Watchdog struct {
	engine Engine
	log    zerolog.Logger
	failed chan struct{}

	mu        sync.Mutex
	checked   time.Time
	lastError error
}

// NewWatchdog returns a watchdog, which writes to log when the engine is lost
// and when it is back.
func NewWatchdog(e Engine, log zerolog.Logger) *Watchdog {
	return &Watchdog{engine: e, log: log, failed: make(chan struct{}, 1)}
}

// Note tells the watchdog the error of a request.
func (w *Watchdog) Note(err error) {
	if !IsDown(err) || !isLoss(err) {
		return
	}
	select {
	case w.failed <- struct{}{}:
	default: // it will look anyway
	}
}

// Check returns why the engine cannot be reached, or nil. It connects and sends
// nothing, at most once a second.
func (w *Watchdog) Check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.checked) < checkInterval {
		return w.lastError
	}
	w.checked, w.lastError = time.Now(), nil
	if err := w.engine.connect(); isLoss(err) {
		w.Note(err)
		w.lastError = errors.New(w.engine.Explain(err))
	}
	return w.lastError
}

// isLoss reports whether an error means that the engine is gone. A full
// backlog, a lack of file descriptors or a client that went away does not.
func isLoss(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTSOCK)
}

// Run logs each loss and each return once, until ctx is done. It returns an
// error when the engine was gone for [Engine.MaxLoss].
func (w *Watchdog) Run(ctx context.Context) error {
	for {
		if err := w.engine.connect(); isLoss(err) {
			if err := w.awaitReturn(ctx, err); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.failed:
		}
	}
}

func (w *Watchdog) awaitReturn(ctx context.Context, cause error) error {
	start := time.Now()
	logged := w.logLoss(cause, "")
	var giveUp <-chan time.Time
	if w.engine.MaxLoss > 0 {
		giveUp = time.After(w.engine.MaxLoss)
	}
	tick := time.NewTicker(retryInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-giveUp:
			return fmt.Errorf("%w: EXIT_ON_ENGINE_LOSS=%s", errLost, w.engine.MaxLoss)
		case <-tick.C:
		}
		if err := w.engine.connect(); err != nil {
			logged = w.logLoss(err, logged)
			continue
		}
		w.log.Info().Dur("ms", time.Since(start)).Msg("the Docker Engine is back")
		return nil
	}
}

// logLoss logs why the engine cannot be reached, unless the last line said the
// same. It returns the line.
func (w *Watchdog) logLoss(cause error, last string) string {
	message := w.engine.Explain(cause)
	if socket, err := w.engine.Socket(); err == nil && !socket.Deleted && errors.Is(cause, syscall.ECONNREFUSED) {
		message += ". " + refusedHint
	}
	if message != last {
		w.log.Error().AnErr("error", cause).Msg(message)
	}
	return message
}
