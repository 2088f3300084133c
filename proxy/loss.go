package proxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// A mount of a file holds the file and not its name, so what an engine that has
// restarted puts in its place never comes through.
const (
	replaced = "The engine has removed this file, and a mount of a file does not show the new one: restart this container; " + survive
	refused  = "If the engine comes back with a new socket file, a mount of the file will not show it: " + survive
	survive  = "to live through a restart of the engine, mount the socket's directory (as with /run/docker) or let systemd own the socket (docker.socket)"
)

// errEngineLost ends Serve.
var errEngineLost = errors.New("the engine is gone for too long")

// watch notices that the engine has gone, and that it is back. It looks only
// when a connection has failed: an engine that nobody asks for anything need
// not be watched, and the health check asks.
type watch struct {
	engine Engine
	log    zerolog.Logger
	failed chan struct{}

	mu      sync.Mutex
	checked time.Time // when check looked
	found   error     // and what it found
}

func newWatch(engine Engine, log zerolog.Logger) *watch {
	return &watch{engine: engine, log: log, failed: make(chan struct{}, 1)}
}

// note tells the watch of a request that failed.
func (w *watch) note(err error) {
	if !isDown(err) || !isLoss(err) {
		return
	}
	select {
	case w.failed <- struct{}{}:
	default: // it is to look already
	}
}

// ping connects to the engine.
func (w *watch) ping() error {
	conn, err := net.Dial("unix", w.engine.SocketPath)
	if err == nil {
		conn.Close()
	}
	return err
}

// checkInterval is how long check believes what it has found: whoever may ask
// as often as they like must not make the engine accept connections as often.
const checkInterval = time.Second

// check looks whether the engine is there: it connects and sends nothing. It
// tells the watch of a loss, which nobody may have noticed yet.
func (w *watch) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.checked) < checkInterval {
		return w.found
	}
	w.checked, w.found = time.Now(), nil
	if err := w.ping(); isLoss(err) {
		w.note(err)
		w.found = errors.New(w.engine.explain(err))
	}
	return w.found
}

// isLoss reports whether the way to the engine is gone. A full backlog, a lack
// of file descriptors or a client that went away is no loss.
func isLoss(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTSOCK)
}

// run logs each loss and each return once, until ctx is done. Its error is
// errEngineLost.
func (w *watch) run(ctx context.Context) error {
	for {
		if err := w.ping(); isLoss(err) {
			if err := w.wait(ctx, err); err != nil {
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

// wait returns when the engine is back.
func (w *watch) wait(ctx context.Context, cause error) error {
	const interval = time.Second
	start := time.Now()
	said := w.say(cause, "")
	var giveUp <-chan time.Time
	if w.engine.MaxLoss > 0 {
		giveUp = time.After(w.engine.MaxLoss)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-giveUp:
			return fmt.Errorf("%w: EXIT_ON_ENGINE_LOSS=%s", errEngineLost, w.engine.MaxLoss)
		case <-tick.C:
		}
		if err := w.ping(); err != nil {
			said = w.say(err, said)
			continue
		}
		w.log.Info().Dur("ms", time.Since(start)).Msg("the Docker Engine is back")
		return nil
	}
}

// say logs why the engine cannot be reached, unless that was said before.
func (w *watch) say(cause error, said string) string {
	message := w.engine.explain(cause)
	if errors.Is(cause, syscall.ECONNREFUSED) && !strings.HasSuffix(message, survive) {
		message += ". " + refused
	}
	if message != said {
		w.log.Error().AnErr("error", cause).Msg(message)
	}
	return message
}
