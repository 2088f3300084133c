package guard

import (
	"fmt"
	"strings"
)

// Violation is something that a request asks for and the client may not have.
type Violation struct {
	// Field is where, such as "HostConfig.CapAdd", or "query parameter t".
	Field string
	// Asks says what, after the word "asks for".
	Asks string
	// Flag is docker's option for it, such as "--cap-add", or "".
	Flag string
	// Variable and Value are what would allow it: the variable's name with the client's
	// prefix, and the item to add. Variable is "" if nothing does.
	Variable, Value string
	// IsSet is whether the variable has a value, to which the item is added.
	IsSet bool
	// Hint says what to do where no variable helps, or instead of setting it, or "".
	Hint string
	// Own is whether it would touch what belongs to postern.
	Own bool
}

// String is the violation in the words of a refusal.
func (v Violation) String() string {
	s := v.Field + " asks for " + v.Asks
	if v.Flag != "" {
		s += " (" + v.Flag + ")"
	}
	switch {
	case v.Variable == "" && v.Hint == "":
		return s + ": nothing permits it"
	case v.Variable == "":
		return s + ": " + v.Hint
	case v.Hint != "":
		return s + ": " + v.Remedy() + ", or " + v.Hint
	}
	return s + ": " + v.Remedy()
}

// Remedy is the setting that would allow it, in words, or "".
func (v Violation) Remedy() string {
	switch {
	case v.Variable == "":
		return ""
	case v.IsSet:
		return "add " + v.Value + " to " + v.Variable
	}
	return "set " + v.Variable + "=" + v.Value
}

// maxShown is how many violations a message lists.
const maxShown = 8

// Message lists violations on one line.
func Message(all []Violation) string {
	var parts []string
	for i, v := range all {
		if i == maxShown {
			parts = append(parts, fmt.Sprintf("and %d more", len(all)-maxShown))
			break
		}
		parts = append(parts, v.String())
	}
	return strings.Join(parts, "; ")
}
