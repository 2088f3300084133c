// Package explain prints what a policy permits and why.
package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"postern/acl"
)

// Report is what explain --json prints.
type Report struct {
	// Client is whose policy it is, "" for everybody who is none of Clients.
	Client     string      `json:"client,omitempty"`
	Clients    []string    `json:"clients,omitempty"`
	Summary    Summary     `json:"summary"`
	Warnings   []Warning   `json:"warnings"`
	Operations []Operation `json:"operations"`
}

// Summary counts what a policy allows and names the sections in which it
// allows anything.
type Summary struct {
	Allowed int      `json:"allowed"`
	Of      int      `json:"of"`
	Reads   []string `json:"reads"`
	Writes  []string `json:"writes"`
}

// Warning is a danger that the policy opens.
type Warning struct {
	Kind       string   `json:"kind"`
	Operations []string `json:"operations"`
	Why        string   `json:"why"`
}

// Operation is one row of the operation table with its verdict.
type Operation struct {
	ID       string     `json:"id"`
	Method   string     `json:"method"`
	Path     string     `json:"path"`
	Section  string     `json:"section"`
	Allowed  bool       `json:"allowed"`
	Rule     string     `json:"rule"`
	Remedies [][]string `json:"remedies,omitempty"`
	Advice   string     `json:"advice,omitempty"`
}

// expression is the part of a route's variable that says what it matches.
var expression = regexp.MustCompile(`:[^}]*`)

// New explains a policy.
func New(policy *acl.Policy) Report {
	r := Report{Warnings: []Warning{}, Summary: Summary{Of: len(acl.Operations), Reads: []string{}, Writes: []string{}}}
	for i := range acl.Operations {
		op := &acl.Operations[i]
		v := policy.Operation(i)
		section := op.Section().Var
		r.Operations = append(r.Operations, Operation{
			ID: op.ID, Method: op.Method, Path: expression.ReplaceAllString(op.Pattern, ""), Section: section,
			Allowed: v.Allowed, Rule: v.Rule, Remedies: v.Remedies, Advice: v.Advice,
		})
		if !v.Allowed {
			continue
		}
		r.Summary.Allowed++
		list := &r.Summary.Reads
		if op.NeedsPOST() {
			list = &r.Summary.Writes
		}
		if !slices.Contains(*list, section) {
			*list = append(*list, section)
		}
	}
	for _, d := range policy.Dangers() {
		r.Warnings = append(r.Warnings, Warning{string(d.Kind), d.All, d.Why})
	}
	return r
}

// Text writes the report for a terminal.
func (r Report) Text(w io.Writer) error {
	who := "Clients"
	switch {
	case r.Client != "":
		who = "Client " + r.Client
	case len(r.Clients) > 0:
		who = "Whoever is not " + strings.Join(r.Clients, ", ") + " (see --client)"
	}
	fmt.Fprintf(w, "%s may run %d of %d operations.\n  read   %s\n  write  %s\n", who,
		r.Summary.Allowed, r.Summary.Of, list(r.Summary.Reads), list(r.Summary.Writes))
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "\nwarning: %s: %s lets a client %s", warning.Kind, strings.Join(warning.Operations, " with "), warning.Why)
	}
	if len(r.Warnings) > 0 {
		fmt.Fprintln(w)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range acl.Sections {
		fmt.Fprintf(table, "\n%s\n", s.Var)
		for _, op := range r.Operations {
			if op.Section != s.Var {
				continue
			}
			// What a way opens beside is left to the question about one request.
			advice, _, _ := strings.Cut(op.Advice, ";")
			verdict, why := "refused", advice
			if op.Allowed {
				verdict, why = "allowed", op.Rule
			}
			fmt.Fprintf(table, "  %s\t%s\t%s %s\t%s\n", verdict, op.ID, op.Method, op.Path, why)
		}
	}
	return table.Flush()
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " ")
}

// printJSON writes a report, or the answer on one request, for programs.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// Answer is the verdict on one request.
type Answer struct {
	Client    string     `json:"client,omitempty"`
	Method    string     `json:"method"`
	Path      string     `json:"path"`
	Operation string     `json:"operation"`
	Allowed   bool       `json:"allowed"`
	Rule      string     `json:"rule"`
	Redirect  string     `json:"redirect,omitempty"`
	Remedies  [][]string `json:"remedies,omitempty"`
	Advice    string     `json:"advice,omitempty"`
}

// Request judges a request as the proxy does. target is written as on the
// wire, with or without a query.
func Request(policy *acl.Policy, method, target string) (Answer, error) {
	if method != strings.ToUpper(method) {
		return Answer{}, fmt.Errorf("invalid method %q: want one in capitals, such as GET or POST", method)
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return Answer{}, fmt.Errorf("invalid path %q: want one such as /v1.41/containers/json", target)
	}
	request, v := policy.Judge(method, u.Path, u.EscapedPath())
	return Answer{
		Method: method, Path: request.Path, Operation: request.ID(), Allowed: v.Allowed, Rule: v.Rule,
		Redirect: request.Redirect, Remedies: v.Remedies, Advice: v.Advice,
	}, nil
}

// Text writes the answer for a terminal.
func (a Answer) Text(w io.Writer) error {
	subject := a.Method + " " + a.Path
	if a.Operation != "" {
		subject += " (" + a.Operation + ")"
	}
	var err error
	switch {
	case a.Redirect != "":
		_, err = fmt.Fprintf(w, "redirected: %s to %s\n", subject, a.Redirect)
	case a.Allowed:
		_, err = fmt.Fprintf(w, "allowed: %s by %s\n", subject, a.Rule)
	case a.Advice == "":
		_, err = fmt.Fprintf(w, "refused: %s is in no section of the API\n", subject)
	default:
		_, err = fmt.Fprintf(w, "refused: %s by %s: %s\n", subject, a.Rule, a.Advice)
	}
	return err
}
