//go:build !linux

package proxy

import "net"

// isClosedByClient is false where the kernel cannot tell.
func isClosedByClient(net.Conn) bool { return false }
