package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/acl/redact"
	"postern/acl/spelling"
	"postern/proxy/limits"
)

// Redact is the value of REDACT. The zero value stands for a variable that is not set.
type Redact struct {
	Kinds redact.Kinds
	// Set is false for a variable that is not set or empty. A client then has the
	// unprefixed one.
	Set bool
}

func (r *Redact) UnmarshalText(text []byte) (err error) {
	r.Kinds, err = redact.ParseKinds(string(text))
	r.Set = err == nil
	return err
}

// RedactKeep is the value of REDACT_KEEP: patterns for names of variables.
type RedactKeep []string

func (k *RedactKeep) UnmarshalText(text []byte) (err error) {
	*k, err = redact.ParseKeep(string(text))
	return err
}

// Redaction returns what the unprefixed variables redact.
func (c Config) Redaction() limits.Redaction {
	return redaction("", c.Redact, c.RedactKeep)
}

// ClientRedaction returns what is redacted for a declared client. A client without a
// REDACT of its own has the unprefixed one, and without either variable of its own
// REDACT_KEEP too.
func (c Config) ClientRedaction(client Client) limits.Redaction {
	prefix, inherited := client.Rules.Prefix, c.Redaction()
	switch {
	case client.Redact.Set:
		return redaction(prefix, client.Redact, client.RedactKeep)
	case len(client.RedactKeep) > 0:
		inherited.Keep = client.RedactKeep
	}
	inherited.Undo = prefix + "REDACT=" + redact.None
	return inherited
}

func redaction(prefix string, r Redact, keep RedactKeep) limits.Redaction {
	return limits.Redaction{
		Redaction: redact.Redaction{Kinds: r.Kinds, Keep: keep},
		Rule:      prefix + "REDACT=" + r.Kinds.String(),
		Undo:      prefix + "REDACT=" + redact.None,
	}
}

// redactions finds variables that begin with REDACT and are none, and a REDACT_KEEP that
// keeps nothing. An ignored one would show what the user wants to be hidden, so it is
// an error and not a warning.
func (c Config) redactions(environ map[string]string) (errs []error) {
	own := []string{"REDACT", "REDACT_KEEP"}
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if !strings.HasPrefix(strings.ToUpper(name), "REDACT") || slices.Contains(own, name) {
			continue
		}
		hint := "want REDACT or REDACT_KEEP"
		if near := spelling.Nearest(strings.ToUpper(name), own); near != "" {
			hint = "did you mean " + near + "?"
		}
		errs = append(errs, fmt.Errorf("%s is not a variable of postern's: %s", name, hint))
	}
	keepless := func(prefix string, keep RedactKeep, r limits.Redaction) {
		if len(keep) > 0 && r.Kinds&redact.Env == 0 {
			errs = append(errs, fmt.Errorf("%sREDACT_KEEP=%q keeps nothing: set %[1]sREDACT=env", prefix, strings.Join(keep, ",")))
		} else if slices.Contains(keep, "*") {
			errs = append(errs, fmt.Errorf("%sREDACT_KEEP=%q keeps every value, against %s: want names such as VIRTUAL_*", prefix, strings.Join(keep, ","), r.Rule))
		}
	}
	keepless("", c.RedactKeep, c.Redaction())
	for _, client := range c.Clients {
		keepless(client.Rules.Prefix, client.RedactKeep, c.ClientRedaction(client))
	}
	return errs
}
