package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/spelling"
)

// otherMethods are HTTP methods that users expect a toggle for.
var otherMethods = []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}

const methodHint = "POST switches every method but GET and HEAD"

// misspelt warns of variables that look like a setting but are not. A container's
// environment also has names that postern's user did not choose (HOST, NODE), so a
// name close to a toggle's gets a warning only if its value is a toggle's too.
func misspelt(environ map[string]string) (warnings []string) {
	toggles, settings := knownVars()
	known := slices.Concat(toggles, settings)
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		value := environ[name]
		if slices.Contains(known, name) {
			continue
		}
		if hint := prefixedHint(strings.ToUpper(name), known); hint != "" {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s", name, hint))
		} else if hint := spellingHint(name, value, toggles, settings); hint != "" {
			warnings = append(warnings, fmt.Sprintf("%s=%q has no effect: %s", name, value, hint))
		}
	}
	return warnings
}

// knownVars lists the variables that have an effect without a prefix.
func knownVars() (toggles, settings []string) {
	for _, t := range acl.AllToggles() {
		toggles = append(toggles, t.Var)
	}
	for _, s := range Settings() {
		settings = append(settings, s.Var)
	}
	return toggles, append(settings, "ALLOW", "DENY", "PRESET")
}

// spellingHint says which variable of postern's a name resembles. It is "" if the name
// resembles none.
func spellingHint(name, value string, toggles, settings []string) string {
	upper := strings.ToUpper(name)
	if hint := foreignHint(upper, value); hint != "" && name == upper {
		return hint
	}
	_, err := acl.ParseBool(unquoted(value))
	isToggle := err == nil
	// Names of three letters are close to too many words, and so is every name
	// to TZ.
	long := slices.DeleteFunc(slices.Clone(settings), func(s string) bool { return len(upper) < 4 || s == "TZ" })
	near := ""
	if isToggle {
		near = spelling.Nearest(upper, toggles)
	}
	if near == "" {
		near = spelling.Nearest(upper, long)
	}
	switch {
	case isToggle && slices.Contains(otherMethods, upper):
		return methodHint
	case near != "":
		return "did you mean " + near + "?"
	}
	if hint := fileHint(upper, slices.Concat(toggles, settings)); hint != "" {
		return hint
	}
	if rest, found := strings.CutPrefix(upper, "ALLOW_"); found {
		return allowHint(rest, toggles)
	}
	if strings.HasPrefix(upper, "LIBPOD_") {
		return "there is no such toggle"
	}
	if hint := operationHint(upper); slices.Contains(switches, strings.ToLower(unquoted(value))) && hint != "" {
		if _, verb, _ := strings.Cut(upper, "_"); verb == "POST" || slices.Contains(otherMethods, verb) {
			return methodHint
		}
		return hint
	}
	return ""
}

// switches are the values of a toggle without the other integers, since a number
// is most often no toggle's: IMAGE_TAG=20.
var switches = []string{"1", "true", "yes", "on", "0", "false", "no", "off"}

// allowHint is about a toggle ALLOW_<rest> that does not exist.
func allowHint(rest string, toggles []string) string {
	if slices.Contains(otherMethods, rest) {
		return methodHint
	}
	if near := spelling.Nearest(rest, toggles); near != "" {
		return "did you mean " + near + "?"
	}
	return "there is no such toggle"
}
