//go:build !linux

package listen

import (
	"errors"
	"net"
)

var errNoPrivate = errors.New("the health check of a postern that listens on tls:// alone needs Linux")

// Private fails: abstract unix sockets exist on Linux only.
func Private(...string) (net.Listener, error) { return nil, errNoPrivate }

// DialPrivate fails.
func DialPrivate(...string) (net.Conn, error) { return nil, errNoPrivate }
