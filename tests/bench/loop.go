//go:build linux

package main

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// loop serves any number of connections in one thread. The client and the
// engine of a benchmark are made with it rather than with package net, whose
// goroutines would cost as much as the proxy that is measured.
type loop struct {
	epoll int
	conns map[int32]*conn
}

// conn is a connection in a loop.
type conn struct {
	fd int
	// ready is called when there may be something to read or room to write.
	// Its error ends the connection.
	ready func() error
}

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &loop{epoll: epoll, conns: map[int32]*conn{}}, nil
}

// add hands a connection to the loop, which tells of each change once.
func (l *loop) add(c *conn) error {
	l.conns[int32(c.fd)] = c
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | edgeTriggered,
		Fd:     int32(c.fd),
	})
}

// edgeTriggered is EPOLLET, which is negative where Events is unsigned.
const edgeTriggered = 1 << 31

func (l *loop) remove(c *conn) {
	delete(l.conns, int32(c.fd))
	unix.Close(c.fd)
}

// wait serves what happens within a time in milliseconds; -1 is for ever.
func (l *loop) wait(milliseconds int) error {
	var events [256]unix.EpollEvent
	n, err := unix.EpollWait(l.epoll, events[:], milliseconds)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	var failed error
	for _, e := range events[:n] {
		c := l.conns[e.Fd]
		if err := c.ready(); err != nil {
			l.remove(c)
			failed = err // the others are not told again of what they miss now
		}
	}
	return failed
}

// read reads what is there. drained tells that there is no more, n == 0
// without it that the peer has ended.
func (c *conn) read(b []byte) (n int, drained bool, err error) {
	n, err = unix.Read(c.fd, b)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0, true, nil
	case err != nil:
		return 0, false, fmt.Errorf("read: %w", err)
	}
	// A stream that gave less than there was room for is empty.
	return n, n > 0 && n < len(b), nil
}

// write writes as much as there is room for and returns the rest.
func (c *conn) write(b []byte) ([]byte, error) {
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		switch {
		case err == unix.EAGAIN:
			return b, nil
		case err == unix.EINTR:
		case err != nil:
			return b, fmt.Errorf("write: %w", err)
		default:
			b = b[n:]
		}
	}
	return nil, nil
}

// dial connects to "tcp" host:port or to a "unix" path.
func dial(network, addr string) (int, error) {
	c, err := net.Dial(network, addr)
	if err != nil {
		return -1, err
	}
	defer c.Close()
	return detach(c)
}

// detach takes a connection or a listener away from package net.
func detach(c any) (int, error) {
	file, err := c.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return -1, err
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, unix.SetNonblock(fd, true)
}
