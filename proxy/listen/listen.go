package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
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

func (a Address) listenUnix(owner Owner) (net.Listener, error) {
	if err := a.removeStale(); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	// With this umask only the file's owner can connect until setPermissions has
	// set group and mode. Else any local user could connect in between.
	umask := syscall.Umask(0o177)
	l, err := net.Listen("unix", a.Addr)
	syscall.Umask(umask)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, withoutAddress(err))
	}
	if err := a.setPermissions(owner); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot set owner and mode of %s: %w", a, err)
	}
	return l, nil
}

// setPermissions sets group, mode and owner of the socket file. The mode comes
// after the group, so that it opens the file to no other group, and before the
// owner: root without the capability FOWNER may not change the mode of a file
// that it has given away.
func (a Address) setPermissions(fallback Owner) error {
	err := setID(a.Owner.GID, fallback.GID, func(id int) error { return syscall.Chown(a.Addr, -1, id) })
	if err == nil {
		err = os.Chmod(a.Addr, a.Mode)
	}
	if err == nil {
		err = setID(a.Owner.UID, fallback.UID, func(id int) error { return syscall.Chown(a.Addr, id, -1) })
	}
	return err
}

// setID sets the id that the address requests. If it requests none, setID tries
// the fallback and accepts that the process may not set it. Negative is none.
func setID(requested, fallback int, chown func(id int) error) error {
	switch {
	case requested >= 0:
		err := chown(requested)
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: uid= and gid= take a start as root with cap_add: [CHOWN]", err)
		}
		return err
	case fallback >= 0:
		if err := chown(fallback); !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// removeStale removes a socket file whose process has ended. A process that
// starts to listen on it between the dial and the removal loses its socket: only
// a lock that all programs agree on could prevent that.
func (a Address) removeStale() error {
	info, err := os.Lstat(a.Addr)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("the path exists and is not a socket")
	}
	var conn net.Conn
	asOwner(int(info.Sys().(*syscall.Stat_t).Uid), func() { conn, err = net.Dial("unix", a.Addr) })
	if err == nil {
		conn.Close()
		return errors.New("another process answers on it")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return withoutAddress(err)
	}
	return os.Remove(a.Addr)
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
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
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
