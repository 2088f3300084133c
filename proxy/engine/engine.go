// Package engine reaches the Docker Engine, or Podman, behind its unix socket.
// It examines the socket, explains why the engine cannot be reached, watches
// for its loss, and carries requests to it.
package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Engine is the engine behind a socket.
type Engine struct {
	// SocketPath is the socket's absolute path.
	SocketPath string
	// MaxLoss is how long the engine may be unreachable before
	// [Watchdog.Run] gives up. Zero means forever.
	MaxLoss time.Duration
}

// Socket examines the engine's socket. Its error says what to do about a path
// that is missing or is not a socket.
func (e Engine) Socket() (Socket, error) {
	info, err := os.Stat(e.SocketPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("no socket at SOCKET_PATH=%q: mount the engine's with -v /var/run/docker.sock:%s", e.SocketPath, e.SocketPath)
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("no permission to reach %s: postern runs as %s and may not enter %s; chmod o+x that on the host, or mount the socket alone",
			e.SocketPath, ownCredentials(), closedDir(e.SocketPath))
	case err != nil:
		err = fmt.Errorf("cannot use SOCKET_PATH=%q: %w", e.SocketPath, err)
	case info.IsDir():
		err = fmt.Errorf("SOCKET_PATH=%q is a directory: Docker makes one where the source of a bind mount does not exist; check its spelling, and remove the directory that was made there", e.SocketPath)
	case info.Mode().Type() != fs.ModeSocket:
		err = fmt.Errorf("SOCKET_PATH=%q is not a socket: mount the engine's with -v /var/run/docker.sock:%s", e.SocketPath, e.SocketPath)
	default:
		stat := info.Sys().(*syscall.Stat_t)
		return Socket{e.SocketPath, int(stat.Uid), int(stat.Gid), info.Mode().Perm(), stat.Nlink == 0}, nil
	}
	return Socket{}, err
}

// connect connects and sends nothing.
func (e Engine) connect() error {
	conn, err := net.Dial("unix", e.SocketPath)
	if err == nil {
		conn.Close()
	}
	return err
}

// CheckAccess returns an error if this process has no permission to connect. It
// returns nil for a socket without a listener: the engine may start later.
func (e Engine) CheckAccess() error {
	if err := e.connect(); errors.Is(err, fs.ErrPermission) {
		return errors.New(e.Explain(err))
	}
	return nil
}

// Explain says why the engine could not be reached, and what helps.
func (e Engine) Explain(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the Docker Engine is down: no socket at " + e.SocketPath
	case errors.Is(err, syscall.ECONNREFUSED):
		message := "the Docker Engine is down: nothing listens on " + e.SocketPath
		if socket, err := e.Socket(); err == nil && socket.Deleted {
			message += ". " + deletedHint
		}
		return message
	case errors.Is(err, fs.ErrPermission):
		socket, err := e.Socket()
		if err != nil {
			return err.Error()
		}
		own := ownCredentials()
		return fmt.Sprintf("no permission to connect: %s, and postern runs as %s; %s", socket, own, socket.remedy(own))
	}
	return "the Docker Engine did not answer: " + err.Error()
}

// IsDown reports whether an error comes from connecting to the engine. The
// engine has then received no byte of the request.
func IsDown(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// Transport returns a transport that carries requests to the engine.
func (e Engine) Transport() *Transport {
	return &Transport{
		SocketPath: e.SocketPath,
		// Clients poll in bursts: a dashboard asks for all its containers at
		// once. An idle connection costs the engine a goroutine.
		MaxIdle:     128,
		IdleTimeout: time.Minute,
	}
}
