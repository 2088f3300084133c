package limits

import (
	"fmt"
	"strings"

	"postern/acl"
	"postern/acl/redact"
)

// Hides says what the values of REDACT hide.
var Hides = map[string]string{
	"env":      "the values of environment variables",
	"args":     "command lines",
	"env,args": "the values of environment variables and command lines",
}

// Words puts the limits of a client with a policy into words, a line for each. There are
// none for a client that nothing limits.
func (l *Limits) Words(p *acl.Policy) (lines []string) {
	if l == nil {
		return nil
	}
	if l.Scope != nil {
		lines = append(lines, l.ScopeRule+": sees only "+l.Scope.String())
	}
	if l.Guard != nil {
		line := l.GuardRule + ": the containers that it makes have no power over the host or over others"
		if set := l.Guard.Names(); len(set) > 0 {
			line += ", but for " + strings.Join(set, " ")
		}
		lines = append(lines, line)
	}
	if r := l.Redact; r.Kinds != 0 {
		line := fmt.Sprintf("%s: responses have *** for %s", r.Rule, Hides[r.Kinds.String()])
		if len(r.Keep) > 0 {
			line += ", but not for the variables " + strings.Join(r.Keep, " ")
		}
		lines = append(lines, line)
		if around := r.Around(p); len(around) > 0 {
			lines = append(lines, fmt.Sprintf("%s does not hold for %s: %s", r.Rule, redact.AroundWhat, strings.Join(around, " ")))
		}
	}
	return lines
}
