package compose

import (
	"fmt"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
)

// difference is what one rule of postern's makes different, for all operations of
// which it does.
type difference struct {
	kind       kind
	operations []*acl.Operation
	// why says what is different, and fix how to change it.
	why, fix string
}

// compare says of each operation that only one of the proxies allows why that is.
func (p *proxy) compare() {
	allows := p.image.allows(p)
	p.closeReads(allows)
	policy := p.policy()
	var all []difference
	for _, op := range p.operations() {
		old, d := allows(op), policy.Operation(op.Index())
		var diff difference
		switch now := d.Outcome == acl.Allowed; {
		case old && !now:
			diff = p.narrows(policy, d, op)
		case now && !old:
			diff = p.widens(d)
		default:
			continue
		}
		i := slices.IndexFunc(all, func(other difference) bool {
			return other.kind == diff.kind && other.why == diff.why && op.NoRead == "" && other.operations[0].NoRead == ""
		})
		if i < 0 {
			all = append(all, diff)
			i = len(all) - 1
		}
		all[i].operations = append(all[i].operations, op)
	}
	for _, d := range all {
		d.say(p)
	}
}

// closeReads sets the toggles that refuse reads which the old image refuses and
// postern allows when they are not set.
func (p *proxy) closeReads(allows rules) {
	policy := p.policy()
	var toggles, ids []string
	for _, op := range p.operations() {
		toggle := op.RefusedBy
		if toggle == "" || p.settled[toggle] && !slices.Contains(toggles, toggle) || !p.image.knows(toggle) || allows(op) || policy.Operation(op.Index()).Outcome != acl.Allowed {
			continue
		}
		ids = append(ids, op.ID)
		if !slices.Contains(toggles, toggle) {
			toggles = append(toggles, toggle)
			p.set(toggle, "0", "the old image's default")
		}
	}
	if len(toggles) > 0 {
		p.say(added, fmt.Sprintf("%s: 0 is the old image's default since August 2026; without these lines postern allows %s, as the image did before", strings.Join(toggles, ", "), strings.Join(ids, ", ")))
	}
}

// closedByDefault says why postern closes what the old image opens with its section, for the
// toggles that are 0 without being set.
var closedByDefault = map[string]string{
	"ALLOW_ARCHIVE": "with POST=0 postern does not hand out files of containers",
	"ALLOW_EXPORT":  "with POST=0 postern does not hand out file systems of containers",
	"EXEC":          "creating an exec takes EXEC=1 too",
}

func (p *proxy) narrows(policy *acl.Policy, d acl.Decision, op *acl.Operation) difference {
	diff := difference{kind: narrower, why: d.Rule + " closes it"}
	toggle, _, _ := strings.Cut(d.Rule, "=")
	switch why := closedByDefault[toggle]; {
	case op.NoRead != "":
		diff.why = "it " + op.NoRead
	case why != "" && !(p.settled[toggle] && toggle != "EXEC"):
		diff.why = why
	}
	var sets []string
	for _, set := range advise.RemedyFor(policy, d).Sets {
		if !strings.HasPrefix(set[0], "ALLOW=") {
			sets = append(sets, strings.Join(set, " and "))
		}
	}
	diff.fix = strings.Join(sets, ", or ")
	return diff
}

func (p *proxy) widens(d acl.Decision) difference {
	name, _, _ := strings.Cut(d.Rule, "=")
	diff := difference{kind: wider, why: d.Rule, fix: name + "=0 closes it"}
	switch i := slices.IndexFunc(p.old, func(s setting) bool { return s.name == name }); {
	case name == "ALLOW" || name == "PRESET":
		diff.fix = "take it out of " + name
	case i < 0:
		diff.why += " is postern's default"
	case p.image.isOn == nil || !p.image.knows(name):
		diff.why += " is a variable that the old image does not know"
	case !p.image.isOn(p.old[i].value):
		diff.why = fmt.Sprintf("%s=%s is off for the old image, which takes numbers alone, and on for postern", name, p.old[i].raw)
	case strings.HasPrefix(name, "ALLOW_") && !p.toggle("POST"):
		diff.why += " works with POST=0"
	}
	return diff
}

// say prints the difference on one line.
func (d difference) say(p *proxy) {
	var ids, named []string
	for _, op := range d.operations {
		if !slices.Contains(ids, op.ID) {
			ids = append(ids, op.ID)
			named = append(named, fmt.Sprintf("%s (%s %s)", op.ID, op.Method, op.Path()))
		}
	}
	list := strings.Join(named, ", ")
	if len(named) > 3 {
		list = strings.Join(ids, ", ")
	}
	if d.kind == wider {
		p.say(wider, fmt.Sprintf("%s: %s; %s", list, d.why, d.fix))
		return
	}
	fix := "ALLOW=" + strings.Join(ids, ",")
	if d.fix != "" {
		fix = d.fix + ", or " + fix
	}
	p.say(narrower, fmt.Sprintf("%s: %s; open as before with %s", list, d.why, fix))
}

// counts are how many of the compared operations the old proxy allowed, and how many
// postern allows.
func (p *proxy) counts() (old, now int) {
	allows, policy := p.image.allows(p), p.policy()
	seen := map[string]bool{}
	for _, op := range p.operations() {
		if seen[op.ID] {
			continue
		}
		seen[op.ID] = true
		if allows(op) {
			old++
		}
		if policy.Operation(op.Index()).Outcome == acl.Allowed {
			now++
		}
	}
	return old, now
}
