package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/guard"
	"postern/proxy/client"
	"postern/proxy/listen"
)

// Client is a client that CLIENT_<NAME>_... variables declare.
type Client struct {
	// Name is <NAME> in lower case.
	Name string `env:"-"`
	// From, Cert and Listen identify the client. At least one of them is not empty.
	From      client.From      `env:"FROM"`
	Cert      client.Cert      `env:"CERT"`
	Listen    listen.Addresses `env:"LISTEN"`
	AllowFile Path             `env:"ALLOW_FILE"`
	DenyFile  Path             `env:"DENY_FILE"`
	// Scope is the client's own SCOPE, "" if it has that of the others.
	Scope string `env:"SCOPE"`
	// Redact and RedactKeep are the client's own, see [Config.Redaction].
	Redact     Redact     `env:"REDACT"`
	RedactKeep RedactKeep `env:"REDACT_KEEP"`
	// Rules are the client's toggles, ALLOW, DENY and PRESET.
	Rules acl.Rules `env:"-"`
	// Guard is what the client's own variables say, see [Config.GuardOf].
	Guard      guard.Settings `env:"-"`
	guardIsSet bool
}

const clientPrefix = "CLIENT_"

var (
	// identity matches the variables that declare a client and identify it.
	identity = regexp.MustCompile(`^CLIENT_(.*)_(FROM|CERT|LISTEN)$`)
	// clientName matches the names that can stand for <NAME>.
	clientName = regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)*$`)
)

// declaredClients lists the <NAME>s in CLIENT_<NAME>_FROM, _CERT and _LISTEN.
func declaredClients(environ map[string]string) (names []string) {
	for variable := range environ {
		if match := identity.FindStringSubmatch(variable); match != nil {
			names = append(names, match[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func parseClient(name string, environ map[string]string, learn Learn) (c Client, errs []error) {
	prefix := clientPrefix + name + "_"
	if !clientName.MatchString(name) {
		errs = append(errs, fmt.Errorf("invalid client name in %sFROM: want capital letters, digits and _ between them, as in CLIENT_%s_FROM", prefix, nearestName(name)))
	}
	errs = append(errs, parseFields(&c, prefix, environ)...)
	c.Name = strings.ToLower(name)
	if c.From.Empty() && c.Cert.Empty() && len(c.Listen) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("nothing identifies client %s: %[2]sFROM, %[2]sCERT and %[2]sLISTEN are empty", c.Name, prefix))
	}
	rules, bad := parseRules(prefix, environ, learn)
	c.Rules = rules
	g, badGuard := parseGuard(prefix, environ)
	c.Guard, c.guardIsSet = g, environ[prefix+guardPrefix] != ""
	errs = append(errs, badGuard...)
	if len(bad) == 0 && clientName.MatchString(name) && rules.AllowsNothing() && !learn.On() {
		hint := ""
		if strings.HasSuffix("_"+name, "_ALLOW") {
			hint = "; ALLOW_FROM is for all clients and has no prefix"
		}
		errs = append(errs, fmt.Errorf("client %s may do nothing: set what it needs, as in %sCONTAINERS=1%s", c.Name, prefix, hint))
	}
	return c, append(errs, bad...)
}

// nearestName returns the valid name of a client that is nearest to an invalid one.
func nearestName(name string) string {
	words := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool { return !clientName.MatchString(string(r)) })
	if len(words) == 0 {
		return "PORTAINER"
	}
	return strings.Join(words, "_")
}
