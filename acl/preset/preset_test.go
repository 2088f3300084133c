package preset_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/acl"
	"postern/acl/preset"
)

// TestPresetsAreSortedAndSourced asserts that presets are sorted by name, and that
// each has all that a reader needs to check it.
func TestPresetsAreSortedAndSourced(t *testing.T) {
	t.Parallel()
	all := preset.All()
	if len(all) < 45 {
		t.Errorf("%d presets, want 45 at least", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b preset.Preset) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the presets are not sorted by name")
	}
	for _, p := range all {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(p.Name) {
			t.Errorf("preset %q: want a name of small letters and hyphens", p.Name)
		}
		if p.Reason == "" || p.Version == "" || len(p.Operations) == 0 || !strings.HasPrefix(p.Source, "https://") {
			t.Errorf("preset %s lacks a reason, a version, operations, or a source that is a URL: %+v", p.Name, p)
		}
		if !slices.Contains([]preset.Evidence{preset.Ran, preset.Read, preset.Partly}, p.Evidence) {
			t.Errorf("preset %s has the evidence %q", p.Name, p.Evidence)
		}
		if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
			t.Errorf("preset %s: %v", p.Name, err)
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

// TestGuessesChangeNothing asserts that a preset allows no write that was not found
// in the program's source.
func TestGuessesChangeNothing(t *testing.T) {
	t.Parallel()
	for _, p := range preset.All() {
		for _, id := range p.Guesses {
			for _, op := range acl.Operations {
				if op.ID == id && op.Subject().Writes {
					t.Errorf("preset %s guesses %s, which changes something", p.Name, id)
				}
			}
		}
	}
}

// TestPingsGoTogether asserts that no preset has HEAD /_ping alone: Docker's Go
// client sends GET /_ping to an engine that does not answer HEAD.
func TestPingsGoTogether(t *testing.T) {
	t.Parallel()
	for _, p := range preset.All() {
		if p.Has("SystemPingHead") && !p.Has("SystemPing") {
			t.Errorf("preset %s has SystemPingHead without SystemPing", p.Name)
		}
	}
}

// TestNotesNameSettings asserts that the settings in notes can be set as they stand
// there, and that they change what the preset allows.
func TestNotesNameSettings(t *testing.T) {
	t.Parallel()
	setting := regexp.MustCompile(`\b(ALLOW|DENY|PRESET|POST|[A-Z]+)=([A-Za-z0-9*-]+(?:,[A-Za-z0-9*-]+)*)`)
	for _, p := range preset.All() {
		for _, match := range setting.FindAllStringSubmatch(p.Note, -1) {
			name, value := match[1], match[2]
			if !slices.Contains(acl.RuleVars(), name) {
				continue // a program's own, or one of Limits
			}
			rules, errs := acl.ParseRules("", map[string]string{name: value})
			if len(errs) > 0 {
				t.Errorf("preset %s, note: %v", p.Name, errs)
			}
			before := acl.Compile(acl.Rules{Presets: []preset.Preset{p}})
			rules.Presets = append(rules.Presets, p)
			after, changes := acl.Compile(rules), false
			for i := range acl.Operations {
				changes = changes || before.Operation(i).Outcome != after.Operation(i).Outcome
			}
			if !changes && name != "POST" && name != "PRESET" { // a preset may be the smaller one
				t.Errorf("preset %s, note: %s changes nothing", p.Name, match[0])
			}
			for _, id := range strings.Split(value, ",") {
				if name == "ALLOW" && p.Has(id) || name == "DENY" && !strings.Contains(id, "*") && !p.Has(id) {
					t.Errorf("preset %s, note: %s=%s has no effect", p.Name, name, id)
				}
			}
		}
	}
}

// TestLimitsAreSettings asserts that Limits are settings of SCOPE, GUARD and REDACT,
// each once.
func TestLimitsAreSettings(t *testing.T) {
	t.Parallel()
	for _, p := range preset.All() {
		var names []string
		for _, limit := range p.Limits {
			name, value, _ := strings.Cut(limit, "=")
			if !regexp.MustCompile(`^(SCOPE|REDACT|REDACT_KEEP|GUARD|GUARD_[A-Z_]+)$`).MatchString(name) || value == "" || slices.Contains(names, name) {
				t.Errorf("preset %s has the limit %q, want SCOPE, GUARD or REDACT with a value, once", p.Name, limit)
			}
			names = append(names, name)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	if p, err := preset.Find("traefik"); err != nil || p.Name != "traefik" {
		t.Errorf("Find(traefik) = %q, %v", p.Name, err)
	}
	for name, want := range map[string]string{
		"trafik": "no preset has this name; the nearest are traefik and traefik-swarm, and LEARN=1 finds ",
		"caddy":  "no preset has this name; the nearest are caddy-docker-proxy and ",
	} {
		if _, err := preset.Find(name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Find(%s): %v, want %s...", name, err, want)
		}
	}
}
