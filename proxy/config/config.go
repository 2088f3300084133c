// Package config reads postern's settings out of the environment.
package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/spelling"
	"postern/proxy/client"
	"postern/proxy/listen"
)

// Config is everything that the environment sets.
type Config struct {
	SocketPath       Path             `env:"SOCKET_PATH" envDefault:"/var/run/docker.sock" help:"the engine's socket"`
	Listen           listen.Addresses `env:"LISTEN" envDefault:"tcp://:2375" help:"tcp://[host]:port, unix:///path?mode=0660&uid=0&gid=0; comma-separated"`
	DisableIPv6      Bool             `env:"DISABLE_IPV6" envDefault:"0" help:"1 listens on IPv4 only"`
	LogLevel         Level            `env:"LOG_LEVEL" envDefault:"info" help:"debug, info (all requests), notice, warning (refusals), err, crit, alert, emerg"`
	LogFormat        Format           `env:"LOG_FORMAT" envDefault:"json" help:"json or console"`
	AccessLog        Access           `env:"ACCESS_LOG" envDefault:"all" help:"which requests are logged: all, denied or none"`
	MetricsListen    Monitor          `env:"METRICS_LISTEN" help:"metrics, health and a status page, as on :9323; empty is off"`
	ShutdownGrace    Duration         `env:"SHUTDOWN_GRACE" envDefault:"5s" help:"how long open requests may go on after SIGTERM"`
	RunAs            UID              `env:"RUN_AS" envDefault:"65532" help:"who to become when started as root; 0 keeps root"`
	ExitOnEngineLoss Duration         `env:"EXIT_ON_ENGINE_LOSS" envDefault:"0" help:"exit when the engine is gone this long, such as 30s; 0 never"`
	AllowFrom        client.From      `env:"ALLOW_FROM" help:"who may connect at all: addresses, subnets, host names; empty is anybody"`
	AllowFile        Path             `env:"ALLOW_FILE" help:"a file with more of ALLOW, one pattern a line, # begins a comment"`
	DenyFile         Path             `env:"DENY_FILE" help:"the same for DENY"`
	Learn            Learn            `env:"LEARN" envDefault:"0" help:"1 forwards all and reports which settings would have done; deny refuses and reports"`
	TZ               string           `env:"TZ" help:"time zone of the log, such as Europe/Berlin"`

	// Rules are the toggles, ALLOW, DENY and PRESET of everybody who is none of
	// Clients.
	Rules acl.Rules `env:"-"`
	// Clients are those with rules of their own, by name.
	Clients []Client `env:"-"`
	// Warnings say what in the environment looks like a mistake but need not
	// be one.
	Warnings []string `env:"-"`
}

// Parse reads an environment. The errors are all that is wrong with it, one
// line each; what is not wrong is in Config all the same.
func Parse(environ map[string]string) (Config, []error) {
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: environ})
	errs := explain(err, environ)
	rules, wrong := acl.ParseRules("", withFiles("", environ, &errs))
	errs = append(errs, wrong...)
	c.Rules = rules
	c.Rules.Learn = c.Learn.Forwards()
	c.Clients, wrong = parseClients(environ, c.Learn)
	errs = append(errs, wrong...)
	errs = append(errs, c.conflicts()...)
	errs = append(errs, c.outsiders()...)
	if c.DisableIPv6 {
		c.Listen.WithoutIPv6()
		c.MetricsListen.WithoutIPv6()
		for _, client := range c.Clients {
			client.Listen.WithoutIPv6()
		}
	}
	if _, err := time.LoadLocation(strings.TrimPrefix(c.TZ, ":")); err != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("unknown TZ=%q: times are in UTC; want a name such as Europe/Berlin", c.TZ))
	}
	c.Warnings = append(c.Warnings, c.openPorts()...)
	c.Warnings = append(c.Warnings, suspects(environ)...)
	c.Warnings = append(c.Warnings, advise.IneffectiveRefusals(c.Rules)...)
	for _, client := range c.Clients {
		c.Warnings = append(c.Warnings, advise.IneffectiveRefusals(client.Rules)...)
	}
	return c, errs
}

