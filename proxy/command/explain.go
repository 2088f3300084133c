// Package command holds what main does with the settings: it starts the proxy and
// logs the start (start.go, startlog.go), and has the commands explain, presets,
// check, healthcheck and help. The command explain is explain.go (the report),
// explaintext.go, decision.go (one request), permissions.go and guard.go. probe.go is
// about the names of other programs.
package command

import (
	"postern/acl"
	"postern/acl/advise"
	"postern/acl/guard"
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
