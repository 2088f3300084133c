package monitor

import (
	"bytes"
	"fmt"
	"html"
)

// markup is HTML that is written in this package, as a constant: no string of
// anybody else's becomes one. html/template would do the same for 2.2 MB more
// of program, of which this page uses two contexts: text and quoted attributes,
// which have one way to escape.
type markup string

// document is HTML being written. Its zero value is empty.
type document struct{ bytes.Buffer }

// put adds markup in which each %s and %d stands for a value; strings are
// escaped. A %s may stand in text and between double quotes, nowhere else.
func (d *document) put(m markup, values ...any) {
	for i, value := range values {
		switch value := value.(type) {
		case int:
		case string:
			values[i] = html.EscapeString(value)
		default:
			values[i] = html.EscapeString(fmt.Sprint(value))
		}
	}
	fmt.Fprintf(d, string(m), values...)
}
