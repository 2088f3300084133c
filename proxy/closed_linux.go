package proxy

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// isClosedByClient reports whether the client has closed its direction of a
// connection, or all of it, even if bytes are still unread.
func isClosedByClient(c net.Conn) bool {
	pollable, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := pollable.SyscallConn()
	if err != nil {
		return false
	}
	closed := false
	// Control, unlike Read, does not wait for a read that net/http is in.
	err = raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}, 0)
		closed = err == nil && n > 0
	})
	return err == nil && closed
}
