// Package command holds what main does with the settings: it starts the proxy and
// logs the start (start.go, startlog.go), and has the commands explain, presets,
// healthcheck and help.
package command

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/guard"
	"postern/acl/pattern"
	"postern/acl/scope"
	"postern/acl/spelling"
	"postern/proxy/config"
)

// Report is what explain --json prints.
type Report struct {
	// Client has the policy, "" for the clients that are none of Clients.
	Client     string          `json:"client,omitempty"`
	Clients    []string        `json:"clients,omitempty"`
	Summary    advise.Summary  `json:"summary"`
	Warnings   []advise.Danger `json:"warnings"`
	Operations []Operation     `json:"operations"`
	// Scope says in words what the client sees, and ScopeRule is the setting that says
	// so. Both are "" if it sees all.
	Scope     string `json:"scope,omitempty"`
	ScopeRule string `json:"scope_rule,omitempty"`
	// Settings are the warnings about variables that have no effect.
	Settings []string `json:"settings,omitempty"`
	// Guard are the settings that guard the client, Permits what these let it have. Both
	// are empty without a guard.
	Guard   []string     `json:"guard,omitempty"`
	Permits []guard.Term `json:"permits,omitempty"`
}

// Operation is one row of the operation table with its decision.
type Operation struct {
	ID      string `json:"id"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Section string `json:"section"`
	Allowed bool   `json:"allowed"`
	Rule    string `json:"rule"`
	// Names are patterns: the operation is allowed on objects of these names alone.
	Names []string `json:"names,omitempty"`
	// Remedies are the sets of settings that would allow the operation, and
	// Remedy puts them into words.
	Remedies [][]string `json:"remedies,omitempty"`
	Remedy   string     `json:"remedy,omitempty"`
	// short is Remedy without the other operations that it opens.
	short string
}

// NewReport explains a policy within a scope, with the operations of Podman's own API
// if podman is set.
func NewReport(policy *acl.Policy, within config.Scope, podman bool) Report {
	r := Report{Summary: advise.Summarize(policy, podman), Warnings: append([]advise.Danger{}, dangersWithin(policy, within)...)}
	for i := range acl.Operations {
		op := &acl.Operations[i]
		if advise.IsPodman(op.Section()) && !podman {
			continue
		}
		d := policy.Operation(i)
		if d = unscoped(d, within); d.Reason != "" {
			r.Summary.Allowed--
		}
		remedy := advise.RemedyFor(policy, d)
		r.Operations = append(r.Operations, Operation{
			ID: op.ID, Method: op.Method, Path: op.Path(), Section: op.Section().Var,
			Allowed: d.Outcome == acl.Allowed, Rule: d.Rule, Names: d.Names,
			Remedies: remedy.Sets, Remedy: remedy.String(), short: remedy.Text,
		})
	}
	if within.Of != nil {
		r.Scope, r.ScopeRule = within.Of.String(), within.Rule
	}
	return r
}

// unscoped refuses what cannot be held to a scope.
func unscoped(d acl.Decision, within config.Scope) acl.Decision {
	if within.Of == nil || d.Outcome != acl.Allowed || scope.RuleFor(d.OperationID()).Does != scope.Refused {
		return d
	}
	return d.Refuse(within.Rule, "it cannot be held to a scope")
}

// dangersWithin lists the dangers that a policy opens, without those that a scope closes.
func dangersWithin(policy *acl.Policy, within config.Scope) []advise.Danger {
	all := advise.Dangers(policy)
	if within.Of == nil {
		return all
	}
	refused := func(id string) bool { return scope.RuleFor(id).Does == scope.Refused }
	return slices.DeleteFunc(all, func(d advise.Danger) bool { return slices.ContainsFunc(d.All, refused) })
}

// Text writes the report for a terminal.
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
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range acl.Sections {
		head := "\n" + s.Var + "\n"
		for _, op := range r.Operations {
			if op.Section != s.Var {
				continue
			}
			fmt.Fprint(table, head)
			head = ""
			outcome, why := acl.Refused, op.short
			if op.Allowed {
				outcome, why = acl.Allowed, op.Rule
			}
			fmt.Fprintf(table, "  %s\t%s\t%s %s\t%s\n", outcome, op.ID, op.Method, op.Path, why)
		}
	}
	if left := len(acl.Operations) - len(r.Operations); left > 0 {
		fmt.Fprintf(table, "\n%d operations of Podman's own API, /libpod, are left out, since no LIBPOD_ variable is on: --all shows them.\n", left)
	}
	return table.Flush()
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " ")
}

// Response is the decision on one request.
type Response struct {
	Client    string `json:"client,omitempty"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	Operation string `json:"operation"`
	Allowed   bool   `json:"allowed"`
	Rule      string `json:"rule"`
	Redirect  string `json:"redirect,omitempty"`
	// Names are as in Operation. Scope is as in Report.
	Names []string `json:"names,omitempty"`
	Scope string   `json:"scope,omitempty"`
	// Remedies and Remedy are as in Operation.
	Remedies [][]string `json:"remedies,omitempty"`
	Remedy   string     `json:"remedy,omitempty"`
}

