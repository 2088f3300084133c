package logging

import (
	"strconv"
	"strings"
)

// maxPrintable is the number of bytes of a path that [Printable] keeps.
const maxPrintable = 200

// Printable is [ASCII] for the path of a request, cut to 200 bytes so that a
// person can read the message it is in.
func Printable(path string) string {
	if len(path) > maxPrintable {
		path = path[:maxPrintable] + "..."
	}
	return ASCII(path)
}

// ASCII returns s with everything but printable ASCII escaped as in Go's syntax,
// without quotes around it. Clients choose the text: control characters (the C1
// set too) could forge a line of the log or control the terminal that shows it,
// and characters that change the direction of writing could disguise a path. A
// backslash in s is doubled only if something else in s is escaped.
func ASCII(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	quoted := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
