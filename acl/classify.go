package acl

import (
	"path"
	"strconv"
	"strings"
)

// Request is what [Classify] makes of a method and a path. The zero value is
// in no section and denied by every policy.
type Request struct {
	Method string
	// Path is the path without its version prefix.
	Path string
	// Redirect is not empty when the path is one that the engine would not
	// route but redirect: the cleaned path. Such a request must never be
	// forwarded.
	Redirect string
	// Section is nil for a path in no section.
	Section *Section
	// Operation is nil when the section has no route for method and path: a
	// newer engine may have one.
	Operation *Operation

	// configures marks the start of a container in an API before 1.24, which
	// takes a host configuration: Binds and Privileged among it.
	configures         bool
	section, operation int // where their verdicts stand in a Policy, plus one
	// also is what the path is as the client wrote it, if that is something
	// else, see [Policy.Judge].
	also use
}

// Writes reports whether the request needs POST.
func (r Request) Writes() bool {
	if r.Operation != nil {
		return r.Operation.NeedsPOST()
	}
	return !isRead(r.Method)
}

// isRead reports whether a method is open without POST.
func isRead(method string) bool { return method == "GET" || method == "HEAD" }

// Hijacks reports whether the connection may leave HTTP.
func (r Request) Hijacks() bool { return r.Operation != nil && r.Operation.Hijacks }

// Streams reports whether the answer may go on for as long as it is read.
func (r Request) Streams() bool { return r.Operation != nil && r.Operation.Streams }

// Index is the operation's place in Operations, or -1 for a path that matches
// no operation.
func (r Request) Index() int { return r.operation - 1 }

// ID is the operation's id, or "" for a path that matches no operation.
func (r Request) ID() string {
	if r.Operation == nil {
		return ""
	}
	return r.Operation.ID
}

// Classify finds the operation that the engine's router would run. decoded is
// the path as net/http decoded it (URL.Path): once, like the engine does, so
// that %2e is a dot and %252e is the name "%2e". It does not allocate unless
// the path is unclean.
func Classify(method, decoded string) Request {
	r := Request{Method: method, Path: decoded}
	if !isClean(decoded) {
		r.Redirect = clean(decoded)
		return r
	}
	var version string
	version, r.Path = cutVersion(decoded)
	s, ok := router[sectionPath(r.Path)]
	if !ok {
		return r
	}
	r.Section, r.section = &Sections[s.index], s.index+1
	for _, route := range s.routes {
		op := &Operations[route.index]
		if op.Method == method && op.versions.hold(version) && route.pattern.match(r.Path) {
			r.Operation, r.operation = op, route.index+1
			r.configures = op.ID == "ContainerStart" && !isSince124(version)
			break
		}
	}
	return r
}

// isClean reports whether gorilla/mux would route the path rather than answer
// 301: it starts with a slash and has no empty, "." or ".." segment.
func isClean(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	for i := range len(p) {
		if p[i] != '/' {
			continue
		}
		rest := p[i+1:]
		if rest == "" {
			return true
		}
		if rest[0] == '/' {
			return false
		}
		if rest[0] == '.' {
			segment, _, _ := strings.Cut(rest, "/")
			if segment == "." || segment == ".." {
				return false
			}
		}
	}
	return true
}

// clean gives the path that gorilla/mux redirects to: a trailing slash stays.
func clean(p string) string {
	if p == "" {
		return "/"
	}
	cleaned := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && cleaned != "/" {
		cleaned += "/"
	}
	return cleaned
}

// cutVersion cuts the prefix that the router accepts before a route, once: a
// second one is an unknown path there and here. Docker's is /v[0-9.]+;
// Podman's, before /libpod, /v[0-9][0-9A-Za-z.-]*.
func cutVersion(p string) (version, rest string) {
	if !strings.HasPrefix(p, "/v") {
		return "", p
	}
	end := strings.IndexByte(p[1:], '/') + 1
	if end < 3 {
		return "", p
	}
	version, rest = p[2:end], p[end:]
	if !strings.HasPrefix(rest, libpodPath+"/") {
		if strings.Trim(version, "0123456789.") != "" {
			return "", p
		}
		return version, rest
	}
	if version[0] < '0' || version[0] > '9' || strings.Trim(version, libpodVersion) != "" {
		return "", p
	}
	return version, rest
}

// libpodVersion holds the characters of Podman's version prefix.
const libpodVersion = "0123456789.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// isSince124 reports whether an API version is 1.24 or newer, as no version is.
func isSince124(version string) bool {
	if version == "" {
		return true
	}
	major, minor, _ := strings.Cut(version, ".")
	minor, _, _ = strings.Cut(minor, ".")
	m, err := strconv.Atoi(major)
	n, err2 := strconv.Atoi(minor)
	return err == nil && (m > 1 || m == 1 && err2 == nil && n >= 24)
}

// libpodPath is where Podman's own API begins.
const libpodPath = "/libpod"

// sectionPath returns "/containers" for "/containers/web/json", and
// "/libpod/pods" for "/libpod/pods/json".
func sectionPath(p string) string {
	if p == "" {
		return ""
	}
	start := 1
	if strings.HasPrefix(p, libpodPath+"/") {
		start = len(libpodPath) + 1
	}
	if i := strings.IndexByte(p[start:], '/'); i >= 0 {
		return p[:start+i]
	}
	return p
}

// route is an operation with its pattern parsed; index is its place in
// Operations.
type route struct {
	index   int
	pattern pattern
}

// sectionRoutes is a section with the routes in it; index is its place in
// Sections.
type sectionRoutes struct {
	index  int
	routes []route
}

// router holds the routes by section path. A pattern starts with its section's
// path, so splitting the table by section keeps the engine's order among all
// routes that could match one path.
var router = func() map[string]*sectionRoutes {
	m := make(map[string]*sectionRoutes, len(Sections))
	for i, s := range Sections {
		m[s.Path] = &sectionRoutes{index: i}
	}
	for i, op := range Operations {
		s := m[sectionPath(op.Pattern)]
		s.routes = append(s.routes, route{i, parsePattern(op.Pattern)})
	}
	return m
}()

// Section returns the section that the operation is in.
func (op *Operation) Section() *Section { return &Sections[router[sectionPath(op.Pattern)].index] }
