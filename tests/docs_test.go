package tests

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/preset"
	"postern/proxy/config"
)

var update = flag.Bool("update", false, "write the generated parts of README.md")

// TestDocs compares README's tables with the code's; -update writes them.
func TestDocs(t *testing.T) {
	t.Parallel()
	const file = "../README.md"
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := readme
	for name, table := range map[string]string{
		"sections":   sectionTable(false),
		"podman":     sectionTable(true),
		"verbs":      verbTable(),
		"presets":    presetTable(),
		"settings":   settingTable(),
		"operations": operationTable(),
	} {
		block := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n.*?<!-- end -->`)
		if !block.Match(want) {
			t.Errorf("README has no block for the table of %s", name)
		}
		want = block.ReplaceAllLiteral(want, []byte("<!-- "+name+" -->\n"+table+"<!-- end -->"))
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(readme, want) {
		t.Error("README's tables are not the code's: go test ./tests -run TestDocs -update writes them")
	}
}

// TestExamples compares what the README shows of postern's output with what
// postern prints.
func TestExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, socket := standIn(t)
	var refusal struct{ Message string }
	body := start(t, map[string]string{"SOCKET_PATH": socket}).get("/containers/json").body
	if err := json.Unmarshal([]byte(body), &refusal); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	printed := "Error response from daemon: " + refusal.Message + "\n"
	containers := map[string]string{"CONTAINERS": "1"}
	printed += run(t, containers, "explain").stdout + run(t, containers, "explain", "POST", "/v1.41/containers/web/restart").stdout
	shown := 0
	for line := range strings.Lines(string(readme)) {
		line = strings.TrimSpace(strings.TrimSuffix(line, "...\n"))
		if !regexp.MustCompile(`^(Error response|Clients may|read  |write  |warning: |refused: )`).MatchString(line) {
			continue
		}
		shown++
		if !strings.Contains(printed, line) {
			t.Errorf("the README shows\n%s\nwhich is not in\n%.2000s", line, printed)
		}
	}
	if shown < 6 {
		t.Errorf("the README shows %d lines of output, want 6", shown)
	}
}

func sectionTable(podman bool) string {
	var b strings.Builder
	b.WriteString("| variable | default | path | what it exposes |\n|---|---|---|---|\n")
	for _, s := range acl.Sections {
		if strings.HasPrefix(s.Var, "LIBPOD_") != podman {
			continue
		}
		on := 0
		if s.Default {
			on = 1
		}
		fmt.Fprintf(&b, "| `%s` | %d | `%s` | %s |\n", s.Var, on, s.Path, s.Exposes)
	}
	return b.String()
}

// operationTable has a row a section, for 250 rows would bury what follows.
func operationTable() string {
	var b strings.Builder
	b.WriteString("| section | operations |\n|---|---|\n")
	for _, s := range acl.Sections {
		var operations []string
		for _, op := range acl.Operations {
			if op.Section().Var == s.Var {
				operations = append(operations, fmt.Sprintf("`%s` %s %s", op.ID, op.Method, op.Path()))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.Var, strings.Join(operations, "<br>"))
	}
	return b.String()
}

func verbTable() string {
	var b strings.Builder
	b.WriteString("| variable | default | what it does |\n|---|---|---|\n")
	for _, v := range acl.AllToggles()[len(acl.Sections):] {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Var, v.Default, v.Opens)
	}
	return b.String()
}

func presetTable() string {
	var b strings.Builder
	b.WriteString("| preset | for a program that | operations, guesses behind ? |\n|---|---|---|\n")
	for _, p := range preset.All {
		operations := "`" + strings.Join(p.Operations, "` `") + "`"
		if len(p.Guesses) > 0 {
			operations += " ? `" + strings.Join(p.Guesses, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, p.Reason, operations)
	}
	return b.String()
}

func settingTable() string {
	var b strings.Builder
	b.WriteString("| variable | default | what it is |\n|---|---|---|\n")
	for _, s := range config.Settings() {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Var, value, s.Help)
	}
	return b.String()
}

// TestDockerfileDefaults compares the ENV lines of the image with the code's
// defaults. What is unset there must be a variable whose unset state has a
// meaning that no value has.
func TestDockerfileDefaults(t *testing.T) {
	t.Parallel()
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, final, found := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	if !found {
		t.Fatal("the Dockerfile has no stage FROM scratch")
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:ENV|   ) ([A-Z0-9_]+)=(\S*)`).FindAllStringSubmatch(final, -1) {
		got[m[1]] = m[2]
	}
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

// TestHelpIsOneScreen asserts that the manual names every variable and fits a
// terminal.
func TestHelpIsOneScreen(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	config.WriteHelp(&b)
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if len(lines) > 60 {
		t.Errorf("help has %d lines, want at most 60", len(lines))
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
			continue // older names, which README has
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
}
