package metrics

import (
	"fmt"
	"regexp"
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

// plain matches values that YAML and compose take as they are: 0, 1, ids with commas
// between them, and names of presets. words are what matches and has a meaning in YAML.
var (
	plain = regexp.MustCompile(`^(0|1|[A-Z][A-Za-z,]{4,}|[a-z][a-z0-9-]*[a-z0-9])$`)
	words = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null)$`)
)

// scalar writes a value for a compose file. YAML has the escapes of Go's syntax, and
// compose takes a $ for the beginning of a variable's name.
func scalar(value string) string {
	if plain.MatchString(value) && !words.MatchString(value) {
		return value
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(value), "$", "$$")
}

// single matches the remedy of a limit that is a single setting. The value may come from
// a request, so that one in which a limit would read several values is not matched: a
// client must not choose what a user copies.
var single = regexp.MustCompile(`^set ([A-Z][A-Z0-9_]*=[A-Za-z0-9_./:-]{1,200})$`)

// settingOf returns the setting of a limit's remedy, none if it is not a single one.
func settingOf(remedy string) []string {
	if m := single.FindStringSubmatch(remedy); m != nil {
		return m[1:]
	}
	return nil
}

// forWhom says whose settings a snippet has.
func forWhom(c *client.Client) string {
	if c.Name == "" {
		return "for all clients that are not declared"
	}
	return "for client " + c.Name
}
