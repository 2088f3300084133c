package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"postern/acl"
)

// pattern is a rule of wollomatic's image: a regular expression for the paths of a
// method.
type pattern struct {
	method, source string
	expression     *regexp.Regexp
}

// sampleVersions and sampleNames are what clients put into paths. The names are such
// that no rule means one of them.
var (
	sampleVersions = []string{"", "/v1.24", "/v1.41", "/v1.51"}
	sampleNames    = []string{"qzx", strings.Repeat("0123456789abcdef", 4), "q-z_x.7"}
)

// matchesName reports whether the rule allows an operation on the object of a name,
// in some version of the API.
func (r pattern) matchesName(op *acl.Operation, name string) bool {
	return r.method == op.Method && slices.ContainsFunc(sampleVersions, func(v string) bool { return r.expression.MatchString(sample(op, v, name)) })
}

func (r pattern) matches(op *acl.Operation) bool {
	return slices.ContainsFunc(sampleNames, func(name string) bool { return r.matchesName(op, name) })
}

func (r pattern) matchesEveryName(op *acl.Operation) bool {
	return !slices.ContainsFunc(sampleNames, func(name string) bool { return !r.matchesName(op, name) })
}

var word = regexp.MustCompile(`[\w.-]+`)

// onlyNamed says how an operation is limited to names, "" if ALLOW cannot do that.
func onlyNamed(id string) string {
	if !takesNames(id) {
		return ""
	}
	return fmt.Sprintf("; ALLOW=%s:web and the like limit it to names", id)
}

// takesNames reports whether ALLOW can limit an operation to objects by name.
func takesNames(id string) bool {
	_, errs := acl.ParseRules("", map[string]string{"ALLOW": id + ":web"})
	return len(errs) == 0
}

// namedOnly returns an item for ALLOW with an operation that the rule allows only on
// objects whose names it has, or "". isLimited reports whether the item has a name.
func (r pattern) namedOnly() (item string, isLimited bool) {
	for i := range acl.Operations {
		op := &acl.Operations[i]
		if r.matches(op) || !strings.Contains(op.Pattern, "{") {
			continue
		}
		for _, name := range word.FindAllString(r.source, 50) {
			if r.matchesName(op, name) && !isPathWord(name) {
				if takesNames(op.ID) {
					return op.ID + ":" + name, true
				}
				return op.ID, false
			}
		}
	}
	return "", false
}

// isPathWord reports whether a word is one of the API's own, such as json, which a
// pattern may match as a name by accident.
func isPathWord(word string) bool {
	return slices.ContainsFunc(acl.Operations, func(op acl.Operation) bool {
		return slices.Contains(strings.Split(op.Pattern, "/"), word)
	})
}

func wollomaticRules(p *proxy) rules {
	return func(op *acl.Operation) bool {
		return slices.ContainsFunc(p.listed, func(r pattern) bool { return r.matches(op) })
	}
}

// leavesClosed reports whether an operation that the old rules allow stays closed in
// the block: reading files and what is no read take more than a rule for all paths.
func (p *proxy) leavesClosed(op *acl.Operation) bool {
	files := op.RefusedBy == "ALLOW_ARCHIVE" || op.RefusedBy == "ALLOW_EXPORT"
	if op.NoRead == "" && (!files || !isRead(op.Method)) {
		return false
	}
	last := op.Pattern[strings.LastIndexByte(op.Pattern, '/')+1:]
	return !slices.ContainsFunc(p.listed, func(r pattern) bool { return r.matches(op) && strings.Contains(r.source, last) })
}
