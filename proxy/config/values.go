package config

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"

	"postern/acl"
)

// Setting is a variable that is not a toggle, as the manual and the README show
// it.
type Setting struct{ Var, Default, Help string }

// Settings lists every variable that is not a toggle, except ALLOW, DENY and
// PRESET.
func Settings() []Setting { return append(fieldsOf[Config](), guardSetting) }

// fieldsOf lists the variables of the fields of a Config or a Client.
func fieldsOf[T any]() (all []Setting) {
	for field := range reflect.TypeFor[T]().Fields() {
		if name := field.Tag.Get("env"); name != "-" {
			all = append(all, Setting{name, field.Tag.Get("envDefault"), field.Tag.Get("help")})
		}
	}
	return all
}

// varsOf lists all variables that a Config or a Client is read from, without the
// client's prefix.
func varsOf[T any]() []string {
	vars := append(acl.RuleVars(), guardVars()...)
	for _, s := range fieldsOf[T]() {
		vars = append(vars, s.Var)
	}
	return vars
}

// parseFields fills in the fields of a Config or a Client. Its errors name the
// variable, its value and the values that are accepted; package env names the
// struct field instead.
func parseFields[T any](into *T, prefix string, environ map[string]string) []error {
	err := env.ParseWithOptions(into, env.Options{Environment: environ, Prefix: prefix, FuncMap: parsers})
	var all env.AggregateError
	if err != nil && !errors.As(err, &all) {
		return []error{err}
	}
	for i, err := range all.Errors {
		var parse env.ParseError
		if errors.As(err, &parse) {
			field, _ := reflect.TypeFor[T]().FieldByName(parse.Name)
			name := prefix + field.Tag.Get("env")
			all.Errors[i] = fmt.Errorf("invalid %s=%q: %w", name, environ[name], parse.Err)
		}
	}
	return all.Errors
}

// parsers read the types that have no UnmarshalText.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[bool](): func(s string) (any, error) { return acl.ParseBool(s) },
	reflect.TypeFor[time.Duration](): func(s string) (any, error) {
		value, err := time.ParseDuration(s)
		if err != nil || value < 0 {
			return nil, errors.New("want a duration such as 5s or 1m30s")
		}
		return value, nil
	},
}

// Path is an absolute path.
type Path string

func (p *Path) UnmarshalText(text []byte) error {
	if path, isURL := strings.CutPrefix(string(text), "unix://"); isURL && filepath.IsAbs(path) {
		return fmt.Errorf("want the path alone, %s", path)
	}
	if !filepath.IsAbs(string(text)) {
		return errors.New("want an absolute path, which begins with /")
	}
	*p = Path(text)
	return nil
}

// UID is the number of a user, 0 to 4294967294.
type UID int

func (u *UID) UnmarshalText(text []byte) error {
	// setresuid(2) reads the highest number as "no change", which would keep root.
	value, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || value == math.MaxUint32 {
		return errors.New("want the number of a user, such as 65532")
	}
	*u = UID(value)
	return nil
}

// parseWord reads one of two or more words, in any case.
func parseWord[T ~string](into *T, text []byte, words ...string) error {
	word := strings.ToLower(string(text))
	if !slices.Contains(words, word) {
		last := len(words) - 1
		return fmt.Errorf("want %s or %s", strings.Join(words[:last], ", "), words[last])
	}
	*into = T(word)
	return nil
}

// Format is a log format: "json" or "console".
type Format string

func (f *Format) UnmarshalText(text []byte) error { return parseWord(f, text, "json", "console") }

// AccessLog selects the requests that are logged: "all", "denied" or "none".
type AccessLog string

func (a *AccessLog) UnmarshalText(text []byte) error {
	return parseWord(a, text, "all", "denied", "none")
}

// Learn is the value of LEARN: "0", "1" or "deny".
type Learn string

func (l *Learn) UnmarshalText(text []byte) error {
	if on, err := acl.ParseBool(string(text)); err == nil {
		text = []byte("0")
		if on {
			text = []byte("1")
		}
	}
	return parseWord(l, text, "0", "1", "deny")
}

// On reports whether requests are recorded.
func (l Learn) On() bool { return l.Forwards() || l == "deny" }

// Forwards reports whether requests that the settings refuse are forwarded.
func (l Learn) Forwards() bool { return l == "1" }

// Level is a log level. Its names are HAProxy's, which are syslog's, and the common
// names warn and error. Nothing is logged below debug, so there is no trace.
type Level zerolog.Level

// levels has zerolog's level for each name. Zerolog has none between info and
// warn. notice is warn, because HAProxy does not log ordinary requests at notice.
var levels = []struct {
	names string
	level zerolog.Level
}{
	{"debug", zerolog.DebugLevel},
	{"info", zerolog.InfoLevel},
	{"notice warn warning", zerolog.WarnLevel},
	{"err error", zerolog.ErrorLevel},
	{"crit", zerolog.FatalLevel},
	{"alert emerg", zerolog.PanicLevel},
}

func (l *Level) UnmarshalText(text []byte) error {
	var names []string
	for _, known := range levels {
		if slices.Contains(strings.Fields(known.names), strings.ToLower(string(text))) {
			*l = Level(known.level)
			return nil
		}
		names = append(names, known.names)
	}
	return fmt.Errorf("want one of %s", strings.Join(names, " "))
}
