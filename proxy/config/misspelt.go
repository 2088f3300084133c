package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/spelling"
)

// misspelt warns of variables that look like a setting and are none.
func misspelt(environ map[string]string) (warnings []string) {
	known := varsOf[Config]()
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if slices.Contains(known, name) {
			continue
		}
		// The value of another program's setting can be a secret: it is not shown.
		if hint := tlsHint(name); hint != "" {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s", name, hint))
		} else if hint := prefixedHint(strings.ToUpper(name), known); hint != "" {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s", name, hint))
		} else if hint := spellingHint(name, environ[name], known); hint != "" {
			warnings = append(warnings, fmt.Sprintf("%s=%q has no effect: %s", name, environ[name], hint))
		}
	}
	return warnings
}

// A hint says what the user may have meant by a variable. The functions below
// return "" if they have none.

// spellingHint is about a variable that no other program's prefix gives away. A
// container's environment also has names that postern's user did not choose (HOST,
// NODE), so a name close to a toggle's gets a hint only if its value is a toggle's
// too.
func spellingHint(name, value string, known []string) string {
	upper, inner := strings.ToUpper(name), unquoted(value)
	var toggles []string
	for _, t := range acl.AllToggles() {
		toggles = append(toggles, t.Var)
	}
	// Every short name is close to TZ.
	settings := slices.DeleteFunc(slices.Clone(known), func(s string) bool { return s == "TZ" || slices.Contains(toggles, s) })

	var foreign, method, toggle, setting, operation string
	if name == upper {
		foreign = foreignHint(name, value)
	}
	if _, err := acl.ParseBool(inner); err == nil {
		method, toggle = methodHint(upper), didYouMean(upper, toggles)
	}
	if len(upper) > 3 { // shorter names are close to too many words
		setting = didYouMean(upper, settings)
	}
	if slices.Contains(switches, strings.ToLower(inner)) {
		operation = operationHint(upper)
	}
	return cmp.Or(foreign, method, toggle, setting, fileHint(upper, known), allowHint(upper, toggles), operation)
}

// switches are the values of a toggle without the other integers, since a number
// is most often no toggle's: IMAGE_TAG=20.
var switches = []string{"1", "true", "yes", "on", "0", "false", "no", "off"}

func didYouMean(name string, known []string) string {
	if near := spelling.Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// methodHint is about HTTP methods, for which users expect a toggle each.
func methodHint(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		return "POST switches every method but GET and HEAD"
	}
	return ""
}

// allowHint is about a toggle that does not exist.
func allowHint(name string, toggles []string) string {
	const none = "there is no such toggle"
	if rest, found := strings.CutPrefix(name, "ALLOW_"); found {
		return cmp.Or(methodHint(rest), didYouMean(rest, toggles), none)
	}
	if strings.HasPrefix(name, "LIBPOD_") {
		return none
	}
	return ""
}

// fileHint is about the name of a file that is to hold the value of a setting.
func fileHint(name string, known []string) string {
	of, isFile := strings.CutSuffix(name, "_FILE")
	if !isFile {
		of, isFile = strings.CutPrefix(name, "FILE__") // linuxserver's images
	}
	switch near := spelling.Nearest(of, known); {
	case !isFile || near == "":
		return ""
	case near == "ALLOW" || near == "DENY":
		return "did you mean " + near + "_FILE?"
	default:
		return "of all settings ALLOW and DENY alone can stand in a file; set " + near
	}
}

// synonyms are words of the docker command for words in ids.
var synonyms = map[string]string{
	"PULL": "CREATE", "RUN": "CREATE", "REMOVE": "DELETE", "RM": "DELETE", "LS": "LIST", "PS": "LIST",
}

// operationHint is about a toggle for one operation or one kind of them, such as
// CONTAINERS_CREATE: these have ids in ALLOW.
func operationHint(name string) string {
	section, verb, _ := strings.Cut(name, "_")
	noun := strings.TrimSuffix(section, "S")
	if !slices.ContainsFunc(acl.Sections, func(s acl.Section) bool { return strings.TrimSuffix(s.Var, "S") == noun }) {
		return ""
	}
	var ids []string
	for _, op := range acl.Operations {
		if !advise.IsPodman(op.Section()) {
			ids = append(ids, op.ID)
		}
	}
	id := noun + cmp.Or(synonyms[verb], strings.ReplaceAll(verb, "_", ""))
	i := slices.IndexFunc(ids, func(known string) bool { return strings.EqualFold(known, id) })
	switch {
	case i < 0 && section == noun:
		return "" // BUILD_NUMBER=1 is no setting of postern's
	case verb == "POST":
		return methodHint("PUT")
	case methodHint(verb) != "":
		return methodHint(verb)
	case i >= 0:
		return "did you mean ALLOW=" + ids[i] + "?"
	}
	return "ALLOW names single operations, such as " + strings.Join(spelling.Resembling(id, ids), ", ")
}
