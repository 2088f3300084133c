package proxy

import (
	"io"
	"net"
	"syscall"

	"postern/proxy/readahead"
)

// pump copies until src ends, like io.Copy, and returns no error then. It
// holds a buffer only while bytes come: an attached shell that is silent for
// days costs none. io.Copy would hold one, or, where the runtime can splice
// the two connections, a pipe, two descriptors for each direction, until the
// garbage collector finds it.
func pump(dst, src net.Conn) (int64, error) {
	pollable, ok := src.(syscall.Conn)
	if !ok {
		return io.Copy(dst, src)
	}
	raw, err := pollable.SyscallConn()
	if err != nil {
		return 0, err
	}
	var copied int64
	for {
		buffer, n, err := readReady(raw)
		if n > 0 {
			m, err := dst.Write(buffer[:n])
			readahead.Buffers{}.Put(buffer)
			copied += int64(m)
			if err != nil {
				return copied, err
			}
		}
		if n == 0 || err != nil {
			return copied, err
		}
	}
}

// readReady waits for bytes, reads them into a buffer from the pool and
// returns it with their number: 0 at the end.
func readReady(raw syscall.RawConn) (buffer []byte, n int, err error) {
	failed := raw.Read(func(fd uintptr) bool {
		buffer = readahead.Buffers{}.Get()
		for {
			n, err = syscall.Read(int(fd), buffer)
			if err != syscall.EINTR {
				break
			}
		}
		if n <= 0 {
			n = 0
			readahead.Buffers{}.Put(buffer)
			buffer = nil
		}
		return err != syscall.EAGAIN
	})
	if failed != nil {
		return nil, 0, failed
	}
	return buffer, n, err
}
