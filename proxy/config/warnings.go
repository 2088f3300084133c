package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/acl"
	"postern/acl/advise"
)

// warnings returns the warnings about settings that may be mistakes. It looks for the
// files of other programs below root.
func (c Config) warnings(environ map[string]string, root string) []string {
	all := slices.Concat(c.timeZone(), c.openPorts(), c.emptyScopes(), misspelt(environ), c.guardWarnings(environ), otherConfigs(root))
	for _, rules := range c.AllRules() {
		all = slices.Concat(all, advise.IneffectiveRefusals(rules), ineffective(rules), spareNames(rules))
	}
	return all
}

// timeZone warns of an unknown TZ, for which Go's runtime silently uses UTC.
func (c Config) timeZone() (warnings []string) {
	want := "want a name such as Europe/Berlin"
	if name := unquoted(c.TZ); name != c.TZ {
		want = "want " + name + " without the quotes"
	}
	if _, err := time.LoadLocation(strings.TrimPrefix(c.TZ, ":")); err != nil {
		warnings = append(warnings, fmt.Sprintf("unknown TZ=%q: times are in UTC; %s", c.TZ, want))
	}
	return warnings
}

// configFiles are where the images that postern replaces have their configuration.
// postern's image has none of them, so such a file was mounted.
var configFiles = []string{
	"/usr/local/etc/haproxy/haproxy.cfg",
	"/usr/local/etc/haproxy/haproxy.cfg.template",
	"/templates/haproxy.cfg",
}

// otherConfigs warns of a mounted configuration of HAProxy. It may be stricter than
// the image's own, and the toggles alone are not.
func otherConfigs(root string) (warnings []string) {
	for _, file := range configFiles {
		if _, err := os.Lstat(filepath.Join(root, file)); err == nil {
			warnings = append(warnings, file+" is not read: rules in it that are stricter than the toggles do not hold; ALLOW and DENY can be as strict, and postern explain shows what is allowed")
		}
	}
	return warnings
}

// ineffective warns of toggles that are on and open nothing, because another one
// is off: POST=1 without a section to write to, BUILD=1 without POST=1,
// ALLOW_LOGS=1 without CONTAINERS=1.
func ineffective(rules acl.Rules) (warnings []string) {
	if rules.Learn {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(rules.Toggles)) {
		if !rules.Toggles[name] {
			continue
		}
		if name == "POST" {
			if !writesBySection(rules) {
				warnings = append(warnings, rules.Prefix+"POST=1 opens nothing: no section is on in which there is something to write; set one, such as "+rules.Prefix+"CONTAINERS=1")
			}
			continue
		}
		if missing := missing(rules, name); missing != "" {
			warnings = append(warnings, fmt.Sprintf("%s%s=1 opens nothing without %s%s=1", rules.Prefix, name, rules.Prefix, missing))
		}
	}
	return warnings
}

// spareNames warns of items such as ALLOW=ContainerRestart:web where another setting
// allows the operation on all objects: a reader may think that the item limits it.
func spareNames(rules acl.Rules) (warnings []string) {
	for i := range acl.Operations {
		op := &acl.Operations[i]
		allowed, by := rules.Evaluate(op.Subject())
		if !allowed || rules.Learn || by.Name == "ALLOW" && strings.Contains(by.Value, ":") {
			continue
		}
		for _, item := range rules.Named(op.ID) {
			warnings = append(warnings, fmt.Sprintf("%sALLOW=%s limits nothing: %s%s allows %s on all", rules.Prefix, item, rules.Prefix, by, op.ID))
		}
	}
	return slices.Compact(warnings)
}

// writesBySection reports whether an operation that writes is in a section that is
// on.
func writesBySection(rules acl.Rules) bool {
	return slices.ContainsFunc(acl.Operations, func(op acl.Operation) bool {
		return op.Subject().Writes && rules.Toggles.On(op.Section().Var)
	})
}

// missing returns the toggle that is off and refuses every operation that the toggle
// name, which is on, would open. It returns "" if there is none.
func missing(rules acl.Rules, name string) string {
	off := ""
	for i := range acl.Operations {
		op := &acl.Operations[i]
		if op.Section().Var != name && (op.RefusedBy != name || advise.IsPodman(op.Section())) {
			continue
		}
		allowed, by := rules.Evaluate(op.Subject())
		if allowed || by.Value != "0" || by.Name == name || off != "" && off != by.Name {
			return ""
		}
		off = by.Name
	}
	return off
}
