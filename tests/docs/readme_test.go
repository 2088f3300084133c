package docs

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
	"postern/tests/internal/harness"
)

var update = flag.Bool("update", false, "write the generated parts of README.md")

// TestDocs compares README's tables with the code's; -update writes them.
func TestDocs(t *testing.T) {
	t.Parallel()
	file := harness.File("README.md")
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
		"noreads":    noReadList(),
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
		t.Error("README's tables are not the code's: go test ./tests/docs -run TestDocs -update writes them")
	}
}

// TestREADMEShowsRealOutput compares what the README shows of postern's output
// with what postern prints.
func TestREADMEShowsRealOutput(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(harness.File("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, socket := harness.StandIn(t)
	var refusal struct{ Message string }
	body := harness.Start(t, map[string]string{"SOCKET_PATH": socket}).Get("/containers/json").Body
	if err := json.Unmarshal([]byte(body), &refusal); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	printed := "Error response from daemon: " + refusal.Message + "\n"
	containers := map[string]string{"CONTAINERS": "1"}
	printed += harness.Run(t, containers, "explain").Stdout + harness.Run(t, containers, "explain", "POST", "/v1.41/containers/web/restart").Stdout
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

// noReadList stands in the second of the six differences, indented as it is.
func noReadList() string {
	var b strings.Builder
	for _, op := range acl.Operations {
		if op.NoRead != "" {
			fmt.Fprintf(&b, "   - `%s %s` %s\n", op.Method, op.Path(), op.NoRead)
		}
	}
	return b.String() + "   "
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
	for _, p := range preset.All() {
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
