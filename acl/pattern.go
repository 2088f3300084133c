package acl

import "strings"

// pattern is a route in gorilla/mux's syntax, parsed. gorilla/mux makes a
// regular expression of it; the four forms of a part below are all that the
// engine's routes use, and matching them by hand neither allocates nor
// backtracks.
type pattern []part

type part struct {
	kind    partKind
	literal string
}

type partKind int

const (
	literal partKind = iota
	segment          // {id}: one or more bytes, no slash
	any0             // {name:.*}: any bytes but a line feed, possibly none
	any1             // {id:.+}: the same, at least one
)

// parsePattern panics on a form that match would get wrong: the table is
// fixed, so a test run shows it.
func parsePattern(s string) pattern {
	var p pattern
	for s != "" {
		before, rest, found := strings.Cut(s, "{")
		if before != "" {
			p = append(p, part{literal, before})
		}
		if !found {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		_, expression, _ := strings.Cut(name, ":")
		kind, known := map[string]partKind{"": segment, ".*": any0, ".+": any1}[expression]
		if !known || strings.HasPrefix(after, "{") {
			panic("acl: unsupported route pattern " + s)
		}
		p = append(p, part{kind: kind})
		s = after
	}
	return p
}

func (p pattern) match(s string) bool {
	for i, part := range p {
		switch part.kind {
		case literal:
			rest, ok := strings.CutPrefix(s, part.literal)
			if !ok {
				return false
			}
			s = rest
		case segment:
			n := strings.IndexByte(s, '/')
			if n < 0 {
				n = len(s)
			}
			if n == 0 {
				return false
			}
			s = s[n:]
		default:
			return matchAny(s, part.kind, p[i+1:])
		}
	}
	return s == ""
}

// matchAny matches a name that may hold slashes: whatever stands before an
// occurrence of the literal that follows it in the pattern.
func matchAny(s string, kind partKind, tail pattern) bool {
	if len(tail) == 0 {
		return kind.holds(s)
	}
	literal, rest := tail[0].literal, tail[1:]
	if len(rest) == 0 {
		name, ok := strings.CutSuffix(s, literal)
		return ok && kind.holds(name)
	}
	for i := 0; ; i++ {
		j := strings.Index(s[i:], literal)
		if j < 0 {
			return false
		}
		i += j
		if kind.holds(s[:i]) && rest.match(s[i+len(literal):]) {
			return true
		}
	}
}

// holds reports whether a name is one for any0 or any1. A dot in a regular
// expression is any rune but a line feed, so a name with %0A in it is none.
func (k partKind) holds(name string) bool {
	return (k == any0 || name != "") && strings.IndexByte(name, '\n') < 0
}
