// Package config reads postern's settings from environment variables.
package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/acl"
	"postern/acl/guard"
	"postern/proxy/client"
	"postern/proxy/listen"
)

// Config is the settings. Use [Parse]: the zero value lacks the defaults.
type Config struct {
	SocketPath       Path             `env:"SOCKET_PATH" envDefault:"/var/run/docker.sock" help:"the engine's socket"`
	Listen           listen.Addresses `env:"LISTEN" envDefault:"tcp://:2375" help:"[tcp://][host]:port, tls://:port, [unix://]/path?mode=0660&uid=0&gid=0"`
	TLSDir           Path             `env:"TLS_DIR" envDefault:"/certs" help:"ca.pem, cert.pem and key.pem for tls:// listeners; postern certs makes them"`
	TLSVerify        bool             `env:"TLS_VERIFY" envDefault:"1" help:"0 admits clients without a certificate to tls:// listeners"`
	DisableIPv6      bool             `env:"DISABLE_IPV6" envDefault:"0" help:"1 listens on IPv4 only"`
	LogLevel         Level            `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, notice, warn, warning (refusals), err, error, crit, alert, emerg"`
	LogFormat        Format           `env:"LOG_FORMAT" envDefault:"json" help:"json or console"`
	AccessLog        AccessLog        `env:"ACCESS_LOG" envDefault:"all" help:"which requests are logged: all, denied or none"`
	MetricsListen    listen.Addresses `env:"METRICS_LISTEN" help:"metrics, health and a status page, as on :9323; empty is off"`
	ShutdownGrace    time.Duration    `env:"SHUTDOWN_GRACE" envDefault:"5s" help:"how long open requests may go on after SIGTERM"`
	RunAs            UID              `env:"RUN_AS" envDefault:"65532" help:"the user that postern becomes when started as root; 0 keeps root"`
	ExitOnEngineLoss time.Duration    `env:"EXIT_ON_ENGINE_LOSS" envDefault:"0" help:"exit when the engine is gone this long, such as 30s; 0 never"`
	AllowFrom        client.From      `env:"ALLOW_FROM" help:"from where clients may connect at all: addresses, subnets, host names; empty is anywhere"`
	AllowFile        Path             `env:"ALLOW_FILE" help:"a file with more patterns for ALLOW, one a line; # begins a comment"`
	DenyFile         Path             `env:"DENY_FILE" help:"the same for DENY"`
	Scope            string           `env:"SCOPE" help:"which objects a client sees: mine, name=web,db-*, label=KEY=VALUE; empty or * is all"`
	Redact           Redact           `env:"REDACT" help:"not shown in responses: env (values of variables), args (command lines), both or none"`
	RedactKeep       RedactKeep       `env:"REDACT_KEEP" help:"variables whose values REDACT=env leaves, such as VIRTUAL_*,LETSENCRYPT_*"`
	Learn            Learn            `env:"LEARN" envDefault:"0" help:"1 forwards all and reports which settings would allow it; deny refuses and reports"`
	TZ               string           `env:"TZ" help:"time zone of the log, such as Europe/Berlin"`

	// Rules are the unprefixed toggles, ALLOW, DENY and PRESET. They hold for
	// every client that is not one of Clients.
	Rules acl.Rules `env:"-"`
	// Guard is the unprefixed GUARD with its variables, see [Config.GuardOf].
	Guard guard.Settings `env:"-"`
	// Clients are the declared clients, sorted by name.
	Clients []Client `env:"-"`
	// Warnings are about variables that look like mistakes and need not be.
	Warnings []string `env:"-"`
}

// Parse reads an environment. It returns an error, one line each, for everything
// that is wrong in it. Config then holds the rest.
func Parse(environ map[string]string) (Config, []error) {
	var c Config
	environ, warnings := withoutCertFiles(withoutServices(environ))
	environ, errs := withoutQuotes(environ)
	errs = append(errs, parseFields(&c, "", environ)...)
	rules, bad := parseRules("", environ, c.Learn)
	c.Rules, errs = rules, append(errs, bad...)
	c.Guard, bad = parseGuard("", environ)
	errs = append(errs, bad...)
	names := declaredClients(environ)
	for _, name := range names {
		client, bad := parseClient(name, environ, c.Learn)
		c.Clients, errs = append(c.Clients, client), append(errs, bad...)
	}
	errs = append(errs, c.redactions(environ)...)
	errs = slices.Concat(errs, strayVars(environ, names), c.scopeErrors(environ), guardErrors(environ), c.ambiguities(), c.dropDuplicates(), c.unreachable(), strayTLS(environ), c.tlsConflicts())
	if c.DisableIPv6 {
		for _, l := range c.listenVars() {
			l.addresses.WithoutIPv6()
		}
	}
	c.Warnings = append(warnings, c.warnings(environ, "/")...)
	return c, errs
}

// listenVar is a variable that holds addresses to listen on.
type listenVar struct {
	name      string
	addresses *listen.Addresses
}

func (c *Config) listenVars() []listenVar {
	all := []listenVar{{"LISTEN", &c.Listen}}
	for i := range c.Clients {
		all = append(all, listenVar{c.Clients[i].Rules.Prefix + "LISTEN", &c.Clients[i].Listen})
	}
	return append(all, listenVar{"METRICS_LISTEN", &c.MetricsListen})
}

// ListenOf returns the addresses of a declared client's own listeners, or with "" those
// of LISTEN.
func (c Config) ListenOf(name string) listen.Addresses {
	for _, client := range c.Clients {
		if name != "" && client.Name == name {
			return client.Listen
		}
	}
	return c.Listen
}

// AllListen returns the addresses of LISTEN, of the clients and of
// METRICS_LISTEN.
func (c Config) AllListen() (all listen.Addresses) {
	for _, l := range c.listenVars() {
		all = append(all, *l.addresses...)
	}
	return all
}

// AllRules returns the unprefixed rules and those of the clients.
func (c Config) AllRules() []acl.Rules {
	all := []acl.Rules{c.Rules}
	for _, client := range c.Clients {
		all = append(all, client.Rules)
	}
	return all
}

// ClientNames returns the names of the declared clients.
func (c Config) ClientNames() (names []string) {
	for _, client := range c.Clients {
		names = append(names, client.Name)
	}
	return names
}

// Client returns the declared client with this name, in any case.
func (c Config) Client(name string) (Client, error) {
	for _, client := range c.Clients {
		if strings.EqualFold(client.Name, name) {
			return client, nil
		}
	}
	want := "none is declared, CLIENT_<NAME>_FROM, _CERT or _LISTEN does"
	if len(c.Clients) > 0 {
		want = "want " + strings.Join(c.ClientNames(), ", ")
	}
	return Client{}, fmt.Errorf("no such client: %q: %s", name, want)
}
