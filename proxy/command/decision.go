package command

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"postern/acl"
	"postern/acl/pattern"
	"postern/acl/scope"
	"postern/acl/spelling"
)

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
