package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postern/proxy/client"
)

// ambiguities finds addresses, host names and listeners that two variables have,
// so that they do not identify one client.
func (c Config) ambiguities() (errs []error) {
	owners := map[string]string{} // item to the variable that has it
	claim := func(variable string, items ...string) {
		for _, item := range items {
			if other, taken := owners[item]; taken && other != variable {
				errs = append(errs, fmt.Errorf("%s and %s both have %s: it can identify one client only", other, variable, item))
			}
			owners[item] = variable
		}
	}
	claim("LISTEN", c.Listen.Items()...)
	for _, client := range c.Clients {
		claim(client.Rules.Prefix+"FROM", client.From.Items()...)
		claim(client.Rules.Prefix+"LISTEN", client.Listen.Items()...)
	}
	for _, item := range c.MetricsListen.Items() {
		// Port 0 is a free port, another one for each listener.
		if other, taken := owners[item]; taken && !strings.HasSuffix(item, ":0") {
			errs = append(errs, fmt.Errorf("%s and METRICS_LISTEN both have %s: metrics take an address of their own", other, item))
		}
	}
	return errs
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
