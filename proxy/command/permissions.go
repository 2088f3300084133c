package command

import (
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/scope"
	"postern/proxy/config"
	"postern/proxy/limits"
)

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
	all = slices.DeleteFunc(all, func(d advise.Danger) bool { return slices.ContainsFunc(d.All, refused) })
	for i := range all {
		all[i].Why = withinScope.Replace(all[i].Why)
	}
	return all
}

// withinScope makes the words about all containers true of a client with a scope.
var withinScope = strings.NewReplacer("every container's", "every visible container's", ", and of others on the host", "")

// permissionsOf are those of a declared client, or with "" of the others.
func permissionsOf(c config.Config, name string, policy *acl.Policy) Permissions {
	p := Permissions{Policy: policy, Scope: c.ScopeOf(name), Redact: c.Redaction()}
	if client, err := c.Client(name); err == nil {
		p.Redact = c.ClientRedaction(client)
	}
	if c.Learn.Forwards() {
		p.Scope.Of = nil
	}
	return p
}
