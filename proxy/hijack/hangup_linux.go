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
	if raw := rawConn(c); raw != nil {
		// The runtime's poller wakes a reader on a hang-up too.
		raw.Read(func(fd uintptr) bool { return poll(fd, 0) })
	}
}

// hasHungUp reports whether a connection is gone in both directions, even if
// bytes of it are still unread.
func hasHungUp(c net.Conn) bool { return pollNow(c, 0) }

// HasEnded reports whether the other side has closed its direction of a
// connection, or all of it, even if bytes of it are still unread.
func HasEnded(c net.Conn) bool { return pollNow(c, unix.POLLRDHUP) }

func pollNow(c net.Conn, events int16) (ready bool) {
	if raw := rawConn(c); raw != nil {
		// Control, unlike Read, does not wait for a read that another goroutine
		// is in.
		raw.Control(func(fd uintptr) { ready = poll(fd, events) })
	}
	return ready
}

// poll does not wait. poll(2) reports a hang-up and an error whatever the events
// are.
func poll(fd uintptr, events int16) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 0)
	return err == nil && n > 0
}

func rawConn(c net.Conn) syscall.RawConn {
	for {
		below, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = below.NetConn()
	}
	pollable, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := pollable.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
