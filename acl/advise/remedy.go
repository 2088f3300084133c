// Package advise says how to change a policy: which settings allow a refused
// request, which suffice for the requests of a client, which operations a policy
// opens, and which of them are dangerous. It computes nothing at the start of the
// program, but each result when a function is called.
package advise

import (
	"cmp"
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
	// that together allow the request. The narrowest, ALLOW, is the last, and the
	// first where PRESET or ALLOW is set. There is none when DENY refuses the
	// request, or the proxy whatever the policy is.
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
	var r Remedy
	sets := smallestSets(rules, d.Subject)
	for _, toggles := range sets {
		r.Sets = append(r.Sets, settings(rules.Prefix, toggles))
	}
	if d.Nameable() {
		if len(sets) > 0 {
			// Else people open a section for one operation without knowing which
			// others are in it.
			r.Also = alsoOpens(rules, sets[len(sets)-1], d.Operation.ID)
		}
		allow := []string{rules.Prefix + "ALLOW=" + strings.Join(beside(rules, d.Operation.ID), ",")}
		if NamesOperations(rules) {
			r.Sets = slices.Insert(r.Sets, 0, allow)
		} else {
			r.Sets = append(r.Sets, allow)
		}
	}
	var alternatives []string
	for _, set := range r.Sets {
		alternatives = append(alternatives, strings.Join(set, " and "))
	}
	r.Text = "set " + strings.Join(alternatives, ", or ")
	if NamesOperations(rules) && d.Nameable() {
		if ids, found := strings.CutPrefix(alternatives[0], rules.Prefix+"ALLOW="); found && len(rules.Allow) > 0 {
			alternatives[0] = ids + " to " + rules.Prefix + "ALLOW"
		}
		r.Text = "add " + strings.Join(alternatives, ", or set ")
	}
	if op := d.Operation; op != nil && op.NoRead != "" && !rules.Toggles.On("POST") {
		// Users do not expect that a GET needs POST.
		r.Text = "it " + op.NoRead + "; " + r.Text
	}
	return r
}

// NamesOperations reports whether the rules allow single operations, by PRESET or
// ALLOW, and switch no toggle on that is off by default. One more operation is then
// what a user wants to add.
func NamesOperations(r acl.Rules) bool {
	if len(r.Presets)+len(r.Allow) == 0 {
		return false
	}
	return !slices.ContainsFunc(acl.AllToggles(), func(t acl.Toggle) bool { return t.Default == "0" && r.Toggles.On(t.Var) })
}

// beside lists the operations to add for a refused one: with it those that the
// note of a preset in the rules names together with it.
func beside(r acl.Rules, id string) []string {
	for _, p := range r.Presets {
		if ids := p.Beside(id); len(ids) > 0 {
			return ids
		}
	}
	return withTwin(id)
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
	if d.Reason != "" { // it names the client's address
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
func smallestSets(rules acl.Rules, s acl.Subject) (sets [][]string) {
	names := candidates(rules.Toggles, s)
	var found []int // each a set of names, as bits
	for set := 1; set < 1<<len(names); set++ {
		// The subsets of a set are smaller numbers, so they have been found before.
		if slices.ContainsFunc(found, func(smaller int) bool { return smaller&set == smaller }) {
			continue
		}
		var on []string
		for i, name := range names {
			if set&(1<<i) != 0 {
				on = append(on, name)
			}
		}
		if allows(with(rules, on), s) {
			found, sets = append(found, set), append(sets, on)
		}
	}
	slices.SortStableFunc(sets, func(a, b []string) int { return len(a) - len(b) })
	return sets
}

// with returns the rules with toggles switched on.
func with(r acl.Rules, toggles []string) acl.Rules {
	all := acl.Toggles{}
	maps.Copy(all, r.Toggles)
	for _, name := range toggles {
		all[name] = true
	}
	r.Toggles = all
	return r
}

// allows reports whether the rules allow every one of the subjects.
func allows(r acl.Rules, all ...acl.Subject) bool {
	return !slices.ContainsFunc(all, func(s acl.Subject) bool { allowed, _ := r.Evaluate(s); return !allowed })
}

// settings writes toggles that are on as people set them.
func settings(prefix string, toggles []string) (all []string) {
	for _, name := range toggles {
		all = append(all, prefix+name+"=1")
	}
	return all
}

// candidates lists the toggles that are off and bear on the subject.
func candidates(t acl.Toggles, s acl.Subject) (names []string) {
	op := cmp.Or(s.Operation, &acl.Operation{})
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
func alsoOpens(rules acl.Rules, toggles []string, wanted string) string {
	var ids []string
	wider := with(rules, toggles)
	for i := range acl.Operations {
		s := acl.Operations[i].Subject()
		if id := s.Operation.ID; id != wanted && allows(wider, s) && !allows(rules, s) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	isLibpod := func(id string) bool { return strings.HasSuffix(id, "Libpod") }
	rank := func(id string) int {
		r, dangerous := dangerRanks()[id]
		if !dangerous {
			r = len(dangers())
		}
		if isLibpod(id) != isLibpod(wanted) {
			r += len(dangers()) + 1
		}
		return r
	}
	slices.SortStableFunc(ids, func(a, b string) int { return rank(a) - rank(b) })
	set := strings.Join(settings(rules.Prefix, toggles), " and ")
	switch n := len(ids); {
	case n == 0:
		return ""
	case n <= 3:
		return fmt.Sprintf("%s also opens %s", set, strings.Join(ids, ", "))
	default:
		return fmt.Sprintf("%s also opens %s and %d more", set, strings.Join(ids[:2], ", "), n-2)
	}
}
