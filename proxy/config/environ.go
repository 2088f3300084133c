package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"postern/acl"
)

// Kubernetes puts variables into every container for each service of its
// namespace, and a Docker link does for each linked container: CLIENT_A_PORT for
// a service client-a, CLIENT_A_SERVICE_PORT_LISTEN if that has a port named
// listen. Users of postern do not choose these names, so they must neither stop
// the start nor declare a client nor get a warning.
var (
	// serviceVar matches the names that no setting of postern's has.
	serviceVar = regexp.MustCompile(`^.+(_SERVICE_HOST|_SERVICE_PORT|_PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO|START|END|PORT_START|PORT_END))?)$`)
	// namedPort matches the variable of a named port. A client named
	// x_service_port could have a variable of this name.
	namedPort = regexp.MustCompile(`^.+_SERVICE_PORT_.+$`)
	// endpoint matches tcp://10.0.0.1:80. A service always has an address:
	// tcp://:80 is a mistake for LISTEN.
	endpoint = regexp.MustCompile(`^(tcp|udp|sctp)://[^:]`)
	// linkName matches the value of the variable <ALIAS>_NAME that a link makes.
	linkName = regexp.MustCompile(`^/[^/]+/[^/]+$`)
)

// withoutServices returns the environment without the variables that stand for
// services and links.
func withoutServices(environ map[string]string) map[string]string {
	var links []string
	for variable, value := range environ {
		if alias, ok := strings.CutSuffix(variable, "_NAME"); ok && linkName.MatchString(value) {
			links = append(links, alias)
		}
	}
	own := maps.Clone(environ)
	maps.DeleteFunc(own, func(variable, value string) bool {
		// A link also hands on the environment of the linked container.
		isLinks := func(alias string) bool {
			return variable == alias+"_NAME" || strings.HasPrefix(variable, alias+"_ENV_")
		}
		port, err := strconv.ParseUint(value, 10, 16)
		isPort := err == nil && port > 1 // 0 and 1 are a toggle's
		return serviceVar.MatchString(variable) ||
			isPort && namedPort.MatchString(variable) ||
			strings.HasSuffix(variable, "_PORT") && endpoint.MatchString(value) ||
			slices.ContainsFunc(links, isLinks)
	})
	return own
}

// quotes are the characters that people, env files and lists in compose files put
// around a value. No setting has one at the end of an item.
const quotes = "\"'`“”„‘’«»"

// unquoted returns a comma-separated value without the quotes around it and around
// its items. An item that ends with one loses all: label="team=a".
func unquoted(value string) string {
	items := strings.Split(value, ",")
	for i, item := range items {
		if item = strings.TrimSpace(item); strings.Trim(item, quotes) != item {
			items[i] = strings.Map(func(r rune) rune {
				if strings.ContainsRune(quotes, r) {
					return -1
				}
				return r
			}, item)
		}
	}
	return strings.Join(items, ",")
}

// withoutQuotes returns the environment with the quotes taken off the settings, and
// an error for each setting that had some. A shell takes quotes away, an env file
// and a list in a compose file do not. The rest of Parse then reports nothing else
// about such a setting.
func withoutQuotes(environ map[string]string) (all map[string]string, errs []error) {
	known, ofClients := varsOf[Config](), varsOf[Client]()
	all = maps.Clone(environ)
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		isClients := func(v string) bool { return strings.HasPrefix(name, clientPrefix) && strings.HasSuffix(name, "_"+v) }
		if name == "TZ" || !slices.Contains(known, name) && !slices.ContainsFunc(ofClients, isClients) {
			continue // a wrong TZ is no error but a warning, see timeZone
		}
		if value := unquoted(environ[name]); value != environ[name] {
			errs = append(errs, fmt.Errorf("invalid %s=%q: want %s without the quotes", name, environ[name], cmp.Or(value, "it")))
			all[name] = value
		}
	}
	return all, errs
}

// parseRules reads the toggles, ALLOW, DENY and PRESET whose names begin with
// prefix, and the patterns in ALLOW_FILE and DENY_FILE.
func parseRules(prefix string, environ map[string]string, learn Learn) (acl.Rules, []error) {
	var errs []error
	all := maps.Clone(environ)
	for _, list := range []string{prefix + "ALLOW", prefix + "DENY"} {
		file := environ[list+"_FILE"]
		if !filepath.IsAbs(file) {
			continue // not set, or parseFields has reported it
		}
		text, err := os.ReadFile(file)
		if err != nil {
			errs = append(errs, unreadable(list, file, err))
		}
		for line := range strings.Lines(string(text)) {
			pattern, _, _ := strings.Cut(line, "#")
			all[list] += "," + strings.TrimSpace(pattern)
		}
	}
	rules, bad := acl.ParseRules(prefix, all)
	bad = namingFile(bad, prefix+"ALLOW", environ)
	bad = namingFile(bad, prefix+"DENY", environ)
	rules.Learn = learn.Forwards()
	return rules, append(errs, bad...)
}

// unreadable is the error about the file of a list.
func unreadable(list, file string, err error) error {
	err = errors.Unwrap(err)
	if errors.Is(err, syscall.EISDIR) {
		err = fmt.Errorf("%w: Docker makes one where the file of a bind mount does not exist", err)
	}
	return fmt.Errorf("cannot read %s_FILE=%q: %w", list, file, err)
}

// namingFile adds the list's file to the errors about the list: the item can be from
// there.
func namingFile(errs []error, list string, environ map[string]string) []error {
	for i, err := range errs {
		if file := environ[list+"_FILE"]; file != "" && strings.HasPrefix(err.Error(), "invalid "+list+"=") {
			errs[i] = fmt.Errorf("%w (%s_FILE=%s adds items to it)", err, list, file)
		}
	}
	return errs
}
