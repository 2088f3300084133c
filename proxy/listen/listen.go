package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
)

// Listen opens every address, as [Address.Listen] does. It returns the listeners
// that it could open and one error for each address that it could not.
func (as Addresses) Listen(owner Owner) ([]net.Listener, []error) {
	var listeners []net.Listener
	var errs []error
	for _, a := range as {
		l, err := a.Listen(owner)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		listeners = append(listeners, l)
	}
	return listeners, errs
}

// Leftovers returns the socket files that closing the listeners has not removed,
// because the process may not write to their directory.
func (as Addresses) Leftovers() []string {
	return slices.DeleteFunc(as.Files(), func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

// Listen opens the address, with IPv4 only on a host without IPv6. A socket file
// is given to owner if the address sets no owner and the process may change it.
func (a Address) Listen(owner Owner) (net.Listener, error) {
	if a.Network == "unix" {
		return a.listenUnix(owner)
	}
	l, err := net.Listen(a.Network, a.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("cannot listen on %s: the port is in use by another process", a)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, withoutAddress(err))
	}
	return l, nil
}

// Dial connects to the address from the same machine or container.
func (a Address) Dial() (net.Conn, error) {
	if a.Network == "unix" {
		return net.Dial("unix", a.Addr)
	}
	host, port, err := net.SplitHostPort(a.Addr)
	if err != nil {
		return nil, err
	}
	if isAnyAddress(host) {
		host = "127.0.0.1"
	}
	return net.Dial(a.Network, net.JoinHostPort(host, port))
}

// withoutAddress drops the "listen tcp :2375: bind:" that package net puts before
// an error. The messages here name the address already.
func withoutAddress(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}
