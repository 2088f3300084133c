package redact

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Kinds are the kinds of data that are redacted.
type Kinds uint8

const (
	// Env is the values of environment variables.
	Env Kinds = 1 << iota
	// Args is command lines: of containers, execs, health checks and processes.
	Args
)

// words are the kinds as REDACT has them.
var words = map[string]Kinds{"env": Env, "args": Args}

// None is the value of REDACT that undoes an inherited one.
const None = "none"

// ParseKinds reads a value of REDACT: env, args, both with a comma, or none.
func ParseKinds(s string) (k Kinds, err error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == None {
		return 0, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		kind := words[strings.TrimSpace(word)]
		if kind == 0 {
			return 0, errors.New("want env, args or env,args; or none")
		}
		k |= kind
	}
	return k, nil
}

// String is the value of REDACT for the kinds.
func (k Kinds) String() string {
	return [...]string{None, "env", "args", "env,args"}[k]
}

// names matches a pattern of REDACT_KEEP: the name of a variable, in which * stands
// for any characters but a slash.
var names = regexp.MustCompile(`^[A-Za-z0-9_.*-]+$`)

// ParseKeep reads a value of REDACT_KEEP: patterns for names of environment
// variables, with commas between them.
func ParseKeep(s string) (keep []string, err error) {
	for pattern := range strings.SplitSeq(s, ",") {
		if pattern = strings.TrimSpace(pattern); pattern == "" {
			continue
		}
		if !names.MatchString(pattern) {
			return nil, errors.New("want names of environment variables, with * for any characters, such as VIRTUAL_*,LETSENCRYPT_*")
		}
		keep = append(keep, pattern)
	}
	return keep, nil
}

// Redaction is what is taken out of the responses to one client. The zero value
// takes out nothing.
type Redaction struct {
	Kinds Kinds
	// Keep are patterns for names of environment variables whose values stay.
	Keep []string
}

// keeps reports whether the value of an environment variable stays.
func (r Redaction) keeps(name string) bool {
	return slices.ContainsFunc(r.Keep, func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}
