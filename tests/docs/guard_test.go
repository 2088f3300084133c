package docs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/acl/guard"
	"postern/acl/preset"
	"postern/tests/internal/guarded"
)

func guardTable() string {
	var b strings.Builder
	b.WriteString("| variable | unset | items |\n|---|---|---|\n")
	for _, v := range guard.Variables {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, v.Default, strings.ReplaceAll(v.Help, "|", `\|`))
	}
	return b.String()
}

// examples stand in the table of programs for what is the user's own.
var examples = map[string]string{"port": "8080", "dir": "/srv/project", "network": "proxy", "socket": "/run/postern/ci.sock"}

func guardedTable() string {
	var b strings.Builder
	b.WriteString("| program | lines | at the program | notes |\n|---|---|---|---|\n")
	for _, p := range guarded.Programs {
		b.WriteString("|")
		for _, cell := range []string{p.Name, codes(p.Lines, "`, `"), codes(p.Beside, " "), p.Note} {
			b.WriteString(strings.TrimRight(" "+guarded.Fill(cell, examples), " ") + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func codes(items []string, between string) string {
	if len(items) == 0 {
		return ""
	}
	return "`" + strings.Join(items, between) + "`"
}

// TestPresetsHaveTheLinesOfTheirPrograms asserts that what a preset says of GUARD is what
// its program has run with.
func TestPresetsHaveTheLinesOfTheirPrograms(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, p := range guarded.Programs {
		if p.Preset == "" || strings.Contains(strings.Join(p.Lines, " "), "{") {
			continue
		}
		checked++
		found, err := preset.Find(p.Preset)
		if want := append([]string{"GUARD=1"}, p.Lines...); err != nil || !slices.Equal(found.Limits, want) {
			t.Errorf("preset %s has %q, %v; want %q", p.Preset, found.Limits, err, want)
		}
	}
	if checked < 2 {
		t.Errorf("%d presets were checked", checked)
	}
}
