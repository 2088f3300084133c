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
	"slices"
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
	// Mode and Owner are the permissions of a unix socket's file. An id of Owner
	// that is negative was not asked for.
	Mode  fs.FileMode
	Owner Owner
}

// Owner is a file's. A negative id leaves the one that the process gives it.
type Owner struct{ UID, GID int }

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
			if _, err := strconv.ParseUint(u.Host, 10, 16); err == nil {
				return Address{}, fmt.Errorf("did you mean tcp://:%s? %s", u.Host, wanted)
			}
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
	a := Address{Network: "unix", Addr: filepath.Clean(u.Path), Mode: defaultMode, Owner: Owner{-1, -1}}
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
			a.Owner.UID = int(n)
		case "gid":
			a.Owner.GID = int(n)
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

// Listen opens the address. A host without IPv6 gets IPv4. A socket file is
// given to an owner where the address asks for none and the process may.
func (a Address) Listen(owner Owner) (net.Listener, error) {
	if a.Network == "unix" {
		return a.listenUnix(owner)
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

func (a Address) listenUnix(owner Owner) (net.Listener, error) {
	if err := a.removeStale(); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	// The file is born closed to others and opened when its group is right:
	// else a client could connect in between.
	umask := syscall.Umask(0o177)
	l, err := net.Listen("unix", a.Addr)
	syscall.Umask(umask)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, unwrapOp(err))
	}
	if err := a.permit(owner); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot set owner and mode of %s: %w", a, err)
	}
	return l, nil
}

// permit gives the socket file its owner and mode. The user comes last: root
// without the capability FOWNER may not change the mode of another's file.
func (a Address) permit(owner Owner) error {
	err := give(a.Owner.GID, owner.GID, func(id int) error { return syscall.Chown(a.Addr, -1, id) })
	if err == nil {
		err = os.Chmod(a.Addr, a.Mode)
	}
	if err == nil {
		err = give(a.Owner.UID, owner.UID, func(id int) error { return syscall.Chown(a.Addr, id, -1) })
	}
	return err
}

// give sets the id that was asked for, or else another that would be better
// than the process's own but is not worth a failure.
func give(asked, better int, chown func(id int) error) error {
	switch {
	case asked >= 0:
		err := chown(asked)
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: uid= and gid= take a start as root with cap_add: [CHOWN]", err)
		}
		return err
	case better >= 0:
		if err := chown(better); !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
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
	var conn net.Conn
	asOwner(int(info.Sys().(*syscall.Stat_t).Uid), func() { conn, err = net.Dial("unix", a.Addr) })
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

// unwrapOp drops the "listen tcp :2375: bind:" that net puts before an error
// whose address the message already names.
func unwrapOp(err error) error {
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

// WithoutIPv6 limits the TCP addresses to IPv4.
func (as Addresses) WithoutIPv6() {
	for i := range as {
		if as[i].Network == "tcp" {
			as[i].Network = "tcp4"
		}
	}
}

// Items gives each address as LISTEN writes it, without options.
func (as Addresses) Items() []string {
	items := make([]string, len(as))
	for i, a := range as {
		items[i] = a.String()
	}
	return items
}

// Files returns the paths of the unix sockets.
func (as Addresses) Files() []string {
	var files []string
	for _, a := range as {
		if a.Network == "unix" {
			files = append(files, a.Addr)
		}
	}
	return files
}

// Leftovers returns the socket files that closing the listeners has not
// removed, because their directory does not allow it.
func (as Addresses) Leftovers() []string {
	return slices.DeleteFunc(as.Files(), func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

// Listen opens every address, as [Address.Listen] does. It returns an error
// for each that it cannot open, beside the listeners that it could.
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
