package preset_test

import (
	"slices"
	"strings"
	"testing"

	"postern/acl/preset"
)

// TestPresetsAreSortedAndSourced asserts that presets are sorted by name, and that
// each has a reason and a source where it can be checked.
func TestPresetsAreSortedAndSourced(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(preset.All, func(a, b preset.Preset) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the presets are not sorted by name")
	}
	for _, p := range preset.All {
		if p.Reason == "" || p.Source == "" || len(p.Operations) == 0 {
			t.Errorf("preset %s lacks a reason, a source or operations: %+v", p.Name, p)
		}
		for i, id := range p.IDs() {
			if slices.Contains(p.IDs()[:i], id) {
				t.Errorf("preset %s names %s twice", p.Name, id)
			}
			if !p.Has(id) {
				t.Errorf("preset %s does not have its own %s", p.Name, id)
			}
		}
		if p.Has("") {
			t.Errorf("preset %s allows paths that match no operation", p.Name)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	if p, err := preset.Find("traefik"); err != nil || p.Name != "traefik" {
		t.Errorf("Find(traefik) = %q, %v", p.Name, err)
	}
	const want = "no preset has this name; want one such as traefik, "
	if _, err := preset.Find("trafik"); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Find(trafik): %v, want %s...", err, want)
	}
}
