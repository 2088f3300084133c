package acl

import "strings"

// route is a pattern of gorilla/mux, parsed. gorilla/mux compiles a pattern to a
// regular expression. The engine's routes use no more than the four forms of
// part, and matching these by hand neither allocates nor backtracks.
type route []part

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

// parseRoute panics on a form that match does not support. The table is part of
// the program, so every start checks it.
func parseRoute(pattern string) route {
	r := make(route, 0, 4)
	for rest := pattern; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		if before != "" {
			r = append(r, part{literal, before})
		}
		if !found {
			break
		}
		var name string
		name, rest, _ = strings.Cut(after, "}")
		_, expression, _ := strings.Cut(name, ":")
		kind, known := map[string]partKind{"": segment, ".*": any0, ".+": any1}[expression]
		if !known || strings.HasPrefix(rest, "{") {
			panic("acl: unsupported route pattern " + pattern)
		}
		r = append(r, part{kind: kind})
	}
	return r
}

func (r route) match(path string) bool {
	for i, part := range r {
		switch part.kind {
		case literal:
			rest, ok := strings.CutPrefix(path, part.literal)
			if !ok {
				return false
			}
			path = rest
		case segment:
			name, _, _ := strings.Cut(path, "/")
			if name == "" {
				return false
			}
			path = path[len(name):]
		default:
			return matchAny(path, part.kind, r[i+1:])
		}
	}
	return path == ""
}

// variable finds what the first variable of a route stands for in a path that the
// route matches. start equals end for a route without variables.
func (r route) variable(path string) (start, end int) {
	if len(r) < 2 {
		return 0, 0
	}
	start, end = len(r[0].literal), len(path)
	switch {
	case r[1].kind == segment:
		if i := strings.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		}
	case len(r) > 2:
		// A regular expression is greedy: the last occurrence ends the name.
		end = strings.LastIndex(path, r[2].literal)
	}
	return start, end
}

// matchAny matches a name that may hold slashes: it tries each occurrence of the
// literal that follows the name in the pattern as the name's end.
func matchAny(path string, kind partKind, tail route) bool {
	if len(tail) == 0 {
		return kind.holds(path)
	}
	literal, rest := tail[0].literal, tail[1:]
	if len(rest) == 0 {
		name, ok := strings.CutSuffix(path, literal)
		return ok && kind.holds(name)
	}
	for i := 0; ; i++ {
		j := strings.Index(path[i:], literal)
		if j < 0 {
			return false
		}
		i += j
		if kind.holds(path[:i]) && rest.match(path[i+len(literal):]) {
			return true
		}
	}
}

// holds reports whether any0 or any1 matches a name. A dot in a regular
// expression is any character but a line feed, so a name with %0A in it does
// not match.
func (k partKind) holds(name string) bool {
	return (k == any0 || name != "") && strings.IndexByte(name, '\n') < 0
}

// router finds a section by its path. A pattern starts with its section's path,
// so routing within one section keeps the engine's order among all routes that
// could match one path.
var router = newRouter()

// newRouter also gives each section its routes, and each section and operation
// its place in the tables.
func newRouter() map[string]*Section {
	byPath := make(map[string]*Section, len(Sections))
	for i := range Sections {
		s := &Sections[i]
		s.index = i
		byPath[s.Path] = s
	}
	for i := range Operations {
		op := &Operations[i]
		op.index, op.route, op.section = i, parseRoute(op.Pattern), byPath[sectionPath(op.Pattern)]
		op.section.routes = append(op.section.routes, op)
	}
	return byPath
}
