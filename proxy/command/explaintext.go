package command

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"postern/acl"
	"postern/acl/redact"
	"postern/proxy/limits"
)

// Text writes the report for a terminal: what is allowed, then what is refused.
func (r Report) Text(w io.Writer) error {
	clients := "Clients"
	switch {
	case r.Client != "":
		clients = "Client " + r.Client
	case len(r.Clients) > 0:
		clients = "Clients other than " + strings.Join(r.Clients, ", ") + " (see --client)"
	}
	fmt.Fprintf(w, "%s may run %d of %d operations.\n  read   %s\n  write  %s\n", clients,
		r.Summary.Allowed, r.Summary.Of, list(r.Summary.Reads), list(r.Summary.Writes))
	if r.Scope != "" {
		fmt.Fprintf(w, "  sees   only %s (%s)\n", r.Scope, r.ScopeRule)
	}
	for _, op := range r.Operations {
		if len(op.Names) > 0 {
			fmt.Fprintf(w, "  named  %s on %s alone\n", op.ID, strings.Join(op.Names, ", "))
		}
	}
	if r.Redact != "" {
		fmt.Fprintf(w, "\nREDACT=%s: responses have *** for %s.\n", r.Redact, limits.Hides[r.Redact])
		if len(r.Keep) > 0 {
			fmt.Fprintf(w, "It leaves the variables %s.\n", strings.Join(r.Keep, " "))
		}
		if len(r.Around) > 0 {
			fmt.Fprintf(w, "These give it away nevertheless, in %s: %s.\n", redact.AroundWhat, strings.Join(r.Around, " "))
		}
	}
	for _, text := range r.Settings {
		fmt.Fprintf(w, "\nwarning: %s", text)
	}
	for _, d := range r.Warnings {
		fmt.Fprintf(w, "\nwarning: %s: %s lets a client %s", d.Kind, strings.Join(d.All, " with "), d.Why)
	}
	if len(r.Settings)+len(r.Warnings) > 0 {
		fmt.Fprintln(w)
	}
	r.writeGuard(w)
	r.writeAllowed(w)
	if r.all {
		r.writeRefused(w)
	} else {
		r.countRefused(w)
	}
	if left := len(acl.Operations) - len(r.Operations); left > 0 {
		fmt.Fprintf(w, "\n%d operations of Podman's own API, /libpod, are left out, since no LIBPOD_ variable is on: --all shows them.\n", left)
	}
	return nil
}

// writeAllowed writes the allowed operations with the rules that allow them, those
// of a section together.
func (r Report) writeAllowed(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "\nallowed\n"
	for _, op := range r.Operations {
		if op.Allowed {
			fmt.Fprintf(table, "%s  %s\t%s %s\t%s\n", head, op.ID, op.Method, op.Path, op.Rule)
			head = ""
		}
	}
	table.Flush()
}

// writeRefused writes the refused operations with what would allow them, by section.
func (r Report) writeRefused(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range acl.Sections {
		head := "\nrefused in " + s.Var + "\n"
		for _, op := range r.Operations {
			if op.Section == s.Var && !op.Allowed {
				fmt.Fprintf(table, "%s  %s\t%s %s\t%s\n", head, op.ID, op.Method, op.Path, op.short)
				head = ""
			}
		}
	}
	table.Flush()
}

// lineWidth is how long a line of counts may be, in characters.
const lineWidth = 100

// countRefused writes how many operations are refused in each section.
func (r Report) countRefused(w io.Writer) {
	sum, line := 0, ""
	var lines []string
	for _, s := range acl.Sections {
		refused := 0
		for _, op := range r.Operations {
			if op.Section == s.Var && !op.Allowed {
				refused++
			}
		}
		if refused == 0 {
			continue
		}
		sum += refused
		count := fmt.Sprintf("  %s %d", s.Var, refused)
		if len(line)+len(count) > lineWidth {
			lines, line = append(lines, line), ""
		}
		line += count
	}
	if sum > 0 {
		fmt.Fprintf(w, "\nrefused: %d (explain --all lists them, with what would allow each)\n%s\n", sum, strings.Join(append(lines, line), "\n"))
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " ")
}
