package command

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/body"
	"postern/acl/guard"
	"postern/proxy/config"
)

// guardedAway are the dangers that are gone where a guard holds, by kind and operations:
// each needs what the guard refuses. What the client's variables permit all the same is
// added.
var guardedAway = map[advise.DangerKind][]string{
	advise.RootOnHost: {
		"ContainerCreate+ContainerStart", "ContainerCreate+ContainerRestart", "ContainerExec+ExecStart", "PutContainerArchive",
		"ImageBuild", // with the host mounted, if the engine is Podman
	},
	advise.CallsOut: {"ImageCreate", "ImageBuild"}, // from any URL
}

// dangersOf lists what a client can do that its operations' names do not say, a
// guard's effect included. name is "" for the clients that are not declared.
func dangersOf(c config.Config, name string, policy *acl.Policy) []advise.Danger {
	all := permissionsOf(c, name, policy).dangers()
	g := c.GuardOf(name)
	if !g.On || c.Learn.Forwards() {
		return all
	}
	full := guard.Guard{Settings: g}
	allowed := map[string]bool{}
	for i, op := range acl.Operations {
		allowed[op.ID] = allowed[op.ID] || policy.Operation(i).Outcome == acl.Allowed
	}
	all = slices.DeleteFunc(all, func(d advise.Danger) bool {
		needsBuildKit := slices.Contains(d.All, "Session") || slices.Contains(d.All, "Grpc")
		return slices.Contains(guardedAway[d.Kind], strings.Join(d.All, "+")) || needsBuildKit && !g.BuildKit || slices.ContainsFunc(d.All, func(id string) bool { return full.Whole(id, sectionOf(id)) != "" })
	})
	if allowed["ContainerCreate"] || allowed["ContainerExec"] || allowed["PutContainerArchive"] {
		for _, power := range g.Powers() {
			all = append([]advise.Danger{{Kind: advise.RootOnHost, All: []string{"ContainerCreate"}, Why: power}}, all...)
		}
	}
	if allowed["ImageBuild"] {
		all = append(all, advise.Danger{Kind: advise.LeaksSecrets, All: []string{"ImageBuild"}, Why: "read what the host itself can reach by HTTP, its loopback addresses included, by ADD in a Dockerfile"})
	}
	if allowed["ImageCreate"] && !slices.ContainsFunc(g.Names(), func(n string) bool { return strings.HasPrefix(n, g.Prefix+"GUARD_IMAGE=") }) {
		all = append(all, advise.Danger{Kind: advise.CallsOut, All: []string{"ImageCreate"}, Why: "have the engine ask a registry of the client's choice"})
	}
	if name != "" && allowed["ContainerCreate"] {
		// A container of the client's own has an address of its own.
		for _, d := range dangersOf(c, "", acl.Compile(c.Rules)) {
			d.Why += ", from a container of its own, which is no declared client"
			if !d.ByDefault() && !slices.ContainsFunc(all, func(other advise.Danger) bool { return strings.HasPrefix(d.Why, other.Why) }) {
				all = append(all, d)
			}
		}
	}
	return all
}

func sectionOf(id string) string {
	for _, op := range acl.Operations {
		if op.ID == id {
			return op.Section().Var
		}
	}
	return ""
}

// addGuard changes a report to what the guard leaves of it.
func (r *Report) addGuard(c config.Config, policy *acl.Policy) {
	g := c.GuardOf(r.Client)
	r.Warnings = append([]advise.Danger{}, dangersOf(c, r.Client, policy)...)
	if !g.On || c.Learn.Forwards() {
		return
	}
	r.Guard = append([]string{}, c.GuardRule(r.Client))
	if s := c.ScopeOf(r.Client); s.Of != nil {
		r.Guard = append(r.Guard, s.Rule)
	}
	r.Permits = g.Terms()
	full := guard.Guard{Settings: g}
	for i := range r.Operations {
		op := &r.Operations[i]
		if why := full.Whole(op.ID, op.Section); op.Allowed && why != "" {
			op.Allowed, op.Rule, op.Remedy, op.short = false, c.GuardRule(r.Client), why, why
			r.Summary.Allowed--
		}
	}
}

// writeGuard writes the guard for a terminal.
func (r Report) writeGuard(w io.Writer) {
	if len(r.Guard) == 0 {
		return
	}
	fmt.Fprintf(w, "\nGuarded by %s: a container that a client makes gets, of the host and of others, only\n", strings.Join(slices.Compact(r.Guard), " and "))
	for _, t := range r.Permits {
		fmt.Fprintf(w, "  %-19s %s\n", t.Variable, t.Value)
	}
}

// judge holds an allowed request to the client's guard. file has the request's body, or
// is "". What only the engine knows, such as whose a volume is, counts as allowed.
func (r *Response) judge(c config.Config, d acl.Decision, query, file string) error {
	g := c.GuardOf(r.Client)
	if file != "" && !g.On {
		return fmt.Errorf("--body is judged by GUARD, which is off: set %sGUARD=1", g.Prefix)
	}
	if !g.On || !r.Allowed || c.Learn.Forwards() {
		return nil
	}
	request := &guard.Request{Operation: d.OperationID(), Name: d.Name()}
	full := guard.Guard{Settings: g, Client: c.ScopeOf(r.Client).Stamp, Reserved: c.HostNamesOf(r.Client)}
	refuse := func(why string) {
		r.Allowed, r.Rule, r.Remedies, r.Remedy = false, c.GuardRule(r.Client), nil, why
	}
	if why := full.Whole(d.OperationID(), d.Section.Var); why != "" {
		refuse(why)
		return nil
	}
	var err error
	if request.Query, err = body.Query(query, guard.Lists(d.OperationID())...); err != nil {
		refuse(err.Error())
		return nil
	}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		schema := body.ByOperation[d.OperationID()]
		if schema == nil {
			return fmt.Errorf("%s takes no body that a guard could read", d.OperationID())
		}
		if request.Body, request.Unknown, err = body.Read(text, schema, body.Drop); err != nil {
			refuse(err.Error())
			return nil
		}
	}
	if request.Body == nil && body.ByOperation[d.OperationID()] != nil {
		return nil
	}
	if all := full.Judge(request, guard.Lookup{}); len(all) > 0 {
		refuse(guard.Message(all))
	}
	return nil
}

// decideOn decides on a request as the proxy does, see [Request].
func decideOn(policy *acl.Policy, method, target string) (acl.Decision, string) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return acl.Decision{}, ""
	}
	return policy.Decide(strings.ToUpper(method), u), u.RawQuery
}
