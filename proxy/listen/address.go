// Package listen parses the addresses in LISTEN and opens them.
package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Address is one place to listen on. The zero value is not a valid address; use
// [Parse].
type Address struct {
	// Network is "tcp", "tcp4" (no IPv6) or "unix".
	Network string
	// Addr is host:port, where an empty host means every address of the machine,
	// or the path of a unix socket.
	Addr string
	// Mode and Owner are the permissions of a unix socket's file. A negative id
	// in Owner means that the address does not set it.
	Mode  fs.FileMode
	Owner Owner
}

// Owner is the owner and group of a file. A negative id leaves the one that the
// kernel gives a file of this process.
type Owner struct{ UID, GID int }

// defaultMode lets only the socket's owner and group connect. A program that can
// connect gets the listener's whole policy.
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
		return parseTCP(u)
	case u.Scheme == "unix" && u.Host == "" && filepath.IsAbs(u.Path):
		return parseUnix(u)
	}
	return Address{}, errors.New(wanted)
}

func parseTCP(u *url.URL) (Address, error) {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err == nil {
		return Address{Network: "tcp", Addr: net.JoinHostPort(u.Hostname(), strconv.FormatUint(port, 10))}, nil
	}
	if _, err := strconv.ParseUint(u.Host, 10, 16); err == nil {
		return Address{}, fmt.Errorf("did you mean tcp://:%s? %s", u.Host, wanted)
	}
	return Address{}, fmt.Errorf("bad port %q: %s", u.Port(), wanted)
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

// String returns the address in the form of LISTEN, without options.
func (a Address) String() string {
	network, _ := strings.CutSuffix(a.Network, "4")
	return network + "://" + a.Addr
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

// WithoutIPv6 restricts the TCP addresses to IPv4, in place.
func (as Addresses) WithoutIPv6() {
	for i := range as {
		if as[i].Network == "tcp" {
			as[i].Network = "tcp4"
		}
	}
}

// Items returns each address in the form of LISTEN, without options.
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
