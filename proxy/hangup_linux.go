package proxy

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitHangup blocks until a connection that has been read to its end is gone
// altogether: its peer has closed it, has reset it or was found dead. Reading
// cannot tell: it meets the same end when the peer has closed one half. It
// returns at once when the connection is closed on this side.
func awaitHangup(c net.Conn) {
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

// hasHungUp asks for nothing: a hang-up and an error are always reported. A
// call that fails says nothing of the peer.
func hasHungUp(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 0)
	return err == nil && n > 0
}