// patternFiles name files with more of ALLOW and DENY.
var patternFiles = []string{"ALLOW_FILE", "DENY_FILE"}

// AllListen lists everybody's listeners, the clients' own and the monitor's.
func (c Config) AllListen() listen.Addresses {
	all := slices.Concat(c.Listen, c.MetricsListen.Addresses)
	for _, client := range c.Clients {
		all = append(all, client.Listen...)
	}
	return all
}

// withFiles returns the environment with the patterns of ALLOW_FILE and
// DENY_FILE added to ALLOW and DENY, each behind a prefix.
func withFiles(prefix string, environ map[string]string, errs *[]error) map[string]string {
	whole := maps.Clone(environ)
	for _, variable := range patternFiles {
		variable = prefix + variable
		file := environ[variable]
		if file == "" || prefix == "" && !filepath.IsAbs(file) {
			continue // unset, or reported already
		}
		var path Path
		if err := path.UnmarshalText([]byte(file)); err != nil {
			*errs = append(*errs, fmt.Errorf("invalid %s=%q: %w", variable, file, err))
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			*errs = append(*errs, fmt.Errorf("cannot read %s=%q: %w", variable, file, errors.Unwrap(err)))
			continue
		}
		name := strings.TrimSuffix(variable, "_FILE")
		for line := range strings.Lines(string(text)) {
			pattern, _, _ := strings.Cut(line, "#")
			whole[name] += "," + strings.TrimSpace(pattern)
		}
	}
	return whole
}

// explain makes one line of each error that env found: the variable, its value
// and what is accepted.
func explain(err error, environ map[string]string) []error {
	var all env.AggregateError
	if err == nil {
		return nil
	}
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

// Setting is a variable that is no toggle, as help and README show it.
type Setting struct{ Var, Default, Help string }

// Settings lists every variable that is no toggle.
func Settings() []Setting {
	var all []Setting
	for field := range reflect.TypeFor[Config]().Fields() {
		if name := field.Tag.Get("env"); name != "-" {
			all = append(all, Setting{name, field.Tag.Get("envDefault"), field.Tag.Get("help")})
		}
	}
	return all
}

// suspects warns of variables that look like misspelt ones of ours. A
// container's environment is full of names that are nobody's mistake, so a
// name that is near a toggle's counts only with a toggle's value.
func suspects(environ map[string]string) []string {
	var toggles, settings []string
	for _, t := range acl.AllToggles() {
		toggles = append(toggles, t.Var)
	}
	for _, s := range Settings() {
		settings = append(settings, s.Var)
	}
	settings = append(settings, "ALLOW", "DENY", "PRESET")
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if slices.Contains(toggles, name) || slices.Contains(settings, name) {
			continue
		}
		value := environ[name]
		_, err := acl.ParseBool(value)
		upper := strings.ToUpper(name)
		hint := ""
		switch near := spelling.Nearest(upper, toggles); {
		case err == nil && slices.Contains([]string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}, upper):
			hint = "POST switches every method but GET and HEAD"
		case err == nil && near != "":
			hint = "did you mean " + near + "?"
		case strings.HasPrefix(upper, "ALLOW_"):
			hint = "there is no such toggle"
		case len(name) > 4:
			if near := spelling.Nearest(upper, settings); near != "" {
				hint = "did you mean " + near + "?"
			}
		}
		if hint != "" {
			warnings = append(warnings, fmt.Sprintf("%s=%q has no effect: %s", name, value, hint))
		}
	}
	return warnings
}

// Bool is read like a toggle.
type Bool bool

func (b *Bool) UnmarshalText(text []byte) error {
	on, err := acl.ParseBool(string(text))
	*b = Bool(on)
	return err
}

// Path is an absolute path.
type Path string

