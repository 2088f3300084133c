// Package config reads postern's settings from environment variables.
package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"postern/acl"
	"postern/proxy/client"
	"postern/proxy/listen"
)

// Config is the settings. Use [Parse]: the zero value lacks the defaults.
type Config struct {
	SocketPath       Path             `env:"SOCKET_PATH" envDefault:"/var/run/docker.sock" help:"the engine's socket"`
	Listen           listen.Addresses `env:"LISTEN" envDefault:"tcp://:2375" help:"[tcp://][host]:port, [unix://]/path?mode=0660&uid=0&gid=0; comma-separated"`
	DisableIPv6      Bool             `env:"DISABLE_IPV6" envDefault:"0" help:"1 listens on IPv4 only"`
	LogLevel         Level            `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, notice, warn, warning (refusals), err, error, crit, alert, emerg"`
	LogFormat        Format           `env:"LOG_FORMAT" envDefault:"json" help:"json or console"`
	AccessLog        AccessLog        `env:"ACCESS_LOG" envDefault:"all" help:"which requests are logged: all, denied or none"`
	MetricsListen    listen.Addresses `env:"METRICS_LISTEN" help:"metrics, health and a status page, as on :9323; empty is off"`
	ShutdownGrace    Duration         `env:"SHUTDOWN_GRACE" envDefault:"5s" help:"how long open requests may go on after SIGTERM"`
	RunAs            UID              `env:"RUN_AS" envDefault:"65532" help:"the user that postern becomes when started as root; 0 keeps root"`
	ExitOnEngineLoss Duration         `env:"EXIT_ON_ENGINE_LOSS" envDefault:"0" help:"exit when the engine is gone this long, such as 30s; 0 never"`
	AllowFrom        client.From      `env:"ALLOW_FROM" help:"from where clients may connect at all: addresses, subnets, host names; empty is anywhere"`
	AllowFile        Path             `env:"ALLOW_FILE" help:"a file with more patterns for ALLOW, one a line; # begins a comment"`
	DenyFile         Path             `env:"DENY_FILE" help:"the same for DENY"`
	Learn            Learn            `env:"LEARN" envDefault:"0" help:"1 forwards all and reports which settings would allow it; deny refuses and reports"`
	TZ               string           `env:"TZ" help:"time zone of the log, such as Europe/Berlin"`

	// Rules are the unprefixed toggles, ALLOW, DENY and PRESET. They hold for
	// every client that is not one of Clients.
	Rules acl.Rules `env:"-"`
	// Clients are the declared clients, sorted by name.
	Clients []Client `env:"-"`
	// Warnings are about variables that may be mistakes.
	Warnings []string `env:"-"`
}

// Parse reads an environment. It returns an error of one line for each mistake in it.
// Config then holds the rest.
func Parse(environ map[string]string) (Config, []error) {
	environ = withoutServices(environ)
	var c Config
	environ, errs := withoutQuotes(environ)
	errs = append(errs, envErrors(env.ParseWithOptions(&c, env.Options{Environment: environ}), environ)...)

	all, bad := withPatternFiles("", environ)
	errs = append(errs, bad...)
	c.Rules, bad = acl.ParseRules("", all)
	errs = append(errs, bad...)
	c.Rules.Learn = c.Learn.Forwards()

	c.Clients, bad = parseClients(environ, c.Learn)
	errs = append(errs, bad...)
	errs = append(errs, c.ambiguities()...)
	errs = append(errs, c.dropDuplicates()...)
	errs = append(errs, c.unreachable()...)

	if c.DisableIPv6 {
		c.Listen.WithoutIPv6()
		c.MetricsListen.WithoutIPv6()
		for _, client := range c.Clients {
			client.Listen.WithoutIPv6()
		}
	}
	c.Warnings = c.warnings(environ, "/")
	return c, errs
}

// AllListen returns the addresses of LISTEN, of the clients and of
// METRICS_LISTEN.
func (c Config) AllListen() listen.Addresses {
	all := slices.Concat(c.Listen, c.MetricsListen)
	for _, client := range c.Clients {
		all = append(all, client.Listen...)
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

// Client returns the declared client with this name, in any case.
func (c Config) Client(name string) (Client, error) {
	var names []string
	for _, known := range c.Clients {
		if strings.EqualFold(known.Name, name) {
			return known, nil
		}
		names = append(names, known.Name)
	}
	if len(names) == 0 {
		return Client{}, fmt.Errorf("no such client: %q: none is declared, CLIENT_<NAME>_FROM or CLIENT_<NAME>_LISTEN does", name)
	}
	return Client{}, fmt.Errorf("no such client: %q: want %s", name, strings.Join(names, ", "))
}

// Setting is a variable that is not a toggle, as the manual and the README show
// it.
type Setting struct{ Var, Default, Help string }

// Settings lists every variable that is not a toggle, except ALLOW, DENY and
// PRESET.
func Settings() []Setting {
	var all []Setting
	for field := range reflect.TypeFor[Config]().Fields() {
		if name := field.Tag.Get("env"); name != "-" {
			all = append(all, Setting{name, field.Tag.Get("envDefault"), field.Tag.Get("help")})
		}
	}
	return all
}

// envErrors turns the error of package env into one line for each variable: its
// name, its value and the values that are accepted. Package env names the struct
// field instead.
func envErrors(err error, environ map[string]string) []error {
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return []error{err}
	}
	var errs []error
	for _, err := range all.Errors {
		var parse env.ParseError
		if errors.As(err, &parse) {
			field, _ := reflect.TypeFor[Config]().FieldByName(parse.Name)
			name := field.Tag.Get("env")
			err = fmt.Errorf("invalid %s=%q: %w", name, environ[name], parse.Err)
		}
		errs = append(errs, err)
	}
	return errs
}
