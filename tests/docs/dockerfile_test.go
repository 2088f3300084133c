package docs

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/acl"
	"postern/proxy/config"

	"postern/tests/internal/harness"
)

// TestDockerfileHasTheDefaults compares the ENV lines of the image with the code's
// defaults. What is unset there must be a variable whose unset state has a
// meaning that no value has.
func TestDockerfileHasTheDefaults(t *testing.T) {
	t.Parallel()
	got := imageEnvironment(t)
	want := map[string]string{}
	for _, toggle := range acl.AllToggles() {
		if toggle.Default == "0" || toggle.Default == "1" {
			want[toggle.Var] = toggle.Default
		}
	}
	for _, s := range config.Settings() {
		if s.Default != "" {
			want[s.Var] = s.Default
		}
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("the Dockerfile sets %s=%q, the code's default is %q", name, got[name], value)
		}
	}
	for name, value := range got {
		if _, known := want[name]; !known {
			t.Errorf("the Dockerfile sets %s=%q, which the code does not know or leaves unset", name, value)
		}
	}
}

// imageEnvironment is the environment of a container that sets no variables.
func imageEnvironment(t *testing.T) map[string]string {
	t.Helper()
	dockerfile, err := os.ReadFile(harness.File("Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, final, found := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	if !found {
		t.Fatal("the Dockerfile has no stage FROM scratch")
	}
	environ := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:ENV|   ) ([A-Z0-9_]+)=(\S*)`).FindAllStringSubmatch(final, -1) {
		environ[m[1]] = m[2]
	}
	return environ
}

// TestHelpIsOneScreen asserts that the manual names every variable and fits a
// terminal.
func TestHelpIsOneScreen(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	config.WriteHelp(&b)
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if len(lines) > 64 {
		t.Errorf("help has %d lines, want at most 64", len(lines))
	}
	for _, line := range lines {
		if len(line) > 110 {
			t.Errorf("help has a line of %d characters, want at most 110: %s", len(line), line)
		}
	}
	words := strings.Fields(b.String())
	named := map[string]bool{}
	for _, w := range words {
		named[w] = true
	}
	for _, toggle := range acl.AllToggles() {
		if strings.HasPrefix(toggle.Var, "LIBPOD_ALLOW_") {
			continue // older names, which docs/variables.md has
		}
		if !named[toggle.Var] && !named[strings.TrimPrefix(toggle.Var, "LIBPOD")] {
			t.Errorf("help does not name %s", toggle.Var)
		}
	}
	for _, s := range config.Settings() {
		if !named[s.Var] {
			t.Errorf("help does not name %s", s.Var)
		}
	}
	rows := "on by default"
	for _, on := range []bool{true, false} {
		for _, s := range acl.Sections {
			if s.Default == on && !strings.HasPrefix(s.Var, "LIBPOD_") {
				rows += " " + s.Var
			}
		}
		if on {
			rows += " off by default"
		}
	}
	rows += " Podman's LIBPOD"
	for _, s := range acl.Sections {
		if name, ok := strings.CutPrefix(s.Var, "LIBPOD"); ok {
			rows += " " + name
		}
	}
	if !strings.Contains(strings.Join(words, " "), rows+" Operations, ") {
		t.Errorf("help does not list the sections as the table has them, %s", rows)
	}
}

// TestDocsNameTheBuildImage asserts that docs/running.md names the image that the
// Dockerfile builds on.
func TestDocsNameTheBuildImage(t *testing.T) {
	t.Parallel()
	dockerfile, err := os.ReadFile(harness.File("Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(harness.File("docs/running.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ARG GO_IMAGE=(\S+)$`).FindSubmatch(dockerfile)
	if m == nil || !bytes.Contains(page, append(append([]byte("`"), m[1]...), '`')) {
		t.Errorf("docs/running.md does not name the Dockerfile's GO_IMAGE, %q", m)
	}
}
