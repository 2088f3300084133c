package metrics

import (
	"bytes"
	"fmt"
	"html"
)

// markup is HTML that is a constant of this package. Its type keeps other strings
// from being written without escaping. html/template adds 2.2 MB to the program
// for contexts that this page does not have: it puts values into text and into
// attributes in double quotes only, and both are escaped alike.
type markup string

// document collects HTML. Its zero value is empty.
type document struct{ bytes.Buffer }

// put adds markup, with a value for each %s and %d. Everything but an int is
// escaped. A %s may be in text and between double quotes, nowhere else.
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
