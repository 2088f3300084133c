package scope

import "strings"

// String says in words what is in the scope: "containers named web or db-*".
func (s *Scope) String() string {
	if s == nil {
		return "everything"
	}
	var parts []string
	if s.Mine != "" {
		parts = append(parts, "what it made itself")
	}
	if s.HasTerms() {
		parts = append(parts, s.terms())
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", and ")
}

func (s *Scope) terms() string {
	var labels []string
	for _, l := range s.Labels {
		labels = append(labels, l.String())
	}
	switch {
	case len(s.Names) == 0:
		return "what has the label " + strings.Join(labels, " and ")
	case len(labels) == 0:
		return "containers named " + strings.Join(s.Names, " or ")
	}
	return "containers named " + strings.Join(s.Names, " or ") + " with the label " + strings.Join(labels, " and ")
}
