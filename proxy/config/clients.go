package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/spelling"
	"postern/proxy/client"
	"postern/proxy/listen"
)

// Client is what CLIENT_<NAME>_... declares.
type Client struct {
	// Name is <NAME> in small letters.
	Name string
	// From and Listen tell the client from others; one of them can be empty.
	From   client.From
	Listen listen.Addresses
	// Rules are its toggles, ALLOW, DENY and PRESET.
	Rules acl.Rules
}

const clientPrefix = "CLIENT_"

// identityVars tell who a client is and declare it.
var identityVars = []string{"FROM", "LISTEN"}

// clientVars are the variables that a client can have, without its prefix, the
// longer names first: ALLOW_START is not START of a client called ALLOW.
func clientVars() []string {
	names := slices.Concat(acl.RuleVars(), identityVars, patternFiles)
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	return names
}

// clientName is what can stand for <NAME>.
var clientName = regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)*$`)

// parseClients reads every client out of an environment.
func parseClients(environ map[string]string, learn Learn) (all []Client, errs []error) {
	vars := clientVars()
	names := declaredClients(environ)
	for _, name := range names {
		c, bad := parseClient(name, environ, learn)
		errs = append(errs, bad...)
		all = append(all, c)
	}
	return all, append(errs, strayVars(environ, names, vars)...)
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
		errs = append(errs, fmt.Errorf("nothing tells client %s from others: %sFROM and %sLISTEN are empty", c.Name, prefix, prefix))
	}
	rules, bad := acl.ParseRules(prefix, withFiles(prefix, environ, &errs))
	c.Rules = rules
	c.Rules.Learn = learn.Forwards()
	if len(bad) == 0 && rules.AllowsNothing() && !learn.On() {
		hint := ""
		if strings.HasSuffix("_"+name, "_ALLOW") {
			hint = "; ALLOW_FROM is for everybody and has no prefix"
		}
		errs = append(errs, fmt.Errorf("client %s may do nothing: set what it needs, as in %sCONTAINERS=1%s", c.Name, prefix, hint))
	}
	return c, append(errs, bad...)
}

// strayVars finds variables that look like a client's and are none. Nobody sets
// one of those by accident, so that they are errors, not warnings.
func strayVars(environ map[string]string, names, vars []string) (errs []error) {
	for _, variable := range slices.Sorted(maps.Keys(environ)) {
		rest, ours := strings.CutPrefix(variable, clientPrefix)
		if !ours {
			errs = append(errs, smallLetters(variable, names)...)
			continue
		}
		if slices.Contains(identityVars, rest) {
			errs = append(errs, fmt.Errorf("%s names no client: want one between, as in %sPORTAINER_%s", variable, clientPrefix, rest))
			continue
		}
		var owners []string
		mistyped := ""
		for _, name := range names {
			own, under := strings.CutPrefix(rest, name+"_")
			switch {
			case !under:
			case slices.Contains(vars, own):
				owners = append(owners, name)
			default:
				mistyped = name
			}
		}
		switch {
		case len(owners) > 1:
			errs = append(errs, fmt.Errorf("%s could be a variable of client %s: rename one of them", variable, strings.ToLower(strings.Join(owners, " or of client "))))
		case len(owners) == 1:
		case mistyped != "":
			errs = append(errs, unknownVar(variable, clientPrefix+mistyped+"_", environ[variable], vars))
		default:
			errs = append(errs, undeclared(variable, rest, vars)...)
		}
	}
	return errs
}

// smallLetters is about client_a_from, which would have declared a client, and
// client_a_info of one that is declared.
func smallLetters(variable string, names []string) []error {
	rest, ours := strings.CutPrefix(strings.ToUpper(variable), clientPrefix)
	isClients := func(s string) bool { return strings.HasPrefix(rest, s+"_") }
	isIdentity := func(s string) bool { return strings.HasSuffix(rest, "_"+s) }
	if !ours || !slices.ContainsFunc(names, isClients) && !slices.ContainsFunc(identityVars, isIdentity) {
		return nil
	}
	return []error{fmt.Errorf("%s has no effect: want capital letters, %s", variable, strings.ToUpper(variable))}
}

func unknownVar(variable, prefix, value string, vars []string) error {
	hint := "want a toggle, ALLOW, DENY, PRESET, FROM or LISTEN behind " + prefix
	if near := spelling.Nearest(strings.TrimPrefix(variable, prefix), vars); near != "" {
		hint = "did you mean " + prefix + near + "?"
	}
	return fmt.Errorf("%s=%q is no variable of a client: %s", variable, value, hint)
}

// undeclared is about the variable of a client that nothing identifies. Any
// other CLIENT_ID or CLIENT_SECRET is not ours.
func undeclared(variable, rest string, vars []string) []error {
	for _, v := range vars {
		name, ok := strings.CutSuffix(rest, "_"+v)
		if ok && name != "" {
			prefix := clientPrefix + name + "_"
			return []error{fmt.Errorf("%s belongs to a client that nothing tells from others: set %sFROM to its addresses or host names, or %sLISTEN", variable, prefix, prefix)}
		}
	}
	return nil
}

// conflicts finds what two clients, or a client and everybody, are told by.
func (c Config) conflicts() (errs []error) {
	owner := map[string]string{}
	claim := func(variable string, items ...string) {
		for _, item := range items {
			if other, taken := owner[item]; taken && other != variable {
				errs = append(errs, fmt.Errorf("%s and %s both have %s: it can tell one client only", other, variable, item))
			}
			owner[item] = variable
		}
	}
	claim("LISTEN", c.Listen.Items()...)
	for _, client := range c.Clients {
		claim(client.Rules.Prefix+"FROM", client.From.Items()...)
		claim(client.Rules.Prefix+"LISTEN", client.Listen.Items()...)
	}
	for _, item := range c.MetricsListen.Items() {
		if other, taken := owner[item]; taken && !strings.HasSuffix(item, ":0") {
			errs = append(errs, fmt.Errorf("%s and METRICS_LISTEN both have %s: metrics take an address of their own", other, item))
		}
	}
	return errs
}

// outsiders finds addresses of clients that ALLOW_FROM would never let in.
// What a host name will resolve to cannot be known.
func (c Config) outsiders() (errs []error) {
	if c.AllowFrom.Empty() || len(c.AllowFrom.Names) > 0 {
		return nil
	}
	for _, declared := range c.Clients {
		for _, p := range declared.From.Prefixes {
			if !slices.ContainsFunc(c.AllowFrom.Prefixes, p.Overlaps) {
				errs = append(errs, fmt.Errorf("%sFROM has %s, which ALLOW_FROM=%s shuts out", declared.Rules.Prefix, client.From{Prefixes: []netip.Prefix{p}}, c.AllowFrom))
			}
		}
	}
	return errs
}

// openPorts warns of a client that is told by its addresses and by a port:
// people take the one for a limit on the other.
func (c Config) openPorts() (warnings []string) {
	for _, client := range c.Clients {
		for _, a := range client.Listen {
			if a.Network != "unix" && !client.From.Empty() {
				warnings = append(warnings, fmt.Sprintf("whoever reaches %[1]sLISTEN=%[2]s is client %[3]s, wherever from: %[1]sFROM does not limit it", client.Rules.Prefix, a, client.Name))
			}
		}
	}
	return warnings
}

// ErrNoClient is the error of a client that is not declared.
var ErrNoClient = errors.New("no such client")

// Client returns the declared client of a name, in letters of any case.
func (c Config) Client(name string) (Client, error) {
	var names []string
	for _, known := range c.Clients {
		if strings.EqualFold(known.Name, name) {
			return known, nil
		}
		names = append(names, known.Name)
	}
	if len(names) == 0 {
		return Client{}, fmt.Errorf("%w: %q: none is declared, CLIENT_<NAME>_FROM or CLIENT_<NAME>_LISTEN does", ErrNoClient, name)
	}
	return Client{}, fmt.Errorf("%w: %q: want %s", ErrNoClient, name, strings.Join(names, ", "))
}
