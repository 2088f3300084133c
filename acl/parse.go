package acl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/acl/pattern"
	"postern/acl/preset"
	"postern/acl/scope"
	"postern/acl/spelling"
)

// ParseRules picks toggles, ALLOW, DENY and PRESET out of an environment, where
// each has a prefix before its name. It returns an error for every value that has
// no meaning; the others are in Rules.
func ParseRules(prefix string, environ map[string]string) (Rules, []error) {
	p := parser{prefix: prefix, environ: environ}
	r := Rules{Prefix: prefix, Toggles: p.toggles(), Allow: p.patterns("ALLOW"), Deny: p.patterns("DENY"), Presets: p.presets()}
	return r, p.errs
}

type parser struct {
	prefix  string
	environ map[string]string
	errs    []error
}

func (p *parser) invalid(name, value string, err error) {
	p.errs = append(p.errs, fmt.Errorf("invalid %s%s=%q: %w", p.prefix, name, value, err))
}

func (p *parser) toggles() Toggles {
	toggles := Toggles{}
	for _, t := range AllToggles() {
		value, set := p.environ[p.prefix+t.Var]
		if !set {
			continue
		}
		on, err := ParseBool(value)
		if err != nil {
			p.invalid(t.Var, value, err)
			continue
		}
		toggles[t.Var] = on
	}
	return toggles
}

// ParseBool reads a toggle's value: 1 true yes on, 0 false no off, in any
// case. Another integer is on unless it is zero, and an empty string is off,
// as HAProxy reads them.
func ParseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true, nil
	case "", "false", "no", "off":
		return false, nil
	}
	digits := s
	if s[0] == '+' || s[0] == '-' {
		digits = s[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false, errors.New("want 1, true, yes or on; or 0, false, no or off")
	}
	return strings.Trim(digits, "0") != "", nil
}

func (p *parser) patterns(name string) (patterns []string) {
	for _, item := range p.list(name) {
		if err := checkItem(name, item); err != nil {
			p.invalid(name, item, err)
		} else {
			patterns = append(patterns, item)
		}
	}
	return patterns
}

// checkItem checks an item of ALLOW or DENY: an id, or in ALLOW an id with the name of
// an object, such as ContainerRestart:web.
func checkItem(list, item string) error {
	id, name, isNamed := strings.Cut(item, ":")
	matches := func(op Operation) bool { return pattern.Match(id, op.ID) }
	several := spelling.Separator(id)
	switch {
	case several != nil:
		return several
	case !slices.ContainsFunc(Operations, matches):
		return errors.New("no operation has this id; want one such as " + strings.Join(nearestIDs(id), ", "))
	case !isNamed:
		return nil
	case list != "ALLOW":
		return errors.New("only ALLOW can name objects: leave out what is not to be refused there")
	case !slices.ContainsFunc(Operations, func(op Operation) bool { return matches(op) && scope.RuleFor(op.ID).Does == scope.Names }):
		return errors.New("this operation is not about one container, network or volume that has a name; ALLOW=" + id + " allows it on all")
	}
	return scope.CheckPattern(name)
}

// nearestIDs returns the three ids that most resemble a pattern.
func nearestIDs(pattern string) []string {
	var ids []string
	for _, op := range Operations {
		ids = append(ids, op.ID)
	}
	return spelling.Resembling(strings.ReplaceAll(pattern, "*", ""), ids)
}

func (p *parser) presets() (all []preset.Preset) {
	for _, name := range p.list("PRESET") {
		found, err := preset.Find(name)
		if several := spelling.Separator(name); several != nil {
			err = several
		}
		if err != nil {
			p.invalid("PRESET", name, err)
			continue
		}
		all = append(all, found)
	}
	return all
}

// list splits a variable's value at its commas.
func (p *parser) list(name string) (items []string) {
	for item := range strings.SplitSeq(p.environ[p.prefix+name], ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
