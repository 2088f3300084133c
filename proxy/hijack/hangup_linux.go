package hijack

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitHangup blocks until a connection that was read to its end is gone in both
// directions: the other side closed it, reset it, or was found dead. A read
// cannot tell, since it also ends when the other side has closed one direction.
// It returns at once when this side has closed the connection.
func awaitHangup(c net.Conn) {
	for {
		below, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = below.NetConn()
	}
	pollable, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := pollable.SyscallConn()
	if err != nil {
		return
	}
	// The runtime's poller wakes a reader on a hang-up too.
	raw.Read(func(fd uintptr) bool { return hasHungUp(int(fd)) })
}

// hasHungUp polls for no event: poll(2) always reports a hang-up and an error.
func hasHungUp(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 0)
	return err == nil && n > 0
}
