package advise

import (
	"cmp"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/preset"
)

// Proposal is settings, NAME=value, that allow what a client has asked for.
type Proposal struct {
	// Keep are settings that the client has and keeps; Set are those to add. If
	// Keep is empty, Set replaces all that the client has.
	Keep, Set []string
	// Wider is a preset that also allows all of it, and WiderBy the number of
	// operations that it opens beside. It may be "".
	Wider   string
	WiderBy int
}

// Settings are all the settings of the proposal.
func (p Proposal) Settings() []string { return slices.Concat(p.Keep, p.Set) }

// Shortest returns the shortest settings that allow the needs: a preset, a preset and
// ALLOW, ALLOW, or toggles where ALLOW cannot name a need. Rules with presets
// keep what they have and get what they lack.
func Shortest(rules acl.Rules, needs []acl.Subject) Proposal {
	if len(rules.Presets) > 0 {
		return addition(rules, needs)
	}
	allow, unnamed := MinimalAllow(rules, needs)
	if len(unnamed) > 0 {
		return Proposal{Set: MinimalToggles(rules, needs)}
	}
	exact := Proposal{Set: allow}
	best, wider := nearestPresets(rules, needs)
	if best.preset.Name == "" {
		if wider.preset.Name != "" {
			exact.Wider, exact.WiderBy = wider.preset.Name, wider.extra
		}
		return exact
	}
	// What is open by default is in the preset or not asked for: no zero is needed
	// but those that the rules have.
	set := slices.DeleteFunc(allow, func(s string) bool { return !strings.HasSuffix(s, "=0") })
	set = append(set, rules.Prefix+"PRESET="+best.preset.Name)
	if len(best.missing) > 0 {
		set = append(set, rules.Prefix+"ALLOW="+strings.Join(best.missing, ","))
	}
	if len(rules.Deny) > 0 {
		set = append(set, rules.Prefix+"DENY="+strings.Join(rules.Deny, ","))
	}
	return Proposal{Set: set}
}

// addition returns what rules with presets lack.
func addition(rules acl.Rules, needs []acl.Subject) (p Proposal) {
	p.Keep = []string{rules.Prefix + "PRESET=" + strings.Join(rules.PresetNames(), ",")}
	_, unnamed := lacks(rules, needs)
	if allow := AllowFor(rules, needs); allow != "" {
		p.Set = append(p.Set, allow)
	} else if len(rules.Allow) > 0 {
		p.Keep = append(p.Keep, rules.Prefix+"ALLOW="+strings.Join(rules.Allow, ","))
	}
	for _, s := range unnamed {
		sets := smallestSets(rules, s)
		if len(sets) == 0 {
			continue // DENY refuses it
		}
		for _, setting := range settings(rules.Prefix, sets[0]) {
			if !slices.Contains(p.Set, setting) {
				p.Set = append(p.Set, setting)
			}
		}
	}
	return p
}

// AllowFor returns the ALLOW that allows the needs beside what the rules allow, in place
// of the ALLOW that they have: "ALLOW=ContainerList,SystemInfo". It is "" if none of
// the needs that ALLOW can name is refused.
func AllowFor(rules acl.Rules, needs []acl.Subject) string {
	missing, _ := lacks(rules, needs)
	if len(missing) == 0 {
		return ""
	}
	return rules.Prefix + "ALLOW=" + strings.Join(slices.Concat(rules.Allow, missing), ",")
}

// fit says how well a preset fits needs. What is open by default counts in differs
// alone.
type fit struct {
	preset  preset.Preset
	missing []string // needs that are not in the preset
	used    int      // operations of the preset that are needed
	extra   int      // operations of the preset that are not needed
	differs int      // needs and operations that are not in both
}

// nearestPresets returns the preset that is short and close to the needs, and one that
// holds all of them, but more beside. Either may have no name.
//
// A program does not use all of its operations at once, so that a preset may hold a
// few more than the needs: a quarter of those that are used. It must not be as good as
// root where the needs are not.
func nearestPresets(rules acl.Rules, needs []acl.Subject) (best, wider fit) {
	base := closed(rules)
	wanted, _ := lacks(acl.Only(), needs) // all ids
	root := isRoot(wanted)
	for _, p := range preset.All() {
		f := fitOf(base, p, wanted)
		if !root && isRoot(slices.Concat(p.IDs(), f.missing)) {
			continue
		}
		room := f.used / 4
		if len(f.missing) > 0 {
			room = f.used / 8 // two settings have to be worth it
		}
		near := f.used >= 2 && f.extra <= room && 4*len(f.missing) <= f.used
		if near && (best.preset.Name == "" || f.compare(best) < 0) {
			best = f
		}
		if len(f.missing) == 0 && 3*f.used >= f.used+f.extra && f.used >= 2 && (wider.preset.Name == "" || f.compare(wider) < 0) {
			wider = f
		}
	}
	return best, wider
}

func fitOf(base acl.Rules, p preset.Preset, wanted []string) fit {
	f := fit{preset: p}
	for _, id := range wanted {
		byDefault := allows(base, subjectOf(id))
		switch {
		case !p.Has(id):
			f.differs++
			if !byDefault {
				f.missing = append(f.missing, id)
			}
		case !byDefault:
			f.used++
		}
	}
	for _, id := range p.IDs() {
		if slices.Contains(wanted, id) {
			continue
		}
		f.differs++
		if !allows(base, subjectOf(id)) {
			f.extra++
		}
	}
	return f
}

// compare orders fits, the better one first.
func (f fit) compare(g fit) int {
	return cmp.Or(
		cmp.Compare(2*len(f.missing)+f.extra, 2*len(g.missing)+g.extra),
		cmp.Compare(f.differs, g.differs),
		cmp.Compare(f.preset.Name, g.preset.Name))
}

// isRoot reports whether the operations with these ids are as good as root on the host.
func isRoot(ids []string) bool {
	allowed := map[string]bool{}
	for _, id := range ids {
		allowed[id] = true
	}
	return slices.ContainsFunc(dangers(), func(d Danger) bool { return d.Kind == RootOnHost && d.in(allowed) })
}
