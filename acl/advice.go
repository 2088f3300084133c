package acl

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// remedies tries every combination of the toggles that bear on the subject and
// keeps the smallest ones that allow it. Asking decide itself means that the
// advice in a refusal cannot disagree with it.
func remedies(r Rules, s subject) [][]string {
	candidates := candidates(r.Toggles, s)
	var found [][]string
	for set := 1; set < 1<<len(candidates); set++ {
		var settings []string
		for i, name := range candidates {
			if set&(1<<i) != 0 {
				settings = append(settings, r.Prefix+name+"=1")
			}
		}
		if allowed, _ := decide(r.with(settings), s); allowed {
			found = append(found, settings)
		}
	}
	slices.SortStableFunc(found, func(a, b []string) int { return len(a) - len(b) })
	found = minimal(found)
	if s.ID != "" {
		found = append(found, []string{r.Prefix + "ALLOW=" + s.ID})
	}
	return found
}

// candidates lists the toggles that are off and bear on the subject.
func candidates(t Toggles, s subject) []string {
	var names []string
	for _, grant := range s.GrantedBy {
		if !strings.HasPrefix(grant, legacyPrefix) {
			names = append(names, grant)
		}
	}
	for _, name := range []string{s.section, s.Also} {
		if name != "" && !t.on(name) {
			names = append(names, name)
		}
	}
	// POST=1 would also let files be read that ALLOW_ARCHIVE=1 lets be read,
	// but nobody should open every write in order to read.
	if s.writes && !t.on("POST") {
		names = append(names, "POST")
	}
	if s.RefusedBy != "" && t.refuses(s.RefusedBy) {
		names = append(names, s.RefusedBy)
	}
	return names
}

// minimal drops every set that contains another; sets come smallest first.
func minimal(sets [][]string) [][]string {
	var kept [][]string
	for _, set := range sets {
		covers := func(smaller []string) bool {
			return !slices.ContainsFunc(smaller, func(s string) bool { return !slices.Contains(set, s) })
		}
		if !slices.ContainsFunc(kept, covers) {
			kept = append(kept, set)
		}
	}
	return kept
}

// with returns the rules with toggles switched on, each written NAME=1, behind
// the prefix.
func (r Rules) with(settings []string) Rules {
	toggles := maps.Clone(r.Toggles)
	if toggles == nil {
		toggles = Toggles{}
	}
	for _, setting := range settings {
		toggles[strings.TrimSuffix(strings.TrimPrefix(setting, r.Prefix), "=1")] = true
	}
	r.Toggles = toggles
	return r
}

// ways puts each remedy into words.
func ways(remedies [][]string) []string {
	ways := make([]string, len(remedies))
	for i, settings := range remedies {
		ways[i] = strings.Join(settings, " and ")
	}
	return ways
}

// warnOfWidth adds to the advice on refused operations what the widest remedy
// opens beside: people otherwise open a section for the sake of one operation
// without knowing what else is in it. The widest is the last but ALLOW.
func warnOfWidth(r Rules, verdicts []Verdict) {
	opens := map[string][]string{}
	for i := range verdicts {
		v := &verdicts[i]
		if len(v.Remedies) < 2 {
			continue
		}
		widest := v.Remedies[len(v.Remedies)-2]
		way := strings.Join(widest, " and ")
		if _, known := opens[way]; !known {
			opens[way] = opened(r.with(widest), verdicts)
		}
		v.Advice += also(way, opens[way], Operations[i].ID)
	}
}

// also says what a way opens beside the operation that is wanted, the
// operations of the same API first: an engine need not have the other.
func also(way string, ids []string, wanted string) string {
	others := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == wanted })
	foreign := func(id string) int {
		if strings.HasSuffix(id, "Libpod") == strings.HasSuffix(wanted, "Libpod") {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(others, func(a, b string) int { return foreign(a) - foreign(b) })
	switch n := len(others); {
	case n == 0:
		return ""
	case n <= 3:
		return fmt.Sprintf("; %s also opens %s", way, strings.Join(others, ", "))
	default:
		return fmt.Sprintf("; %s also opens %s and %d more", way, strings.Join(others[:2], ", "), n-2)
	}
}

// opened lists the operations that the rules allow and the verdicts refuse,
// the dangerous ones first.
func opened(r Rules, verdicts []Verdict) []string {
	var ids []string
	for i := range Operations {
		if verdicts[i].Allowed || slices.Contains(ids, Operations[i].ID) {
			continue
		}
		if allowed, _ := decide(r, subjects[i]); allowed {
			ids = append(ids, Operations[i].ID)
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int { return dangerRank(a) - dangerRank(b) })
	return ids
}