// Request decides on a request as the proxy does. The method may be in small letters.
// target is written as on the wire, with or without a query.
func Request(policy *acl.Policy, within config.Scope, method, target string) (Response, error) {
	if strings.Trim(method, letters) != "" {
		return Response{}, fmt.Errorf("invalid method %q: want one such as GET or POST", method)
	}
	method = strings.ToUpper(method)
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Opaque != "" {
		return Response{}, fmt.Errorf("invalid path %q: want one such as /v1.41/containers/json", target)
	}
	return newResponse(policy, within, named(policy, policy.Decide(method, u))), nil
}

// named refuses a request about an object whose name no item of ALLOW has. What could
// be an id passes: explain asks no engine.
func named(policy *acl.Policy, d acl.Decision) acl.Decision {
	name := d.Name()
	if d.Outcome != acl.Allowed || len(d.Names) == 0 || pattern.MatchAny(d.Names, name) || scope.CouldBeID(name) {
		return d
	}
	return d.Refuse(d.Rule, "add "+d.OperationID()+":"+name+" to "+policy.Rules().Prefix+"ALLOW")
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// OperationByID decides on the requests that run an operation. The id may be in any
// case.
func OperationByID(policy *acl.Policy, within config.Scope, id string) (Response, error) {
	var ids []string
	for i, op := range acl.Operations {
		if strings.EqualFold(op.ID, id) {
			d := policy.Operation(i)
			d.Path = op.Path()
			return newResponse(policy, within, d), nil
		}
		ids = append(ids, op.ID)
	}
	return Response{}, fmt.Errorf("no operation has the id %q: want one such as %s; postern explain --all lists them",
		id, strings.Join(spelling.Resembling(id, ids), ", "))
}

func newResponse(policy *acl.Policy, within config.Scope, d acl.Decision) Response {
	d = unscoped(d, within)
	remedy := advise.RemedyFor(policy, d)
	r := Response{
		Method: d.Method, Path: d.Path, Operation: d.OperationID(), Allowed: d.Outcome == acl.Allowed, Rule: d.Rule,
		Redirect: d.Redirect, Remedies: remedy.Sets, Remedy: remedy.String(), Names: d.Names,
	}
	if within.Of != nil && scope.RuleFor(r.Operation).Does != scope.Passes {
		r.Scope = within.Of.String()
	}
	return r
}

// Text writes the decision for a terminal.
func (r Response) Text(w io.Writer) error {
	subject := r.Method + " " + r.Path
	if r.Operation != "" {
		subject += " (" + r.Operation + ")"
	}
	var err error
	switch {
	case r.Redirect != "":
		_, err = fmt.Fprintf(w, "redirected: %s to %s\n", subject, r.Redirect)
	case r.Allowed:
		only := ""
		if len(r.Names) > 0 {
			only = ", on " + strings.Join(r.Names, ", ") + " alone"
		}
		if r.Scope != "" {
			only += "; in the scope: " + r.Scope
		}
		_, err = fmt.Fprintf(w, "allowed: %s by %s%s\n", subject, r.Rule, only)
	case r.Rule == acl.NoSection:
		_, err = fmt.Fprintf(w, "refused: %s is in no section of the API\n", subject)
	default:
		_, err = fmt.Fprintf(w, "refused: %s by %s: %s\n", subject, r.Rule, r.Remedy)
	}
	return err
}
