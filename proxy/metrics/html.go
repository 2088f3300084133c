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

// put adds markup as [render] returns it.
func (d *document) put(m markup, values ...any) { d.WriteString(string(render(m, values...))) }

// render fills in a value for each %s and %d. Everything but an int and markup is
// escaped. A %s may be in text and between double quotes, nowhere else.
func render(m markup, values ...any) markup {
	for i, value := range values {
		switch value.(type) {
		case int, markup:
		default:
			values[i] = html.EscapeString(fmt.Sprint(value))
		}
	}
	return markup(fmt.Sprintf(string(m), values...))
}

// join renders each of the values and puts a separator between them.
func join[T string | markup](each markup, values []T, separator markup) (all markup) {
	for i, value := range values {
		if i > 0 {
			all += separator
		}
		all += render(each, value)
	}
	return all
}
