//go:build !linux

package hijack

import "net"

// awaitHangup takes the end of a connection's bytes for its end.
func awaitHangup(net.Conn) {}

func hasHungUp(net.Conn) bool { return false }

func HasEnded(net.Conn) bool { return false }
