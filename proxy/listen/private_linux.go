package listen

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// private is a listener that only processes of postern's own user, or root, in its PID
// namespace can use.
type private struct{ *net.UnixListener }

// privateName returns the name of the abstract socket. Abstract names are shared by
// all processes in a network namespace: by the containers with network_mode: host,
// and by every process of a host without containers. The PID namespace tells
// containers apart, and what makes a postern tells it from others in one.
func privateName(parts ...string) string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	sum := sha256.Sum256([]byte(namespace + "\x00" + strings.Join(parts, "\x00")))
	return "@postern-health-" + hex.EncodeToString(sum[:16])
}

// Private opens a listener for the health check of this postern. parts are what
// other posterns in the same namespaces do not have in common with it. Other users
// and other containers can connect, and are cut off at once.
func Private(parts ...string) (net.Listener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: privateName(parts...), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen for the health check: %w", withoutAddress(err))
	}
	return private{l}, nil
}

// Accept returns the next connection that is not another user's.
func (l private) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if isOwn(c) {
			return c, nil
		}
		c.Close()
	}
}

// DialPrivate connects to the listener that [Private] opened for the same parts. It
// fails for a socket that neither root nor this user listens on: another user can
// take the name first.
func DialPrivate(parts ...string) (net.Conn, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: privateName(parts...), Net: "unix"})
	if err != nil {
		return nil, err
	}
	if !isOwn(c) { // postern listens before it leaves root
		c.Close()
		return nil, errors.New("another user's process has taken the health check's socket")
	}
	return c, nil
}

// isOwn reports whether the process at the other end belongs to this user or to root
// and lives in this process's PID namespace: the kernel gives the pid of another
// container's process as 0.
func isOwn(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	own := false
	err = raw.Control(func(fd uintptr) {
		credentials, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		own = err == nil && credentials.Pid != 0 && (credentials.Uid == 0 || int(credentials.Uid) == os.Geteuid())
	})
	return err == nil && own
}
