package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/pattern"
	"postern/acl/scope"
	"postern/acl/spelling"
)

// Scope is the scope of one client.
type Scope struct {
	// Of is nil if the client sees all.
	Of *scope.Scope
	// Rule is the setting that says so, such as "CLIENT_CI_SCOPE=mine", or "".
	Rule string
	// variable is where it comes from, such as "SCOPE".
	variable string
	// Stamp is the value of the stamp on what the client makes.
	Stamp string
}

// ScopeOf returns the scope of a declared client, or with "" that of the others. A
// client that has no SCOPE of its own has that of the others: a restriction for
// everybody must hold for everybody.
func (c Config) ScopeOf(name string) Scope {
	s, _ := c.scopeOf(name)
	return s
}

func (c Config) scopeOf(name string) (Scope, error) {
	s := Scope{Stamp: scope.Everybody}
	variable, value := "SCOPE", c.Scope
	for _, client := range c.Clients {
		if name != "" && client.Name == name {
			s.Stamp = name
			if client.Scope != "" {
				variable, value = client.Rules.Prefix+"SCOPE", client.Scope
			}
		}
	}
	s.variable = variable
	rule := variable + "=" + value
	if value == "" && c.GuardOf(name).On {
		// Attach, archive, a shared volume lead through another's powers: a guard over what
		// a client makes keeps its promise only if the client reaches nothing else.
		value, rule = "mine", c.GuardRule(name)
	}
	of, err := scope.Parse(value, s.Stamp)
	if err != nil {
		return s, fmt.Errorf("invalid %s=%q: %w", variable, value, err)
	}
	if s.Of = of; of != nil {
		s.Rule = rule
	}
	return s, nil
}

// Scopes returns the scopes of all clients by their names, the others' by "".
func (c Config) Scopes() map[string]Scope {
	all := map[string]Scope{"": c.ScopeOf("")}
	for _, name := range c.ClientNames() {
		all[name] = c.ScopeOf(name)
	}
	return all
}

// Stamps reports whether what clients make gets the stamp: once one of them sees what
// it made, or is guarded.
func (c Config) Stamps() bool {
	for _, s := range c.Scopes() {
		if s.Of != nil && s.Of.Mine != "" {
			return true
		}
	}
	return c.Guards()
}

// ReservedFrom returns a function that reports whether a name is one that another
// client's settings are about, so that the client may not give it to a container.
func (c Config) ReservedFrom(name string) func(string) bool {
	own := c.ScopeOf(name).Of
	var patterns []string
	add := func(other string, allow []string) {
		if other == name {
			return
		}
		patterns = append(patterns, allow...)
		if of := c.ScopeOf(other).Of; of != nil {
			patterns = append(patterns, of.Names...)
		}
	}
	add("", c.Rules.Names())
	for _, client := range c.Clients {
		add(client.Name, client.Rules.Names())
	}
	// "*" is about no name in particular.
	patterns = slices.DeleteFunc(patterns, func(p string) bool { return strings.Trim(p, "*") == "" })
	return func(object string) bool {
		return pattern.MatchAny(patterns, object) && !(own != nil && pattern.MatchAny(own.Names, object))
	}
}

// emptyScopes warns of clients that see what they made and may make nothing.
func (c Config) emptyScopes() (warnings []string) {
	creates := func(rules acl.Rules) bool {
		return slices.ContainsFunc(acl.Operations, func(op acl.Operation) bool {
			allowed, _ := rules.Evaluate(op.Subject())
			return allowed && scope.RuleFor(op.ID).Does == scope.Creates
		})
	}
	names := append([]string{""}, c.ClientNames()...)
	for i, rules := range c.AllRules() {
		s := c.ScopeOf(names[i])
		if s.Of != nil && s.Of.Mine != "" && !s.Of.HasTerms() && !rules.Learn && !rules.AllowsNothing() && !creates(rules) {
			who := "client " + names[i]
			switch {
			case len(c.Clients) == 0:
				who = "a client"
			case names[i] == "":
				who = "any other client"
			}
			warnings = append(warnings, fmt.Sprintf("%s: %s sees nothing, since it may make neither containers nor networks nor volumes; %sSCOPE=* shows all", s.Rule, who, rules.Prefix))
		}
	}
	return warnings
}

// scopeErrors finds scopes that have no meaning, and misspelt names of SCOPE. A scope
// that is not in force is no warning but an error.
func (c Config) scopeErrors(environ map[string]string) (errs []error) {
	told := map[string]bool{}
	for _, name := range append([]string{""}, c.ClientNames()...) {
		if _, err := c.scopeOf(name); err != nil && !told[err.Error()] {
			told[err.Error()] = true
			errs = append(errs, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if strings.HasPrefix(strings.ToUpper(name), "SCOPE") && name != "SCOPE" {
			hint := "want SCOPE"
			if near := spelling.Nearest(strings.ToUpper(name), varsOf[Config]()); near != "" {
				hint = "did you mean " + near + "?"
			}
			errs = append(errs, fmt.Errorf("%s is no setting, and a scope that is misspelt would limit nobody: %s", name, hint))
		}
	}
	return errs
}
