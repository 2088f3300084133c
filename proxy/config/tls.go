package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postern/acl/spelling"
	"postern/proxy/listen"
)

// UsesTLS reports whether a listener takes TLS.
func (c Config) UsesTLS() bool { return len(c.AllListen().TLS()) > 0 }

// PlainListen returns the addresses without TLS on which the proxy serves, those of
// LISTEN first.
func (c Config) PlainListen() listen.Addresses {
	all := slices.Clone(c.Listen)
	for _, client := range c.Clients {
		all = append(all, client.Listen...)
	}
	return slices.DeleteFunc(all, func(a listen.Address) bool { return a.TLS })
}

// HealthKey tells this postern from others on the machine. See [listen.Private].
func (c Config) HealthKey() []string {
	key := []string{string(c.SocketPath), string(c.TLSDir)}
	for _, a := range c.AllListen() {
		key = append(key, a.String())
	}
	return key
}

// tlsConflicts finds settings about certificates that cannot hold.
func (c *Config) tlsConflicts() (errs []error) {
	for _, a := range c.MetricsListen.TLS() {
		errs = append(errs, fmt.Errorf("METRICS_LISTEN=%s: metrics are served without TLS; want tcp://%s", a, a.Addr))
	}
	for _, client := range c.Clients {
		variable := client.Rules.Prefix + "CERT"
		switch {
		case client.Cert.Empty():
		case len(c.Listen.TLS()) == 0:
			errs = append(errs, fmt.Errorf("%s needs a listener that takes certificates: add tls://:2376 to LISTEN", variable))
		case !c.TLSVerify:
			errs = append(errs, fmt.Errorf("%s needs TLS_VERIFY=1: with 0, postern asks no client for a certificate", variable))
		}
	}
	return errs
}

// tlsWarnings warns of settings with which connections are less protected than a
// reader may think. It looks for the files in TLS_DIR below root.
func (c Config) tlsWarnings(root string) (warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if !c.UsesTLS() {
		if file := filepath.Join(string(c.TLSDir), "cert.pem"); exists(filepath.Join(root, file)) {
			warn("%s is not used: no listener is encrypted; LISTEN=tls://:2376 makes one that is", file)
		}
		return warnings
	}
	if !c.TLSVerify {
		warn("TLS_VERIFY=0: clients need no certificate on %s; everybody who can connect has the listener's policy", join(c.AllListen().TLS()))
	}
	if len(c.Listen.TLS()) > 0 {
		for _, a := range c.Listen {
			if a.Network != "unix" && !a.TLS {
				warn("LISTEN=%s needs no certificate: everybody who reaches it has the same permissions as a certificate on %s that belongs to no declared client", a, join(c.Listen.TLS()))
			}
		}
	}
	for _, client := range c.Clients {
		if !client.Cert.Empty() && !client.From.Empty() {
			warn("%[1]sFROM and %[1]sCERT are alternatives: an address in the one is client %[2]s without a certificate of the other", client.Rules.Prefix, client.Name)
		}
		if !client.Cert.Empty() && len(client.Listen) > 0 {
			warn("%[1]sLISTEN and %[1]sCERT are alternatives: every connection to %[3]s is client %[2]s, with any certificate that a tls:// listener admits", client.Rules.Prefix, client.Name, join(client.Listen))
		}
	}
	return warnings
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

func join(addresses listen.Addresses) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, ",")
}

// tlsVars are the settings whose names begin with TLS_.
func tlsVars() []string {
	return slices.DeleteFunc(varsOf[Config](), func(v string) bool { return !strings.HasPrefix(v, "TLS_") })
}

// strayTLS finds misspelt settings about certificates. They are errors: TLS_VERFY=1
// would look like protection. Names that resemble none of the settings can be another
// program's, from an env file that both read.
func strayTLS(environ map[string]string) (errs []error) {
	var known []string
	for _, v := range tlsVars() {
		known = append(known, strings.TrimPrefix(v, "TLS_"))
	}
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		rest, isTLS := strings.CutPrefix(strings.ToUpper(name), "TLS")
		if !isTLS || slices.Contains(tlsVars(), name) {
			continue
		}
		if near := spelling.Nearest(strings.TrimPrefix(rest, "_"), known); near != "" {
			errs = append(errs, fmt.Errorf("%s=%q is not a setting: did you mean TLS_%s?", name, environ[name], near))
		}
	}
	return errs
}

// tlsHint is about other settings of certificates, those of Docker's programs among
// them. It returns "" for a name that is about something else.
func tlsHint(name string) string {
	const use = "LISTEN=tls://:2376 turns TLS on, TLS_DIR has the files, and TLS_VERIFY=0 admits clients without a certificate"
	switch upper := strings.ToUpper(name); {
	case slices.Contains(tlsVars(), upper):
		return ""
	case slices.Contains([]string{"DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_TLS_CERTDIR", "DOCKER_TLS"}, upper):
		return "it is for Docker's own programs: " + use
	case upper == "TLS" || strings.HasPrefix(upper, "TLS_"):
		return use
	}
	return ""
}

// withoutCertFiles returns the environment without variables such as
// CLIENT_TLS_CERT=/etc/client.pem, and a warning for each. They are another program's:
// no client of postern's is identified by a file, and one that has no other variable
// may do nothing.
func withoutCertFiles(environ map[string]string) (own map[string]string, warnings []string) {
	own = maps.Clone(environ)
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		value := environ[name]
		prefix, isCert := strings.CutSuffix(name, "CERT")
		isFile := strings.HasPrefix(value, "/") || strings.Contains(value, "BEGIN CERTIFICATE")
		isClients := func(v string) bool { return v != "CERT" && hasKey(environ, prefix+v) }
		if !isCert || !isFile || !identity.MatchString(name) || slices.ContainsFunc(varsOf[Client](), isClients) {
			continue
		}
		delete(own, name)
		warnings = append(warnings, name+" has no effect: a client is declared by the name in its certificate, as in gerard, not by a file")
	}
	return own, warnings
}

func hasKey(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}
