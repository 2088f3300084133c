// Package advise says how to change a policy: which settings allow a refused
// request, which suffice for the requests of a client, which operations a policy
// opens, and which of them are dangerous. It computes nothing at the start of the
// program, but each result when a function is called.
package advise

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"postern/acl"
)

// Remedy says how to allow a refused request. The zero value is that of a path
// in no section: no setting allows it.
type Remedy struct {
	// Sets are alternatives. Each is a list of settings, such as CONTAINERS=1,
	// that together allow the request; the last is the narrowest, ALLOW. There
	// is none when DENY refuses the request, or the proxy whatever the policy is.
	Sets [][]string
	// Text puts Sets into words, "set CONTAINERS=1, or ALLOW=ContainerList", or
	// says why there are none. For a GET that needs POST=1 it first says why.
	Text string
	// Also says which other operations the widest of Sets opens: "CONTAINERS=1
	// also opens ContainerInspect, ContainerLogs and 7 more". It may be "".
	Also string
}

// String is all of the remedy in words.
func (r Remedy) String() string {
	if r.Also == "" {
		return r.Text
	}
	return r.Text + "; " + r.Also
}

// RemedyFor returns the remedy for a decision of the policy that refused a
// request, or that allowed it only because of LEARN.
func RemedyFor(p *acl.Policy, d acl.Decision) Remedy {
	if d.Reason != "" {
		return Remedy{Text: d.Reason}
	}
	if p == nil || d.Section == nil {
		return Remedy{}
	}
	rules := p.Rules()
	allowed, by := rules.Evaluate(d.Subject)
	switch {
	case allowed:
		return Remedy{}
	case by.Name == "DENY":
		return Remedy{Text: rules.Prefix + by.String() + " forbids it"}
	}
	sets := smallestSets(rules, d.Subject)
	var r Remedy
	for _, toggles := range sets {
		r.Sets = append(r.Sets, settings(rules.Prefix, toggles))
	}
	if d.Nameable() {
		if len(sets) > 0 {
			// Else people open a section for one operation without knowing which
			// others are in it.
			r.Also = alsoOpens(p, sets[len(sets)-1], d.Operation.ID)
		}
		r.Sets = append(r.Sets, []string{rules.Prefix + "ALLOW=" + d.Operation.ID})
	}
	alternatives := make([]string, len(r.Sets))
	for i, set := range r.Sets {
		alternatives[i] = strings.Join(set, " and ")
	}
	r.Text = "set " + strings.Join(alternatives, ", or ")
	if op := d.Operation; op != nil && op.NoRead != "" && !rules.Toggles.On("POST") {
		// Users do not expect that a GET needs POST.
		r.Text = "it " + op.NoRead + "; " + r.Text
	}
	return r
}

// Cache keeps the remedies that it has computed, since a client may be refused
// many times a second. It holds at most one for each policy and subject. The zero
// value is empty and ready to use, also concurrently.
type Cache struct{ remedies sync.Map }

type cacheKey struct {
	policy  *acl.Policy
	subject acl.Subject
}

// RemedyFor is the function of that name. The caller must not change the Sets.
func (c *Cache) RemedyFor(p *acl.Policy, d acl.Decision) Remedy {
	if d.Reason != "" || d.Section == nil {
		return RemedyFor(p, d)
	}
	key := cacheKey{p, d.Subject}
	if r, cached := c.remedies.Load(key); cached {
		return r.(Remedy)
	}
	r := RemedyFor(p, d)
	c.remedies.Store(key, r)
	return r
}

// smallestSets returns the smallest sets of toggles that allow a subject when
// they are switched on, the smaller first. It evaluates the rules for every
// combination of the toggles that bear on the subject, so a remedy cannot
// disagree with the policy.
func smallestSets(rules acl.Rules, s acl.Subject) [][]string {
	names := candidates(rules.Toggles, s)
	var found [][]string
	for set := 1; set < 1<<len(names); set++ {
		var on []string
		for i, name := range names {
			if set&(1<<i) != 0 {
				on = append(on, name)
			}
		}
		if allowed, _ := with(rules, on).Evaluate(s); allowed {
			found = append(found, on)
		}
	}
	slices.SortStableFunc(found, func(a, b []string) int { return len(a) - len(b) })
	var smallest [][]string
	for _, set := range found {
		contains := func(smaller []string) bool {
			return !slices.ContainsFunc(smaller, func(name string) bool { return !slices.Contains(set, name) })
		}
		if !slices.ContainsFunc(smallest, contains) {
			smallest = append(smallest, set)
		}
	}
	return smallest
}

// with returns the rules with toggles switched on.
func with(r acl.Rules, toggles []string) acl.Rules {
	all := maps.Clone(r.Toggles)
	if all == nil {
		all = acl.Toggles{}
	}
	for _, name := range toggles {
		all[name] = true
	}
	r.Toggles = all
	return r
}

// settings writes toggles that are on as people set them.
func settings(prefix string, toggles []string) []string {
	all := make([]string, len(toggles))
	for i, name := range toggles {
		all[i] = prefix + name + "=1"
	}
	return all
}

// candidates lists the toggles that are off and bear on the subject.
func candidates(t acl.Toggles, s acl.Subject) []string {
	op := s.Operation
	if op == nil {
		op = &acl.Operation{}
	}
	var names []string
	for _, grant := range op.GrantedBy {
		if !strings.HasPrefix(grant, acl.LegacyPrefix) {
			names = append(names, grant)
		}
	}
	for _, name := range []string{s.Section.Var, op.Also} {
		if name != "" && !t.On(name) {
			names = append(names, name)
		}
	}
	// POST=1 would also allow reading files, as ALLOW_ARCHIVE=1 does. The remedy
	// for a read must not be to open every write.
	if s.Writes && !t.On("POST") {
		names = append(names, "POST")
	}
	if op.RefusedBy != "" && t.Refuses(op.RefusedBy) {
		names = append(names, op.RefusedBy)
	}
	return names
}

// alsoOpens names the operations that toggles open besides the wanted one. Those
// of the same API come first, since an engine need not have the other API, and
// among these the most dangerous.
func alsoOpens(p *acl.Policy, toggles []string, wanted string) string {
	ids := slices.DeleteFunc(opened(p, toggles), func(id string) bool { return id == wanted })
	isLibpod := func(id string) bool { return strings.HasSuffix(id, "Libpod") }
	rank := func(id string) int {
		if isLibpod(id) != isLibpod(wanted) {
			return dangerRank(id) + len(dangers) + 1
		}
		return dangerRank(id)
	}
	slices.SortStableFunc(ids, func(a, b string) int { return rank(a) - rank(b) })
	set := strings.Join(settings(p.Rules().Prefix, toggles), " and ")
	switch n := len(ids); {
	case n == 0:
		return ""
	case n <= 3:
		return fmt.Sprintf("%s also opens %s", set, strings.Join(ids, ", "))
	default:
		return fmt.Sprintf("%s also opens %s and %d more", set, strings.Join(ids[:2], ", "), n-2)
	}
}

// opened lists the ids of the operations that toggles open in a policy when they
// are switched on.
func opened(p *acl.Policy, toggles []string) (ids []string) {
	rules := with(p.Rules(), toggles)
	for i := range acl.Operations {
		d := p.Operation(i)
		if d.Outcome == acl.Allowed && d.Rule != acl.Learning || slices.Contains(ids, d.OperationID()) {
			continue
		}
		if allowed, _ := rules.Evaluate(d.Subject); allowed {
			ids = append(ids, d.OperationID())
		}
	}
	return ids
}
