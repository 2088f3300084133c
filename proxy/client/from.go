package client

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postern/acl/spelling"
)

// From is a list of addresses, subnets and host names, the value of
// CLIENT_<NAME>_FROM and ALLOW_FROM. The zero From is empty.
type From struct {
	// Prefixes has the subnets, and each address as a subnet of one. IPv4 is
	// never mapped into IPv6.
	Prefixes []netip.Prefix
	// Names has the host names in lower case, without a trailing dot. They are
	// fully qualified: no search domain is added.
	Names []string
}

// Empty reports whether the list has no items.
func (f From) Empty() bool { return len(f.Prefixes) == 0 && len(f.Names) == 0 }

func (f From) contains(a netip.Addr) bool {
	return slices.ContainsFunc(f.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Items returns the items as UnmarshalText reads them, host names first.
func (f From) Items() []string {
	all := slices.Clone(f.Names)
	for _, p := range f.Prefixes {
		if p.IsSingleIP() {
			all = append(all, p.Addr().String())
		} else {
			all = append(all, p.String())
		}
	}
	return all
}

func (f From) String() string { return strings.Join(f.Items(), ",") }

// UnmarshalText reads a comma-separated list. Its error lists every item that is
// invalid.
func (f *From) UnmarshalText(text []byte) error {
	*f = From{}
	var wrong []string
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		if err := f.add(item); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

func (f *From) add(item string) error {
	if err := spelling.Separator(item); err != nil {
		return fmt.Errorf("%q: %w", item, err)
	}
	if host, port, ok := strings.Cut(item, ":"); ok && isHostName(host) && (strings.HasPrefix(port, "//") || isNumber(port)) {
		return fmt.Errorf("%q has a port or a scheme; want only the address or the host name that the client connects from", item)
	}
	if strings.ContainsAny(item, "/:") || endsInDigits(item) {
		prefix, err := parsePrefix(item)
		if err == nil && !slices.Contains(f.Prefixes, prefix) {
			f.Prefixes = append(f.Prefixes, prefix)
		}
		return err
	}
	if !isHostName(item) {
		return fmt.Errorf("%q is neither an address such as 10.0.0.5, nor a subnet such as 172.20.0.0/16, nor a host name; a comma separates them", item)
	}
	if name := strings.ToLower(strings.TrimSuffix(item, ".")); !slices.Contains(f.Names, name) {
		f.Names = append(f.Names, name)
	}
	return nil
}

// endsInDigits reports whether the last label is a number. No host name ends so:
// 10.0.0.256 is a mistyped address.
func endsInDigits(s string) bool {
	return strings.Contains(s, ".") && isNumber(s[strings.LastIndexByte(s, '.')+1:])
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func isHostName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, letters) != "" {
			return false
		}
	}
	return len(s) <= 253
}

func parsePrefix(item string) (netip.Prefix, error) {
	if !strings.Contains(item, "/") {
		addr, err := netip.ParseAddr(item)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%q is not an address; want one such as 10.0.0.5 or fd00::5", item)
		}
		addr = Canonical(addr)
		return netip.PrefixFrom(addr, addr.BitLen()), checkLinkLocal(item, addr)
	}
	prefix, err := netip.ParsePrefix(item)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a subnet; want one such as 172.20.0.0/16 or fd00::/64", item)
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, errors.New("an IPv4 subnet in IPv6 begins with 96 fixed bits; want one such as 172.20.0.0/16")
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	if err := checkLinkLocal(item, prefix.Addr()); err != nil {
		return netip.Prefix{}, err
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, fmt.Errorf("%q names an address and a subnet; want %s for all of it, or %s", item, masked, prefix.Addr())
	}
	return prefix, nil
}

// checkLinkLocal returns an error for an item in fe80::/10. The zone, which tells
// the networks apart, is not compared, so that another machine can have the address.
func checkLinkLocal(item string, a netip.Addr) error {
	if a.Is4() || !a.IsLinkLocalUnicast() {
		return nil
	}
	return fmt.Errorf("%q is link-local, and each network has its own: want an address such as fd00::5, or a host name", item)
}
