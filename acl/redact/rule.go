package redact

import (
	"slices"
	"strings"
)

// Mark stands where something was taken out.
const Mark = "***"

// rule says what becomes of one text. It either looks at the whole of it, or divides
// it at the first separator and looks at the name in front.
type rule struct {
	// separator divides the text. If zero, the rule is about the whole text.
	separator byte
	// keeps reports whether the text stays: by the name in front of the separator,
	// or by the whole text. A name longer than maxName, or a whole text that is, has
	// no chance to stay. A text without a separator stays.
	keeps func(Redaction, string) bool
	// longStays gives a text whose name is longer a chance nevertheless.
	longStays bool
	// mark takes the place of the text, or of what follows the separator.
	mark string
	// finds makes the text an error if it is Mark, or is Mark behind the separator.
	// All text stays.
	finds bool
}

// maxName limits the part of a text that a rule looks at, in bytes.
const maxName = 256

// The rules.
var (
	whole = &rule{mark: Mark, keeps: isEmpty}
	// variable is about NAME=VALUE. NAME alone has no value.
	variable = &rule{separator: '=', mark: Mark, keeps: Redaction.keeps}
	// step and stepLine are about the command of a container in which the classic builder
	// runs no program but notes an instruction: "#(nop) " and "ENV A=b", which a list has
	// in one line, /bin/sh -c '#(nop) ' 'ENV A=b'.
	step = &rule{separator: ' ', mark: Mark, longStays: true, keeps: func(_ Redaction, name string) bool {
		return !slices.Contains([]string{"ENV", "ARG", "ONBUILD"}, name)
	}}
	stepLine = &rule{separator: '#', mark: Mark, longStays: true, keeps: func(_ Redaction, before string) bool {
		return !strings.HasSuffix(before, " '")
	}}
	// test is about the items of a health check's command. A client looks at the
	// first one to see whether there is a health check at all.
	test = &rule{mark: Mark, keeps: func(_ Redaction, item string) bool {
		return slices.Contains([]string{"", "NONE", "CMD", "CMD-SHELL"}, item)
	}}
	// cell is about the cells of a list of processes. Numbers and times are no command
	// line. Titles do not tell which cell is one: Podman's list has one cell for all.
	cell = &rule{mark: Mark, keeps: func(_ Redaction, item string) bool {
		return strings.Trim(item, "0123456789:.%?-") == ""
	}}
	// failure is about why a container did not start. What an OCI runtime says has the
	// program in it.
	failure = &rule{mark: Mark, keeps: func(_ Redaction, text string) bool {
		text = strings.ToLower(text)
		return !strings.Contains(text, "exec") && !strings.Contains(text, "runtime")
	}}
	// action is about an event's action, which for an exec has the command line
	// behind a colon, also for the exec of a health check.
	action = &rule{separator: ':', mark: " " + Mark, keeps: func(_ Redaction, name string) bool {
		return !strings.HasPrefix(name, "exec_")
	}}
	// drop takes out a value of any type and puts null in its place.
	drop = &rule{}
	// markedVariable and marked find what a client copied from a redacted response.
	markedVariable = &rule{separator: '=', finds: true}
	marked         = &rule{finds: true}
)

func isEmpty(_ Redaction, item string) bool { return item == "" }
