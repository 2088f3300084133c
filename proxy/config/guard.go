package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"postern/acl/guard"
	"postern/acl/spelling"
)

const guardPrefix = "GUARD"

// guardVars lists the variables of GUARD, without a prefix.
func guardVars() (names []string) {
	for _, v := range guard.Variables {
		names = append(names, v.Name)
		if v.IsList {
			names = append(names, v.Name+"_FILE")
		}
	}
	return names
}

// guardSetting is GUARD in the list of all settings. docs/guard.md has its variables.
var guardSetting = Setting{Var: guardPrefix, Help: "1 keeps what clients create away from the host; docs/guard.md has its variables"}

// parseGuard reads GUARD and the GUARD variables whose names begin with prefix, and
// the items in the files of their _FILE twins.
func parseGuard(prefix string, environ map[string]string) (guard.Settings, []error) {
	var errs []error
	all := maps.Clone(environ)
	for _, v := range guard.Variables {
		name := prefix + v.Name
		file := environ[name+"_FILE"]
		switch {
		case !v.IsList || file == "":
			continue
		case !filepath.IsAbs(file):
			errs = append(errs, fmt.Errorf("invalid %s_FILE=%q: want an absolute path", name, file))
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			errs = append(errs, unreadable(name, file, err))
		}
		for line := range strings.Lines(string(text)) {
			item, _, _ := strings.Cut(line, "#")
			all[name] += "\n" + strings.ReplaceAll(strings.TrimSpace(item), ",", `\,`)
		}
	}
	settings, bad := guard.Parse(prefix, all)
	for _, v := range guard.Variables {
		bad = namingFile(bad, prefix+v.Name, environ)
	}
	return settings, append(errs, bad...)
}

// GuardOf returns the guard of a declared client, or with "" that of the others. GUARD
// holds also for a client that does not set it: a restriction for everybody must hold
// for everybody. What the other variables permit is each client's own.
func (c Config) GuardOf(name string) guard.Settings {
	for _, client := range c.Clients {
		if name != "" && client.Name == name {
			g := client.Guard
			if !client.guardIsSet {
				g.On = c.Guard.On
			}
			return g
		}
	}
	return c.Guard
}

// Guards reports whether a client is guarded.
func (c Config) Guards() bool {
	return slices.ContainsFunc(append([]string{""}, c.ClientNames()...), func(name string) bool { return c.GuardOf(name).On })
}

// HostNamesOf returns the host names by which clients other than one are known.
func (c Config) HostNamesOf(others string) (names []string) {
	for _, client := range c.Clients {
		if client.Name != others {
			names = append(names, client.From.Names...)
		}
	}
	return names
}

// GuardRule is the setting that guards a client, such as "CLIENT_CI_GUARD=1".
func (c Config) GuardRule(name string) string {
	if client, err := c.Client(name); err == nil && client.guardIsSet {
		return client.Rules.Prefix + guardPrefix + "=1"
	}
	return guardPrefix + "=1"
}

// kubernetesVar matches what Kubernetes sets for a service called guard.
var kubernetesVar = regexp.MustCompile(`^GUARD_(PORT$|PORT_|SERVICE_)`)

// guardErrors finds misspelt names of GUARD's variables. One that is not in force is no
// warning but an error: it would permit less than the user wrote, or guard nobody.
func guardErrors(environ map[string]string) (errs []error) {
	known := guardVars()
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		upper := strings.ToUpper(name)
		isGuards := strings.HasPrefix(upper, guardPrefix+"_") || spelling.Nearest(upper, []string{guardPrefix}) != ""
		if !isGuards || slices.Contains(known, name) || kubernetesVar.MatchString(name) {
			continue
		}
		var names []string
		for _, v := range guard.Variables {
			names = append(names, v.Name)
		}
		hint := "want one of " + strings.Join(names, " ")
		// GUARD_CAPS is GUARD_CAP_ADD, though GUARD_CPUS is nearer.
		begins := func(known string) bool {
			return upper != guardPrefix && strings.HasPrefix(known, strings.TrimSuffix(upper, "S"))
		}
		if i := slices.IndexFunc(names, begins); i >= 0 {
			hint = "did you mean " + names[i] + "?"
		} else if near := spelling.Nearest(upper, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		errs = append(errs, fmt.Errorf("%s is no setting: %s", name, hint))
	}
	return errs
}

// guardWarnings warns of what a guard leaves open, and of guards that say nothing.
func (c Config) guardWarnings(environ map[string]string) (warnings []string) {
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if kubernetesVar.MatchString(name) && !slices.Contains(guardVars(), name) {
			warnings = append(warnings, name+" has no effect: it looks like a variable of Kubernetes for a service called guard")
		}
	}
	for _, name := range append([]string{""}, c.ClientNames()...) {
		g := c.GuardOf(name)
		if !g.On {
			scoped := c.ScopeOf(name).Of != nil
			shares := func(setting string) bool {
				name := strings.TrimPrefix(setting, g.Prefix)
				return scoped && (strings.HasPrefix(name, "GUARD_NETWORK=") || strings.HasPrefix(name, "GUARD_VOLUME="))
			}
			if names := slices.DeleteFunc(g.Names(), shares); len(names) > 0 {
				warnings = append(warnings, strings.Join(names, " ")+" has no effect without "+g.Prefix+"GUARD=1")
			}
			continue
		}
		warnings = append(warnings, g.Dangers()...)
		if s := c.ScopeOf(name); s.Of == nil {
			warnings = append(warnings, s.variable+"=*: a guarded client reaches into the containers of all others as far as these have no more than it may have itself")
		}
	}
	return warnings
}
