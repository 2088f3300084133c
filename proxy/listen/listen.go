// Package listen opens the addresses that LISTEN names.
package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Address is one place to listen on. The zero value is no valid address; use
// [Parse].
type Address struct {
	// Network is "tcp", "tcp4" (no IPv6) or "unix".
	Network string
	// Addr is host:port with an empty host for every address of the machine,
	// or the path of a unix socket.
	Addr string
	// Mode, UID and GID are the permissions of a unix socket's file. A negative
	// UID or GID leaves the process's own.
	Mode     fs.FileMode
	UID, GID int
}

// defaultMode lets the socket's owner and group connect: whoever can connect
// has the proxy's whole policy.
const defaultMode fs.FileMode = 0o660

const wanted = "want tcp://[host]:port or unix:///path?mode=0660&uid=0&gid=0"

// Parse reads tcp://host:port or unix:///path?mode=0660&uid=0&gid=0.
func Parse(s string) (Address, error) {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.User != nil || u.Fragment != "" {
		return Address{}, errors.New(wanted)
	}
	switch {
	case u.Scheme == "tcp" && u.Path == "" && u.RawQuery == "":
		if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil {
			return Address{}, fmt.Errorf("bad port %q: %s", u.Port(), wanted)
		} else {
			host := net.JoinHostPort(u.Hostname(), strconv.FormatUint(port, 10))
			return Address{Network: "tcp", Addr: host}, nil
		}
	case u.Scheme == "unix" && u.Host == "" && filepath.IsAbs(u.Path):
		return parseUnix(u)
	}
	return Address{}, errors.New(wanted)
}

func parseUnix(u *url.URL) (Address, error) {
	a := Address{Network: "unix", Addr: filepath.Clean(u.Path), Mode: defaultMode, UID: -1, GID: -1}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, errors.New(wanted)
	}
	for key, values := range query {
		base, bits := 10, 31
		if key == "mode" {
			base, bits = 8, 9
		}
		n, err := strconv.ParseUint(values[len(values)-1], base, bits)
		if err != nil {
			return Address{}, fmt.Errorf("bad %s %q: %s", key, values[len(values)-1], wanted)
		}
		switch key {
		case "mode":
			a.Mode = fs.FileMode(n)
		case "uid":
			a.UID = int(n)
		case "gid":
			a.GID = int(n)
		default:
			return Address{}, fmt.Errorf("unknown option %q: %s", key, wanted)
		}
	}
	return a, nil
}

// String gives the address as LISTEN writes it, without options.
func (a Address) String() string {
	network, _ := strings.CutSuffix(a.Network, "4")
	return network + "://" + a.Addr
}

// Listen opens the address. A host without IPv6 gets IPv4.
func (a Address) Listen() (net.Listener, error) {
	if a.Network == "unix" {
		return a.listenUnix()
	}
	l, err := net.Listen(a.Network, a.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("cannot listen on %s: the port is in use by another process", a)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, unwrapOp(err))
	}
	return l, nil
}

func (a Address) listenUnix() (net.Listener, error) {
	if err := a.removeStale(); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	// The file is born closed to others and opened when its owner is right:
	// else a client could connect in between.
	umask := syscall.Umask(0o177)
	l, err := net.Listen("unix", a.Addr)
	syscall.Umask(umask)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, unwrapOp(err))
	}
	err = os.Chown(a.Addr, a.UID, a.GID)
	if err == nil {
		err = os.Chmod(a.Addr, a.Mode)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot set owner and mode of %s: %w", a, err)
	}
	return l, nil
}

// removeStale removes a socket that a process which is gone left behind. A
// process that starts to listen between the dial and the removal would lose
// its socket; nothing but a lock that every program knows could prevent that.
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
	conn, err := net.Dial("unix", a.Addr)
	if err == nil {
		conn.Close()
		return errors.New("another process answers on it")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return unwrapOp(err)
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

// unwrapOp drops the "listen tcp :2375:" that net puts before an error whose
// address the message already names.
func unwrapOp(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// Addresses is the value of LISTEN.
type Addresses []Address

// UnmarshalText reads a comma-separated list.
func (as *Addresses) UnmarshalText(text []byte) error {
	*as = nil
	for s := range strings.SplitSeq(string(text), ",") {
		a, err := Parse(strings.TrimSpace(s))
		if err != nil {
			return err
		}
		*as = append(*as, a)
	}
	return nil
}

// Listen opens every address. It returns an error for each that it cannot
// open, beside the listeners that it could.
func (as Addresses) Listen() ([]net.Listener, []error) {
	var listeners []net.Listener
	var errs []error
	for _, a := range as {
		l, err := a.Listen()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		listeners = append(listeners, l)
	}
	return listeners, errs
}
