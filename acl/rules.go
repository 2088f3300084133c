package acl

import (
	"fmt"
	"slices"
	"strings"
)

// Rules is what a policy is compiled from. The zero value is all defaults.
type Rules struct {
	// Prefix stands before the names of the variables that the rules came from,
	// such as "CLIENT_ADMIN_", and so in what a verdict tells people to set.
	Prefix  string
	Toggles Toggles
	// Allow and Deny are operation ids in which * stands for any letters, none
	// included. Deny wins over everything, Allow over everything else.
	Allow, Deny []string
	// Presets are names of Presets; what they hold is allowed as Allow is. A
	// name that is none allows nothing.
	Presets []string
	// Learn allows everything in a section that Deny does not name, see
	// [Learning].
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
// each has a prefix before its name. It returns an error for every value that means
// nothing; the others are in Rules.
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

// Idle reports whether nobody meant the rules to allow anything: they say
// nothing, or refuse every operation.
func (r Rules) Idle() bool {
	if len(r.Toggles) == 0 && len(r.Allow) == 0 && len(r.Presets) == 0 {
		return true
	}
	return !slices.ContainsFunc(subjects, func(s subject) bool {
		allowed, _ := decide(r, s)
		return allowed
	})
}

// Overridden says which granular refusals that somebody has written down,
// ALLOW_LOGS=0 and its like, refuse nothing, because ALLOW or PRESET come first:
// whoever writes both means one of them.
func (r Rules) Overridden() (warnings []string) {
	for _, s := range subjects {
		if value, set := r.Toggles[s.RefusedBy]; !set || value {
			continue
		}
		without := Rules{Allow: r.Allow, Deny: r.Deny, Presets: r.Presets}
		if allowed, rule := decide(without, s); allowed {
			warnings = append(warnings, fmt.Sprintf("%s%s=0 does not refuse %s, which %s%s allows: %sDENY=%s does",
				r.Prefix, s.RefusedBy, s.ID, r.Prefix, rule, r.Prefix, s.ID))
		}
	}
	return warnings
}

// RuleVars lists the variables that [ParseRules] reads, without a prefix.
func RuleVars() []string {
	names := []string{"ALLOW", "DENY", "PRESET"}
	for _, t := range AllToggles() {
		names = append(names, t.Var)
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

// matching returns the first pattern that matches an operation's id. A path
// that is no operation has the id "", which * alone matches.
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
	return resembling(strings.ReplaceAll(pattern, "*", ""), ids)
}
