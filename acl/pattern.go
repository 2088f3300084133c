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
		if !known || kind != segment && strings.Contains(after, "{") {
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

// matchAny matches a name that may hold slashes: everything up to the literal
// that ends the pattern. A dot in a regular expression is any rune but a line
// feed, so a name with %0A in it is no name for the engine.
func matchAny(s string, kind partKind, tail pattern) bool {
	if len(tail) > 0 {
		rest, ok := strings.CutSuffix(s, tail[0].literal)
		if !ok {
			return false
		}
		s = rest
	}
	return (kind == any0 || s != "") && strings.IndexByte(s, '\n') < 0
}
