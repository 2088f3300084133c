package proxy

import (
	"net"
	"syscall"
)

// hasVisiblePeer reports whether the process at the other end lives in this
// process's PID namespace. The kernel gives the pid of a process in another
// container as 0.
func hasVisiblePeer(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	visible := false
	err = raw.Control(func(fd uintptr) {
		credentials, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		visible = err == nil && credentials.Pid != 0
	})
	return err == nil && visible
}
