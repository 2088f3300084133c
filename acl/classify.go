package acl

import (
	"cmp"
	"path"
	"strconv"
	"strings"
)

// Subject is the part of a request that a policy decides on: an operation, or
// the paths of a section that match no operation. Requests with equal subjects
// get equal decisions from every policy. The zero value is a read of a path in no
// section, which every policy refuses.
type Subject struct {
	// Section is nil for a path in no section.
	Section *Section
	// Operation is nil when the section has no route for method and path: a
	// newer engine may have one.
	Operation *Operation
	// Writes reports whether the subject needs POST.
	Writes bool
	// Configures marks the start of a container in an API before 1.24. Such a
	// start takes a host configuration, Binds and Privileged among it, and so
	// needs all that an unknown POST in its section needs.
	Configures bool
}

// configuringID is the one operation that configures in old APIs.
const configuringID = "ContainerStart"

// Subject returns the operation as a policy's subject.
func (op *Operation) Subject() Subject {
	return Subject{Section: op.section, Operation: op, Writes: op.NeedsPOST()}
}

// Nameable reports whether ALLOW can name the subject.
func (s Subject) Nameable() bool { return s.Operation != nil && !s.Configures }

// Compare orders subjects as [Operations] does. Those without an operation come
// last, by section.
func (s Subject) Compare(t Subject) int { return cmp.Compare(s.index(), t.index()) }

// numSubjects is the number of the subjects in sections.
var numSubjects = len(Operations) + 1 + 2*len(Sections)

// index is the subject's place in a policy's table. The table ends before the
// subjects in no section.
func (s Subject) index() int {
	i := numSubjects
	switch {
	case s.Configures:
		return len(Operations)
	case s.Operation != nil:
		return s.Operation.index
	case s.Section != nil:
		i = len(Operations) + 1 + 2*s.Section.index
	}
	if s.Writes {
		i++
	}
	return i
}

// OperationID is the operation's id, or "" for a path that matches no operation.
func (s Subject) OperationID() string {
	if s.Operation == nil {
		return ""
	}
	return s.Operation.ID
}

// classify finds the operation that the engine's router would run for a clean
// path. rest is the path without the version prefix. It does not allocate.
func classify(method, path string) (s Subject, rest string) {
	version, rest := cutVersion(path)
	section, ok := router[sectionPath(rest)]
	if !ok {
		return Subject{Writes: !isRead(method)}, rest
	}
	for _, op := range section.routes {
		if op.Method == method && op.versions.hold(version) && op.route.match(rest) {
			s := op.Subject()
			s.Configures = op.ID == configuringID && !isSince124(version)
			return s, rest
		}
	}
	s = Subject{Section: section, Writes: !isRead(method)}
	if method == "HEAD" {
		// No engine routes this HEAD today; one that did would run GET's handler.
		get, _ := classify("GET", path)
		s.Writes = get.Writes
	}
	return s, rest
}

// isClean reports whether gorilla/mux would route the path rather than answer
// 301, see [clean]. It does not allocate if so.
func isClean(p string) bool {
	return p == "/" || p != "//" && strings.HasPrefix(p, "/") && path.Clean(p) == strings.TrimSuffix(p, "/")
}

// clean returns the path that gorilla/mux redirects to: a trailing slash stays.
func clean(p string) string {
	cleaned := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && cleaned != "/" {
		cleaned += "/"
	}
	return cleaned
}

// cutVersion cuts the prefix that the router accepts before a route. It cuts one
// only: the engine, too, has no route for a path with two. Docker's prefix is
// /v[0-9.]+; Podman's, before /libpod, is /v[0-9][0-9A-Za-z.-]*.
func cutVersion(p string) (version, rest string) {
	if !strings.HasPrefix(p, "/v") {
		return "", p
	}
	end := strings.IndexByte(p[1:], '/') + 1
	if end < 3 {
		return "", p
	}
	version, rest = p[2:end], p[end:]
	characters := "0123456789."
	if strings.HasPrefix(rest, libpodPath+"/") {
		if version[0] < '0' || version[0] > '9' {
			return "", p
		}
		characters = "0123456789.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	}
	if strings.Trim(version, characters) != "" {
		return "", p
	}
	return version, rest
}

// isSince124 reports whether an API version is 1.24 or newer. A path without a
// version means the engine's newest.
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
