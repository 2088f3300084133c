package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/acl/spelling"
)

// strayVars finds variables that look like a client's and belong to none of the
// declared clients. Such a variable is an error and not a warning: nothing else has
// such a name, and ignoring it would give a client other permissions than the user
// wrote.
func strayVars(environ map[string]string, names []string) (errs []error) {
	vars := clientVars()
	for _, variable := range slices.Sorted(maps.Keys(environ)) {
		if err := strayVar(variable, environ[variable], names, vars); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func strayVar(variable, value string, names, vars []string) error {
	rest, ours := strings.CutPrefix(variable, clientPrefix)
	if !ours {
		return lowerCaseVar(variable, names)
	}
	if slices.Contains(identityVars, rest) {
		return fmt.Errorf("%s names no client: want a name in the middle, as in %sPORTAINER_%s", variable, clientPrefix, rest)
	}
	// CLIENT_A_LIBPOD_INFO is LIBPOD_INFO of client a and INFO of client a_libpod.
	var owners []string
	prefix := "" // of a client that has no such variable
	for _, name := range names {
		own, under := strings.CutPrefix(rest, name+"_")
		switch {
		case under && slices.Contains(vars, own):
			owners = append(owners, name)
		case under:
			prefix = clientPrefix + name + "_"
		}
	}
	switch {
	case len(owners) > 1:
		return fmt.Errorf("%s could be a variable of client %s: rename one of them", variable, strings.ToLower(strings.Join(owners, " or of client ")))
	case len(owners) == 1:
		return nil
	case prefix != "":
		return unknownVar(variable, prefix, value, vars)
	}
	return undeclaredVar(variable, rest, vars)
}

// lowerCaseVar reports variables that would be a client's in capital letters:
// client_a_from, which would declare one, and client_a_info of a declared client.
func lowerCaseVar(variable string, names []string) error {
	rest, ours := strings.CutPrefix(strings.ToUpper(variable), clientPrefix)
	isClients := func(s string) bool { return strings.HasPrefix(rest, s+"_") }
	isIdentity := func(s string) bool { return strings.HasSuffix(rest, "_"+s) }
	if !ours || !slices.ContainsFunc(names, isClients) && !slices.ContainsFunc(identityVars, isIdentity) {
		return nil
	}
	return fmt.Errorf("%s has no effect: want capital letters, %s", variable, strings.ToUpper(variable))
}

func unknownVar(variable, prefix, value string, vars []string) error {
	hint := "want a toggle, ALLOW, DENY, PRESET, FROM or LISTEN behind " + prefix
	if near := spelling.Nearest(strings.TrimPrefix(variable, prefix), vars); near != "" {
		hint = "did you mean " + prefix + near + "?"
	}
	return fmt.Errorf("%s=%q is not a client variable: %s", variable, value, hint)
}

// undeclaredVar reports the variable of a client that has neither FROM nor LISTEN. It
// ignores other variables that begin with CLIENT_, such as CLIENT_SECRET: they are
// another program's. The longest ending that is a client's variable counts:
// CLIENT_WEB_ALLOW_START is ALLOW_START of client web.
func undeclaredVar(variable, rest string, vars []string) error {
	client := ""
	for _, v := range vars {
		name, ok := strings.CutSuffix(rest, "_"+v)
		if ok && name != "" && (client == "" || len(name) < len(client)) {
			client = name
		}
	}
	if client == "" {
		return nil
	}
	prefix := clientPrefix + client + "_"
	return fmt.Errorf("%s belongs to a client that nothing identifies: set %sFROM to its addresses or host names, or %sLISTEN", variable, prefix, prefix)
}
