// Package command holds what main does with the settings: it starts the proxy and
// logs the start (start.go, startlog.go), and has the commands explain, presets,
// check, healthcheck and help. probe.go is about the names of other programs.
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
	"postern/acl/redact"
	"postern/acl/scope"
	"postern/acl/spelling"
	"postern/proxy/config"
	"postern/proxy/limits"
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
	// Redact is what responses do not show, as REDACT has it, and Keep the variables
	// whose values they do. Around are the allowed operations that give it away
	// nevertheless. All three are empty if nothing is redacted.
	Redact string   `json:"redact,omitempty"`
	Keep   []string `json:"redactKeep,omitempty"`
	Around []string `json:"redactAround,omitempty"`
	// all makes Text list what is refused.
	all bool
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

// Permissions are what one client may do, what it sees, and what responses do not show
// to it.
type Permissions struct {
	Policy *acl.Policy
	Scope  config.Scope
	Redact limits.Redaction
}

// limited returns the decision with a refusal if the operation cannot be held to the
// client's scope, or its response not be redacted.
func (p Permissions) limited(d acl.Decision) acl.Decision {
	if d.Outcome != acl.Allowed {
		return d
	}
	if p.Scope.Of != nil && scope.RuleFor(d.OperationID()).Does == scope.Refused {
		return d.Refuse(p.Scope.Rule, "it cannot be held to a scope")
	}
	if reason := p.Redact.Refuses(d); reason != "" {
		return d.Refuse(p.Redact.Rule, reason+"; set "+p.Redact.Undo)
	}
	return d
}

// remedy returns the settings that would allow what was refused.
func (p Permissions) remedy(d acl.Decision) advise.Remedy {
	switch {
	case d.Reason == "":
		return advise.RemedyFor(p.Policy, d)
	case d.Rule == p.Redact.Rule:
		return advise.Remedy{Text: d.Reason, Sets: [][]string{{p.Redact.Undo}}}
	}
	return advise.Remedy{Text: d.Reason}
}

// dangers lists what the permissions open, without what a scope closes.
func (p Permissions) dangers() []advise.Danger {
	all := advise.Dangers(p.Policy, p.Redact.Redaction)
	if p.Scope.Of == nil {
		return all
	}
	refused := func(id string) bool { return scope.RuleFor(id).Does == scope.Refused }
	return slices.DeleteFunc(all, func(d advise.Danger) bool { return slices.ContainsFunc(d.All, refused) })
}

// NewReport explains what a client may do, with the operations of Podman's own API if
// podman is set.
func NewReport(p Permissions, podman bool) Report {
	r := Report{
		Summary:  advise.Summarize(p.Policy, p.Redact.Redaction, podman),
		Warnings: append([]advise.Danger{}, p.dangers()...),
		Around:   p.Redact.Around(p.Policy),
	}
	if p.Redact.Kinds != 0 {
		r.Redact, r.Keep = p.Redact.Kinds.String(), p.Redact.Keep
	}
	for i := range acl.Operations {
		op := &acl.Operations[i]
		if advise.IsPodman(op.Section()) && !podman {
			continue
		}
		d := p.limited(p.Policy.Operation(i))
		if d.Reason != "" && d.Rule == p.Scope.Rule {
			r.Summary.Allowed--
		}
		remedy := p.remedy(d)
		r.Operations = append(r.Operations, Operation{
			ID: op.ID, Method: op.Method, Path: op.Path(), Section: op.Section().Var,
			Allowed: d.Outcome == acl.Allowed, Rule: d.Rule, Names: d.Names,
			Remedies: remedy.Sets, Remedy: remedy.String(), short: remedy.Text,
		})
	}
	if p.Scope.Of != nil {
		r.Scope, r.ScopeRule = p.Scope.Of.String(), p.Scope.Rule
	}
	return r
}

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
func Request(p Permissions, method, target string) (Response, error) {
	if strings.Trim(method, letters) != "" {
		return Response{}, fmt.Errorf("invalid method %q: want one such as GET or POST", method)
	}
	method = strings.ToUpper(method)
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Opaque != "" {
		return Response{}, fmt.Errorf("invalid path %q: want one such as /v1.41/containers/json", target)
	}
	return p.response(named(p.Policy, p.Policy.Decide(method, u))), nil
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
func OperationByID(p Permissions, id string) (Response, error) {
	var ids []string
	for i, op := range acl.Operations {
		if strings.EqualFold(op.ID, id) {
			d := p.Policy.Operation(i)
			d.Path = op.Path()
			return p.response(d), nil
		}
		ids = append(ids, op.ID)
	}
	return Response{}, fmt.Errorf("no operation has the id %q: want one such as %s; postern explain --all lists them",
		id, strings.Join(spelling.Resembling(id, ids), ", "))
}

func (p Permissions) response(d acl.Decision) Response {
	d = p.limited(d)
	remedy := p.remedy(d)
	r := Response{
		Method: d.Method, Path: d.Path, Operation: d.OperationID(), Allowed: d.Outcome == acl.Allowed, Rule: d.Rule,
		Redirect: d.Redirect, Remedies: remedy.Sets, Remedy: remedy.String(), Names: d.Names,
	}
	if p.Scope.Of != nil && scope.RuleFor(r.Operation).Does != scope.Passes {
		r.Scope = p.Scope.Of.String()
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
