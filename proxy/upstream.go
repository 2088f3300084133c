package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"postern/proxy/upstream"
)

// Engine is the Docker Engine behind its socket.
type Engine struct {
	// SocketPath is the socket's absolute path.
	SocketPath string
	// MaxLoss is how long the engine may be gone before [Proxy.Serve] gives up.
	// Zero is for ever.
	MaxLoss time.Duration
}

// Socket looks at the engine's socket. The error says what to do about one that
// is not there or is something else.
func (e Engine) Socket() (Socket, error) {
	socket, err := StatSocket(e.SocketPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("no socket at SOCKET_PATH=%q: mount the engine's with -v /var/run/docker.sock:%s", e.SocketPath, e.SocketPath)
	case errors.Is(err, fs.ErrPermission):
		err = errors.New(explainPermission(e.SocketPath))
	case errors.Is(err, errIsDir):
		err = fmt.Errorf("SOCKET_PATH=%q is a directory: Docker makes one where the source of a bind mount does not exist; check its spelling, and remove the directory that was made there", e.SocketPath)
	case errors.Is(err, errNoSocket):
		err = fmt.Errorf("SOCKET_PATH=%q %w: mount the engine's with -v /var/run/docker.sock:%s", e.SocketPath, err, e.SocketPath)
	case err != nil:
		err = fmt.Errorf("cannot use SOCKET_PATH=%q: %w", e.SocketPath, err)
	}
	return socket, err
}

// Check reports whether this process may connect. A socket on which nothing
// listens yet is not wrong: the engine may come.
func (e Engine) Check() error {
	conn, err := net.Dial("unix", e.SocketPath)
	if err == nil {
		return conn.Close()
	}
	if errors.Is(err, fs.ErrPermission) {
		return errors.New(e.explain(err))
	}
	return nil
}

// explain says why the engine could not be reached and what helps.
func (e Engine) explain(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the Docker Engine is down: no socket at " + e.SocketPath
	case errors.Is(err, syscall.ECONNREFUSED):
		message := "the Docker Engine is down: nothing listens on " + e.SocketPath
		if socket, err := StatSocket(e.SocketPath); err == nil && socket.Replaced {
			message += ". " + replaced
		}
		return message
	case errors.Is(err, fs.ErrPermission):
		return explainPermission(e.SocketPath)
	}
	return "the Docker Engine did not answer: " + err.Error()
}

// isDown reports whether an error came from connecting to the engine: no byte
// of the request has been sent.
func isDown(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// Transport returns what carries requests to the engine.
func (e Engine) Transport() *upstream.Transport {
	return &upstream.Transport{
		SocketPath: e.SocketPath,
		// Clients poll in bursts (a dashboard asks for every container at
		// once); an idle connection costs the engine a goroutine.
		MaxIdle:     128,
		IdleTimeout: time.Minute,
	}
}
