package config

import (
	"cmp"
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
	vars := varsOf[Client]()
	for _, variable := range slices.Sorted(maps.Keys(environ)) {
		var err error
		if rest, ours := strings.CutPrefix(variable, clientPrefix); ours {
			err = strayVar(rest, environ, names, vars)
		} else {
			err = cmp.Or(lowerCaseVar(variable, names), unprefixedLimit(variable, names))
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// strayVar is about the variable CLIENT_<rest>.
func strayVar(rest string, environ map[string]string, names, vars []string) error {
	if rest == "FROM" || rest == "CERT" || rest == "LISTEN" {
		return namelessVar(rest)
	}
	// CLIENT_A_LIBPOD_INFO is LIBPOD_INFO of client a and INFO of client a_libpod.
	var owners []string
	var unknown error
	for _, name := range names {
		own, under := strings.CutPrefix(rest, name+"_")
		switch {
		case under && slices.Contains(vars, own):
			owners = append(owners, strings.ToLower(name))
		case under:
			unknown = unknownVar(clientPrefix+name+"_", own, environ[clientPrefix+rest], vars)
		}
	}
	switch {
	case len(owners) > 1:
		return fmt.Errorf("CLIENT_%s could be a variable of client %s: rename one of them", rest, strings.Join(owners, " or of client "))
	case len(owners) == 1:
		return nil
	case unknown != nil:
		return unknown
	case len(names) > 0 && isLimit(rest): // without clients it is another program's
		return namelessVar(rest)
	}
	return undeclaredVar(rest, environ, vars)
}

func namelessVar(own string) error {
	return fmt.Errorf("CLIENT_%s names no client: want a name in the middle, as in CLIENT_PORTAINER_%[1]s", own)
}

// isLimit reports whether a variable, without its prefix, limits a client. A permission
// whose name is wrong is missed at the first refusal. A limit is not missed by anybody.
func isLimit(own string) bool {
	return own == "SCOPE" || own == "REDACT" || own == "REDACT_KEEP" || slices.Contains(guardVars(), own)
}

// unprefixedLimit reports CI_SCOPE, which would be CLIENT_CI_SCOPE of the declared client
// ci.
func unprefixedLimit(variable string, names []string) error {
	for _, name := range names {
		if own, found := strings.CutPrefix(strings.ToUpper(variable), name+"_"); found && isLimit(own) {
			return fmt.Errorf("%s has no effect: did you mean %s%s_%s?", variable, clientPrefix, name, own)
		}
	}
	return nil
}

// lowerCaseVar reports variables that would be a client's in capital letters:
// client_a_from, which would declare one, and client_a_info of a declared client.
func lowerCaseVar(variable string, names []string) error {
	upper := strings.ToUpper(variable)
	isClients := func(name string) bool { return strings.HasPrefix(upper, clientPrefix+name+"_") }
	if !slices.ContainsFunc(names, isClients) && !identity.MatchString(upper) {
		return nil
	}
	return fmt.Errorf("%s has no effect: want capital letters, %s", variable, upper)
}

func unknownVar(prefix, own, value string, vars []string) error {
	hint := "want a toggle, ALLOW, DENY, PRESET, SCOPE, REDACT, GUARD, FROM, CERT or LISTEN behind " + prefix
	if near := spelling.Nearest(strings.ToUpper(own), vars); near != "" {
		hint = "did you mean " + prefix + near + "?"
	}
	return fmt.Errorf("%s%s=%q is not a client variable: %s", prefix, own, value, hint)
}

// undeclaredVar reports the variable of a client that nothing identifies. It
// ignores other variables that begin with CLIENT_, such as CLIENT_SECRET: they are
// another program's. The longest ending that is a client's variable counts:
// CLIENT_WEB_ALLOW_START is ALLOW_START of client web.
func undeclaredVar(rest string, environ map[string]string, vars []string) error {
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
	hint := fmt.Sprintf("set %[1]sFROM to its addresses or host names, %[1]sCERT or %[1]sLISTEN", prefix)
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		near := spelling.Nearest(name, []string{prefix + "FROM", prefix + "CERT", prefix + "LISTEN"})
		if near != "" && !identity.MatchString(name) {
			hint = fmt.Sprintf("did you mean %s by %s?", near, name)
		}
	}
	return fmt.Errorf("CLIENT_%s belongs to a client that nothing identifies: %s", rest, hint)
}
