package config

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
)

// Bool is a setting with the same values as a toggle.
type Bool bool

func (b *Bool) UnmarshalText(text []byte) error {
	on, err := acl.ParseBool(string(text))
	*b = Bool(on)
	return err
}

// Path is an absolute path.
type Path string

func (p *Path) UnmarshalText(text []byte) error {
	if path, isURL := strings.CutPrefix(string(text), "unix://"); isURL && filepath.IsAbs(path) {
		return fmt.Errorf("want the path alone, %s", path)
	}
	if !filepath.IsAbs(string(text)) {
		return errors.New("want an absolute path such as /var/run/docker.sock")
	}
	*p = Path(text)
	return nil
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

// Format is a log format: "json" or "console".
type Format string

func (f *Format) UnmarshalText(text []byte) error {
	*f = Format(strings.ToLower(string(text)))
	if *f != "json" && *f != "console" {
		return errors.New("want json or console")
	}
	return nil
}

// AccessLog selects the requests that are logged: "all", "denied" or "none".
type AccessLog string

func (a *AccessLog) UnmarshalText(text []byte) error {
	*a = AccessLog(strings.ToLower(string(text)))
	if *a != "all" && *a != "denied" && *a != "none" {
		return errors.New("want all, denied or none")
	}
	return nil
}

// Learn is the value of LEARN: "0", "1" or "deny".
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

// On reports whether requests are recorded.
func (l Learn) On() bool { return l.Forwards() || l == "deny" }

// Forwards reports whether requests that the settings refuse are forwarded.
func (l Learn) Forwards() bool { return l == "1" }

// Level is a log level. Its names are HAProxy's, which are syslog's, and the common
// names warn and error. Nothing is logged below debug, so there is no trace.
type Level zerolog.Level

// levels maps the names to zerolog's levels. Zerolog has none between info and
// warn. notice is warn, because HAProxy does not log ordinary requests at notice.
var levels = []struct {
	name  string
	level zerolog.Level
}{
	{"debug", zerolog.DebugLevel},
	{"info", zerolog.InfoLevel},
	{"notice", zerolog.WarnLevel},
	{"warn", zerolog.WarnLevel},
	{"warning", zerolog.WarnLevel},
	{"err", zerolog.ErrorLevel},
	{"error", zerolog.ErrorLevel},
	{"crit", zerolog.FatalLevel},
	{"alert", zerolog.PanicLevel},
	{"emerg", zerolog.PanicLevel},
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
