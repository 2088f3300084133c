// Package listen parses the addresses in LISTEN and opens them.
package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
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
	// TLS is set for a TCP address that takes TLS only.
	TLS bool
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

const wanted = "want tcp://[host]:port, tls://[host]:port or unix:///path?mode=0660&uid=0&gid=0"

// Parse reads tcp://host:port, tls://host:port or
// unix:///path?mode=0660&uid=0&gid=0. The schemes tcp and unix may be left out:
// host:port, :port and a port alone are TCP, a path is a unix socket.
func Parse(s string) (Address, error) {
	scheme, rest, hasScheme := strings.Cut(s, "://")
	path, isUnix := strings.CutPrefix(s, "unix:")
	_, err := strconv.ParseUint(s, 10, 16)
	switch isPort := err == nil; {
	case hasScheme && strings.EqualFold(scheme, "tcp"):
		return parseTCP("tcp", rest)
	case hasScheme && strings.EqualFold(scheme, "tls"):
		return parseTCP("tls", rest)
	case hasScheme && strings.EqualFold(scheme, "unix"):
		return parseUnix(rest)
	case hasScheme:
		return Address{}, errors.New(wanted)
	case isUnix || strings.HasPrefix(s, "/"):
		return parseUnix(path)
	case s == "0" || s == "1":
		// People write these for off and on. As ports they would mean any free
		// port, and one that no program uses.
		return Address{}, fmt.Errorf("%s is not an address: %s", s, wanted)
	case isPort:
		return parseTCP("tcp", ":"+s)
	case s == "" || strings.Contains(s, "/"):
		return Address{}, errors.New(wanted)
	}
	return parseTCP("tcp", s)
}

// parseTCP reads the host:port behind the scheme tcp or tls. The host * is
// HAProxy's word for every address of the machine.
func parseTCP(scheme, s string) (Address, error) {
	s = strings.TrimSuffix(s, "/")
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return Address{}, explainTCP(scheme, s)
	}
	if host == "*" {
		host = ""
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Address{}, fmt.Errorf("bad port %q: %s", port, wanted)
	}
	if isNumber(host) {
		return Address{}, fmt.Errorf("the host %s is a number; did you mean %s://:%d? %s", host, scheme, number, wanted)
	}
	if host == "tcp" || host == "tls" {
		return Address{}, fmt.Errorf("did you mean %s://:%d? %s", host, number, wanted)
	}
	if strings.ContainsAny(host, "/?#@ ") {
		return Address{}, fmt.Errorf("bad host %q: %s", host, wanted)
	}
	host = strings.Replace(host, "%25", "%", 1) // the zone of an address in a URL
	return Address{Network: "tcp", TLS: scheme == "tls", Addr: net.JoinHostPort(host, strconv.FormatUint(number, 10))}, nil
}

// defaultPorts are the ports that Docker's programs take for a scheme.
var defaultPorts = map[string]string{"tcp": "2375", "tls": "2376"}

// explainTCP says what is wrong with a text that is not host:port.
func explainTCP(scheme, s string) error {
	meant := ""
	colon := max(strings.LastIndexByte(s, ':'), 0)
	switch a, err := netip.ParseAddr(strings.Trim(s, "[]")); {
	case isNumber(s):
		return fmt.Errorf("did you mean %s://:%s? %s", scheme, s, wanted)
	case err == nil && a.Is6():
		meant = "[" + a.String() + "]"
	case err == nil || s == "localhost":
		meant = s
	default:
		if a, err := netip.ParseAddr(s[:colon]); err == nil {
			return fmt.Errorf("did you mean %s://[%s]%s? %s", scheme, a, s[colon:], wanted)
		}
		return fmt.Errorf("no port: %s", wanted)
	}
	return fmt.Errorf("no port; did you mean %s://%s:%s? %s", scheme, meant, defaultPorts[scheme], wanted)
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// parseUnix reads a path with options.
func parseUnix(s string) (Address, error) {
	u, err := url.Parse("unix://" + s)
	switch {
	case err != nil || u.User != nil || u.Fragment != "":
		return Address{}, errors.New(wanted)
	case u.Host != "":
		return Address{}, fmt.Errorf("the path is not absolute; did you mean unix:///%s%s? %s", u.Host, u.Path, wanted)
	case !filepath.IsAbs(u.Path):
		return Address{}, errors.New(wanted)
	}
	a := Address{Network: "unix", Addr: filepath.Clean(u.Path), Mode: defaultMode, Owner: Owner{-1, -1}}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, errors.New(wanted)
	}
	for key, values := range query {
		value := values[len(values)-1]
		number := func(base, bits int) int {
			n, parseErr := strconv.ParseUint(value, base, bits)
			if parseErr != nil {
				err = fmt.Errorf("bad %s %q: %s", key, value, wanted)
			}
			return int(n)
		}
		switch key {
		case "mode":
			a.Mode = fs.FileMode(number(8, 9))
		case "uid":
			a.Owner.UID = number(10, 31)
		case "gid":
			a.Owner.GID = number(10, 31)
		default:
			err = fmt.Errorf("unknown option %q: %s", key, wanted)
		}
	}
	return a, err
}

// String returns the address in the form of LISTEN, without options.
func (a Address) String() string {
	network, _ := strings.CutSuffix(a.Network, "4")
	if a.TLS {
		network = "tls"
	}
	return network + "://" + a.Addr
}

// Addresses is the value of LISTEN.
type Addresses []Address

// UnmarshalText reads a comma-separated list.
func (as *Addresses) UnmarshalText(text []byte) error {
	*as = nil
	for s := range strings.SplitSeq(string(text), ",") {
		s = strings.TrimSpace(s)
		a, err := Parse(s)
		switch {
		case err != nil && strings.ContainsAny(s, "; \t\n"):
			return fmt.Errorf("a comma separates addresses: %w", err)
		case err != nil:
			return err
		}
		*as = append(*as, a)
	}
	return nil
}

// Overlaps reports whether one process cannot listen on both addresses, as far as
// that can be known without looking a host name up. Port 0 is a free port, another
// one for each listener.
func (a Address) Overlaps(b Address) bool {
	if a.Network == "unix" || b.Network == "unix" {
		return a.Network == b.Network && a.Addr == b.Addr
	}
	hostA, portA, _ := net.SplitHostPort(a.Addr)
	hostB, portB, _ := net.SplitHostPort(b.Addr)
	sameHost := strings.EqualFold(loopback(hostA), loopback(hostB))
	return portA == portB && portA != "0" && (sameHost || isAnyAddress(hostA) || isAnyAddress(hostB))
}

func isAnyAddress(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// loopback returns the address of localhost, and any other host as it is.
func loopback(host string) string {
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1"
	}
	return host
}

// WithoutIPv6 restricts the TCP addresses to IPv4, in place.
func (as Addresses) WithoutIPv6() {
	for i := range as {
		if as[i].Network == "tcp" {
			as[i].Network = "tcp4"
		}
	}
}

// TLS returns the addresses that take TLS only.
func (as Addresses) TLS() (all Addresses) {
	for _, a := range as {
		if a.TLS {
			all = append(all, a)
		}
	}
	return all
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
