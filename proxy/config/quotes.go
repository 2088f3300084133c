package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// quotes are the characters that people, env files and lists in compose files put
// around a value. No setting has one at the end of an item.
const quotes = "\"'`“”„‘’«»"

// unquoted returns a comma-separated value without the quotes around it and around
// its items.
func unquoted(value string) string {
	items := strings.Split(strings.Trim(value, quotes), ",")
	for i, item := range items {
		if inner := strings.Trim(strings.TrimSpace(item), quotes); inner != strings.TrimSpace(item) {
			items[i] = inner
		}
	}
	return strings.Join(items, ",")
}

// withoutQuotes returns the environment without the quotes around settings, and an
// error for each setting that had some. A shell removes quotes, an env file and a list
// in a compose file do not. The rest of Parse then reports no second error about such
// a setting.
func withoutQuotes(environ map[string]string) (all map[string]string, errs []error) {
	toggles, settings := knownVars()
	known, clients := slices.Concat(toggles, settings), clientVars()
	all = maps.Clone(environ)
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		isClients := func(v string) bool { return strings.HasPrefix(name, clientPrefix) && strings.HasSuffix(name, "_"+v) }
		if name == "TZ" || !slices.Contains(known, name) && !slices.ContainsFunc(clients, isClients) {
			continue // a wrong TZ is a warning, see timeZone
		}
		if value := unquoted(environ[name]); value != environ[name] {
			errs = append(errs, fmt.Errorf("invalid %s=%q: want %s without the quotes", name, environ[name], cmp.Or(value, "it")))
			all[name] = value
		}
	}
	return all, errs
}
