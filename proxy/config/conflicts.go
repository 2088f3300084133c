package config

import (
	"fmt"
	"net/netip"
	"slices"

	"postern/proxy/client"
	"postern/proxy/listen"
)

// ambiguities finds addresses, host names and certificates that two clients have, so
// that they do not identify one client.
func (c Config) ambiguities() (errs []error) {
	owners := map[string]string{} // item to the variable that has it
	claim := func(kind, variable string, items []string) {
		for _, item := range items {
			if other, taken := owners[kind+item]; taken {
				errs = append(errs, fmt.Errorf("%s and %s both have %s: it can identify one client only", other, variable, item))
			}
			owners[kind+item] = variable
		}
	}
	for _, client := range c.Clients {
		claim("from ", client.Rules.Prefix+"FROM", client.From.Items())
		claim("cert ", client.Rules.Prefix+"CERT", client.Cert.Items())
	}
	return errs
}

// claim is an address that a variable has.
type claim struct {
	variable string
	listen.Address
}

// dropDuplicates finds addresses of listeners that another listener has already, and
// takes them out: to open them would fail with a second message, that another
// process has them.
func (c *Config) dropDuplicates() (errs []error) {
	var claims []claim
	for _, l := range c.listenVars() {
		*l.addresses = slices.DeleteFunc(*l.addresses, func(a listen.Address) bool {
			i := slices.IndexFunc(claims, func(c claim) bool { return c.Overlaps(a) })
			if i < 0 {
				claims = append(claims, claim{l.name, a})
				return false
			}
			errs = append(errs, conflict(claims[i], claim{l.name, a}))
			return true
		})
	}
	return errs
}

func conflict(a, b claim) error {
	reason := "it can identify one client only"
	if b.variable == "METRICS_LISTEN" {
		reason = "metrics take an address of their own"
	}
	sameVariable, sameAddress := a.variable == b.variable, a.String() == b.String()
	switch {
	case sameVariable && sameAddress:
		return fmt.Errorf("%s has %s twice", a.variable, a)
	case sameVariable:
		return fmt.Errorf("%s has %s and %s, which have the same port: leave one out", a.variable, a, b)
	case sameAddress:
		return fmt.Errorf("%s and %s both have %s: %s", a.variable, b.variable, a, reason)
	}
	return fmt.Errorf("%s=%s and %s=%s have the same port: %s", a.variable, a, b.variable, b, reason)
}

// unreachable finds addresses of clients that ALLOW_FROM refuses. It cannot know
// the addresses of host names, and reports nothing if ALLOW_FROM has one.
func (c Config) unreachable() (errs []error) {
	if c.AllowFrom.Empty() || len(c.AllowFrom.Names) > 0 {
		return nil
	}
	for _, declared := range c.Clients {
		for _, p := range declared.From.Prefixes {
			if !slices.ContainsFunc(c.AllowFrom.Prefixes, p.Overlaps) {
				errs = append(errs, fmt.Errorf("%sFROM has %s, which ALLOW_FROM=%s shuts out", declared.Rules.Prefix, client.From{Prefixes: []netip.Prefix{p}}, c.AllowFrom))
			}
		}
	}
	return errs
}

// openPorts warns of a client with addresses and a TCP listener. The two are
// alternatives, but a reader may think that the addresses limit the listener.
func (c Config) openPorts() (warnings []string) {
	for _, client := range c.Clients {
		for _, a := range client.Listen {
			if a.Network != "unix" && !client.From.Empty() {
				warnings = append(warnings, fmt.Sprintf("every connection to %[1]sLISTEN=%[2]s is client %[3]s, from any address: %[1]sFROM does not limit it", client.Rules.Prefix, a, client.Name))
			}
		}
	}
	return warnings
}
