package metrics

import (
	"fmt"
	"strconv"
	"strings"

	"postern/proxy/client"
)

// snippet returns settings, NAME=value, as lines of a compose file, to be copied. who
// says for whom they are.
func snippet(who string, settings []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    environment: # %s\n", who)
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		fmt.Fprintf(&b, "      %s: %s\n", name, scalar(value))
	}
	return b.String()
}

// A regular expression would take memory from the start on, for a page that may never be
// asked for.
const (
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
	letters = upper + lower
)

// has reports whether every byte of s is among the bytes, and the first one among the
// first ones.
func has(s, first, bytes string) bool {
	return s != "" && strings.Contains(first, s[:1]) && strings.Trim(s, bytes) == ""
}

// scalar writes a value for a compose file. 0, 1, ids with commas between them and names
// of presets need no quotes, unless they are words that YAML has a meaning for, all of
// which are short. YAML has the escapes of Go's syntax, and compose takes a $ for the
// beginning of a variable's name.
func scalar(value string) string {
	if value == "0" || value == "1" || len(value) > len("false") && (has(value, upper, letters+",") || has(value, lower, lower+digits+"-")) {
		return value
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(value), "$", "$$")
}

// settingOf returns the setting of a limit's remedy, none if it is not a single one. The
// value may come from a request, so it must not be one that a limit would read as several
// values: a client must not choose what a user copies.
func settingOf(remedy string) []string {
	setting, found := strings.CutPrefix(remedy, "set ")
	name, value, _ := strings.Cut(setting, "=")
	if !found || len(value) > 200 || !has(name, upper, upper+digits+"_") || !has(value, letters+digits+"/", letters+digits+"_./:-") {
		return nil
	}
	return []string{setting}
}

// forWhom says whose settings a snippet has.
func forWhom(c *client.Client) string {
	if c.Name == "" {
		return "for all clients that are not declared"
	}
	return "for client " + c.Name
}
