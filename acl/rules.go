package acl

import (
	"fmt"
	"slices"
	"strings"

	"postern/acl/preset"
	"postern/acl/spelling"
)

// Rules are the settings that a policy is compiled from. The zero value is all
// defaults.
type Rules struct {
	// Prefix stands before the names of the variables that the rules came from,
	// such as "CLIENT_ADMIN_", and so in the rule of a decision and in remedies.
	Prefix  string
	Toggles Toggles
	// Allow and Deny are operation ids in which * stands for any letters, none
	// included. Deny wins over everything, Allow over everything else.
	Allow, Deny []string
	// Presets allow their operations as Allow does.
	Presets []preset.Preset
	// Learn makes a policy allow everything in a section that Deny does not
	// name, see [Learning].
	Learn bool
}

// Only returns the rules that allow the operations with these ids and nothing
// else.
func Only(ids ...string) Rules {
	off := Toggles{}
	for _, s := range Sections {
		off[s.Var] = false
	}
	return Rules{Toggles: off, Allow: ids}
}

// ParseRules picks toggles, ALLOW, DENY and PRESET out of an environment, where
// each has a prefix before its name. It returns an error for every value that has
// no meaning; the others are in Rules.
func ParseRules(prefix string, environ map[string]string) (Rules, []error) {
	toggles, errs := parseToggles(prefix, environ)
	r := Rules{Prefix: prefix, Toggles: toggles}
	var bad []error
	r.Allow, bad = parsePatterns(prefix+"ALLOW", environ)
	errs = append(errs, bad...)
	r.Deny, bad = parsePatterns(prefix+"DENY", environ)
	errs = append(errs, bad...)
	r.Presets, bad = parsePresets(prefix+"PRESET", environ)
	return r, append(errs, bad...)
}

// Setting is a variable with its value.
type Setting struct{ Name, Value string }

func (s Setting) String() string { return s.Name + "=" + s.Value }

// Evaluate applies the rules to a subject, in the order that the package comment
// gives. It ignores Learn. by is the setting that decides, its name without the
// prefix; it is zero for a subject in no section.
func (r Rules) Evaluate(s Subject) (allowed bool, by Setting) {
	if s.Section == nil {
		return false, Setting{}
	}
	allowed, by = r.evaluate(s)
	if allowed && s.Configures {
		// ALLOW_START does not cover what a start can do in an old API.
		unknown := Subject{Section: s.Section, Writes: true}
		if ok, refusal := r.evaluate(unknown); !ok {
			return false, refusal
		}
	}
	return allowed, by
}

func (r Rules) evaluate(s Subject) (allowed bool, by Setting) {
	id, op, t := s.id(), s.Operation, r.Toggles
	if op == nil {
		op = &Operation{}
	}
	if pattern, found := matching(r.Deny, id); found {
		return false, Setting{"DENY", pattern}
	}
	if pattern, found := matching(r.Allow, id); found {
		return true, Setting{"ALLOW", pattern}
	}
	for _, p := range r.Presets {
		if p.Has(id) {
			return true, Setting{"PRESET", p.Name}
		}
	}
	for _, grant := range op.GrantedBy {
		if t.On(grant) {
			return true, Setting{grant, "1"}
		}
	}
	switch {
	case !t.On(s.Section.Var):
		return false, Setting{s.Section.Var, "0"}
	case op.Also != "" && !t.On(op.Also):
		return false, Setting{op.Also, "0"}
	case op.RefusedBy != "" && t.Refuses(op.RefusedBy):
		return false, Setting{op.RefusedBy, "0"}
	case s.Writes && !t.On("POST"):
		return false, Setting{"POST", "0"}
	}
	return true, Setting{s.Section.Var, "1"}
}

// AllowsNothing reports whether the rules set nothing, or refuse every
// operation.
func (r Rules) AllowsNothing() bool {
	if len(r.Toggles) == 0 && len(r.Allow) == 0 && len(r.Presets) == 0 {
		return true
	}
	for i := range Operations {
		if allowed, _ := r.Evaluate(Operations[i].Subject()); allowed {
			return false
		}
	}
	return true
}

// RuleVars lists the variables that [ParseRules] reads, without a prefix.
func RuleVars() []string {
	names := []string{"ALLOW", "DENY", "PRESET"}
	for _, t := range AllToggles() {
		names = append(names, t.Var)
	}
	return names
}

// PresetNames lists the names of the presets, in the order of PRESET.
func (r Rules) PresetNames() []string {
	var names []string
	for _, p := range r.Presets {
		names = append(names, p.Name)
	}
	return names
}

func parsePatterns(name string, environ map[string]string) (patterns []string, errs []error) {
	for pattern := range strings.SplitSeq(environ[name], ",") {
		pattern = strings.TrimSpace(pattern)
		switch {
		case pattern == "":
		case slices.ContainsFunc(Operations, func(op Operation) bool { return glob(pattern, op.ID) }):
			patterns = append(patterns, pattern)
		default:
			errs = append(errs, fmt.Errorf("invalid %s=%q: no operation has this id; want one such as %s",
				name, pattern, strings.Join(nearestIDs(pattern), ", ")))
		}
	}
	return patterns, errs
}

func parsePresets(variable string, environ map[string]string) (all []preset.Preset, errs []error) {
	for name := range strings.SplitSeq(environ[variable], ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		p, err := preset.Find(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("invalid %s=%q: %w", variable, name, err))
			continue
		}
		all = append(all, p)
	}
	return all, errs
}

// matching returns the first pattern that matches an operation's id. A path
// that matches no operation has the id "", which * alone matches.
func matching(patterns []string, id string) (pattern string, found bool) {
	i := slices.IndexFunc(patterns, func(p string) bool { return glob(p, id) })
	if i < 0 {
		return "", false
	}
	return patterns[i], true
}

// glob reports whether the whole of s matches pattern, in which * stands for
// any run of characters.
func glob(pattern, s string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == s
	}
	parts := strings.Split(pattern, "*")
	s, ok := strings.CutPrefix(s, parts[0])
	if len(parts) == 1 || !ok {
		return ok && s == ""
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, parts[last])
}

// nearestIDs returns the three ids that most resemble a pattern.
func nearestIDs(pattern string) []string {
	var ids []string
	for _, op := range Operations {
		ids = append(ids, op.ID)
	}
	return spelling.Resembling(strings.ReplaceAll(pattern, "*", ""), ids)
}
