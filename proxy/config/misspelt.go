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

// misspelt warns of variables with a name close to one of postern's. A
// container's environment also has names that postern's user did not choose
// (HOST, NODE), so a name close to a toggle's gets a warning only if its value is
// a toggle's too.
func misspelt(environ map[string]string) (warnings []string) {
	var toggles, settings []string
	for _, t := range acl.AllToggles() {
		toggles = append(toggles, t.Var)
	}
	for _, s := range Settings() {
		settings = append(settings, s.Var)
	}
	settings = append(settings, "ALLOW", "DENY", "PRESET")
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if slices.Contains(toggles, name) || slices.Contains(settings, name) {
			continue
		}
		if hint := spellingHint(name, environ[name], toggles, settings); hint != "" {
			warnings = append(warnings, fmt.Sprintf("%s=%q has no effect: %s", name, environ[name], hint))
		}
	}
	return warnings
}

// spellingHint returns "" for a variable that does not look like one of
// postern's.
func spellingHint(name, value string, toggles, settings []string) string {
	_, err := acl.ParseBool(value)
	isToggle := err == nil
	upper := strings.ToUpper(name)
	near := ""
	switch {
	case isToggle && slices.Contains(otherMethods, upper):
		return "POST switches every method but GET and HEAD"
	case isToggle && spelling.Nearest(upper, toggles) != "":
		near = spelling.Nearest(upper, toggles)
	case strings.HasPrefix(upper, "ALLOW_"):
		return "there is no such toggle"
	case len(name) > 4: // shorter names are close to too many words
		near = spelling.Nearest(upper, settings)
	}
	if near == "" {
		return ""
	}
	return "did you mean " + near + "?"
}
