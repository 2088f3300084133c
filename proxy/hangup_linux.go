package proxy

import (
	"net"
	"syscall"
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

// hasHungUp asks the kernel through an epoll instance: package syscall has no
// poll on every architecture.
func hasHungUp(fd int) bool {
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false // no descriptor is left, which says nothing of the peer
	}
	defer syscall.Close(poll)
	// EPOLLHUP and EPOLLERR are always reported.
	if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{}); err != nil {
		return true
	}
	var events [1]syscall.EpollEvent
	n, err := syscall.EpollWait(poll, events[:], 0)
	return err != nil || n > 0
}
