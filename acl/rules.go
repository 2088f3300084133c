package acl

import (
	"cmp"
	"strings"

	"postern/acl/pattern"
	"postern/acl/preset"
)

// Rules are the settings that a policy is compiled from. The zero value is all
// defaults.
type Rules struct {
	// Prefix stands before the names of the variables that the rules came from,
	// such as "CLIENT_ADMIN_", and so in the rule of a decision and in remedies.
	Prefix  string
	Toggles Toggles
	// Allow and Deny are operation ids in which * stands for any letters, none
	// included. A path that matches no operation has the id "", which * alone
	// matches. Deny wins over everything, Allow over everything else.
	//
	// An item of Allow such as ContainerRestart:web-* allows the operation on objects
	// whose names match. It says nothing if another rule allows it on all.
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
	id := s.OperationID()
	for _, p := range r.Deny {
		if pattern.Match(p, id) {
			return false, Setting{"DENY", p}
		}
	}
	for _, p := range r.Allow {
		if pattern.Match(p, id) {
			return true, Setting{"ALLOW", p}
		}
	}
	if allowed, by = r.evaluateToggles(s); allowed {
		return true, by
	}
	if items := r.Named(id); len(items) > 0 {
		return true, Setting{"ALLOW", strings.Join(items, ",")}
	}
	return false, by
}

// Named lists the items of Allow that allow an operation on objects of some names.
func (r Rules) Named(id string) (items []string) {
	for _, item := range r.Allow {
		if op, _, isNamed := strings.Cut(item, ":"); isNamed && pattern.Match(op, id) {
			items = append(items, item)
		}
	}
	return items
}

// evaluateToggles applies what comes after DENY and ALLOW.
func (r Rules) evaluateToggles(s Subject) (allowed bool, by Setting) {
	id, op, t := s.OperationID(), cmp.Or(s.Operation, &Operation{}), r.Toggles
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