func (p *Path) UnmarshalText(text []byte) error {
	if !filepath.IsAbs(string(text)) {
		return errors.New("want an absolute path such as /var/run/docker.sock")
	}
	*p = Path(text)
	return nil
}

// Monitor is the value of METRICS_LISTEN: addresses as in LISTEN, and :9323 for
// tcp://:9323.
type Monitor struct{ listen.Addresses }

func (m *Monitor) UnmarshalText(text []byte) error {
	addresses := strings.Split(string(text), ",")
	for i, a := range addresses {
		if !strings.Contains(a, "://") {
			addresses[i] = "tcp://" + strings.TrimSpace(a)
		}
	}
	return m.Addresses.UnmarshalText([]byte(strings.Join(addresses, ",")))
}

// Duration is a time.Duration that is not negative.
type Duration time.Duration

func (d *Duration) UnmarshalText(text []byte) error {
	value, err := time.ParseDuration(string(text))
	if err != nil || value < 0 {
		return errors.New("want a duration such as 5s or 1m30s")
	}
	*d = Duration(value)
	return nil
}

// UID is the number of a user.
type UID int

func (u *UID) UnmarshalText(text []byte) error {
	// The kernel reads the highest number as "no change".
	value, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || value == math.MaxUint32 {
		return errors.New("want the number of a user, such as 65532")
	}
	*u = UID(value)
	return nil
}

// Format is a log format, "json" or "console".
type Format string

func (f *Format) UnmarshalText(text []byte) error {
	*f = Format(strings.ToLower(string(text)))
	if *f != "json" && *f != "console" {
		return errors.New("want json or console")
	}
	return nil
}

// Access says which requests are logged: "all", "denied" or "none".
type Access string

func (a *Access) UnmarshalText(text []byte) error {
	*a = Access(strings.ToLower(string(text)))
	if *a != "all" && *a != "denied" && *a != "none" {
		return errors.New("want all, denied or none")
	}
	return nil
}

// Learn is LEARN: "0", "1" or "deny".
type Learn string

func (l *Learn) UnmarshalText(text []byte) error {
	*l = Learn(strings.ToLower(string(text)))
	if *l == "deny" {
		return nil
	}
	on, err := acl.ParseBool(string(text))
	if err != nil {
		return errors.New("want 0, 1 or deny")
	}
	*l = "0"
	if on {
		*l = "1"
	}
	return nil
}

// On reports whether anything is learned.
func (l Learn) On() bool { return l.Forwards() || l == "deny" }

// Forwards reports whether what the settings refuse is forwarded.
func (l Learn) Forwards() bool { return l == "1" }

// Level is a log level by HAProxy's (syslog's) name or by zerolog's.
type Level zerolog.Level

// levels maps the names. zerolog has nothing between info and warn: notice is
// the latter, because at HAProxy's notice ordinary requests are not logged.
var levels = []struct {
	name  string
	level zerolog.Level
}{
	{"debug", zerolog.DebugLevel},
	{"info", zerolog.InfoLevel},
	{"notice", zerolog.WarnLevel},
	{"warning", zerolog.WarnLevel},
	{"err", zerolog.ErrorLevel},
	{"crit", zerolog.FatalLevel},
	{"alert", zerolog.PanicLevel},
	{"emerg", zerolog.PanicLevel},
	{"trace", zerolog.TraceLevel},
	{"warn", zerolog.WarnLevel},
	{"error", zerolog.ErrorLevel},
	{"fatal", zerolog.FatalLevel},
	{"panic", zerolog.PanicLevel},
	{"disabled", zerolog.Disabled},
}

func (l *Level) UnmarshalText(text []byte) error {
	var names []string
	for _, known := range levels {
		if strings.EqualFold(known.name, string(text)) {
			*l = Level(known.level)
			return nil
		}
		names = append(names, known.name)
	}
	return fmt.Errorf("want one of %s", strings.Join(names, " "))
}
