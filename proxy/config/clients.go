package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"postern/acl"
	"postern/proxy/client"
	"postern/proxy/listen"
)

// Client is a client that CLIENT_<NAME>_... variables declare.
type Client struct {
	// Name is <NAME> in lower case.
	Name string
	// From and Listen identify the client. At most one of them is empty.
	From   client.From
	Listen listen.Addresses
	// Rules are the client's toggles, ALLOW, DENY and PRESET.
	Rules acl.Rules
}

const clientPrefix = "CLIENT_"

// identityVars are the variables that declare a client and identify it.
var identityVars = []string{"FROM", "LISTEN"}

// clientVars are the variables that a client can have, without its prefix.
func clientVars() []string {
	return slices.Concat(acl.RuleVars(), identityVars, patternFiles)
}

// clientName matches the names that can stand for <NAME>.
var clientName = regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)*$`)

// parseClients reads all clients from an environment.
func parseClients(environ map[string]string, learn Learn) (all []Client, errs []error) {
	names := declaredClients(environ)
	for _, name := range names {
		c, bad := parseClient(name, environ, learn)
		errs = append(errs, bad...)
		all = append(all, c)
	}
	return all, append(errs, strayVars(environ, names)...)
}

// declaredClients lists the <NAME>s in CLIENT_<NAME>_FROM and _LISTEN.
func declaredClients(environ map[string]string) []string {
	var names []string
	for variable := range environ {
		for _, identity := range identityVars {
			name, ok := strings.CutSuffix(variable, "_"+identity)
			if name, ours := strings.CutPrefix(name, clientPrefix); ok && ours && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func parseClient(name string, environ map[string]string, learn Learn) (c Client, errs []error) {
	prefix := clientPrefix + name + "_"
	c.Name = strings.ToLower(name)
	if !clientName.MatchString(name) {
		errs = append(errs, fmt.Errorf("invalid client name in %sFROM: want capital letters, digits and _ between them, as in CLIENT_PORTAINER_FROM", prefix))
	}
	read := func(variable string, into interface{ UnmarshalText([]byte) error }) {
		value := environ[prefix+variable]
		if value == "" {
			return
		}
		if err := into.UnmarshalText([]byte(value)); err != nil {
			errs = append(errs, fmt.Errorf("invalid %s%s=%q: %w", prefix, variable, value, err))
		}
	}
	read("FROM", &c.From)
	read("LISTEN", &c.Listen)
	if c.From.Empty() && len(c.Listen) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("nothing identifies client %s: %sFROM and %sLISTEN are empty", c.Name, prefix, prefix))
	}
	all, bad := withPatternFiles(prefix, environ)
	errs = append(errs, bad...)
	c.Rules, bad = acl.ParseRules(prefix, all)
	c.Rules.Learn = learn.Forwards()
	if len(bad) == 0 && c.Rules.AllowsNothing() && !learn.On() {
		hint := ""
		if strings.HasSuffix("_"+name, "_ALLOW") {
			hint = "; ALLOW_FROM is for all clients and has no prefix"
		}
		errs = append(errs, fmt.Errorf("client %s may do nothing: set what it needs, as in %sCONTAINERS=1%s", c.Name, prefix, hint))
	}
	return c, append(errs, bad...)
}
