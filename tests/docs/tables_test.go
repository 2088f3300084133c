package docs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/preset"
	"postern/acl/redact"
	"postern/proxy/config"
	"postern/tests/internal/harness"
)

var update = flag.Bool("update", false, "write the generated parts of README.md and of docs/")

// generated has the pages with tables that are made of the code's, each with the
// names of its tables. A table stands between <!-- name --> and <!-- end -->.
var generated = map[string]map[string]func() string{
	"README.md":          {"sections": func() string { return sectionTable(false) }},
	"docs/migrating.md":  {"noreads": noReadList},
	"docs/variables.md":  {"sections": func() string { return sectionTable(false) }, "podman": func() string { return sectionTable(true) }, "verbs": verbTable, "settings": settingTable},
	"docs/presets.md":    {"presets": presetTable, "presetoperations": presetOperationTable},
	"docs/guard.md":      {"guard": guardTable, "programs": guardedTable},
	"docs/operations.md": {"operations": operationTable},
}

// TestDocs compares the generated tables with the code's; -update writes them.
func TestDocs(t *testing.T) {
	t.Parallel()
	for name, tables := range generated {
		file := harness.File(name)
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := page
		for table, write := range tables {
			block := regexp.MustCompile(`(?s)<!-- ` + table + ` -->\n.*?<!-- end -->`)
			if !block.Match(want) {
				t.Errorf("%s has no block for the table of %s", name, table)
			}
			want = block.ReplaceAllLiteral(want, []byte("<!-- "+table+" -->\n"+write()+"<!-- end -->"))
		}
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if !bytes.Equal(page, want) {
			t.Errorf("the tables of %s are not the code's: go test ./tests/docs -run TestDocs -update writes them", name)
		}
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

// noReadList stands in the second of the six differences, indented as it is: the
// comment that ends it belongs to the list too.
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
	b.WriteString("| preset | for a program that | dangers | works with |\n|---|---|---|---|\n")
	for _, p := range preset.All() {
		var kinds []string
		for _, d := range advise.Dangers(acl.Compile(acl.Only(p.IDs()...)), redact.Redaction{}) {
			if !slices.Contains(kinds, string(d.Kind)) {
				kinds = append(kinds, string(d.Kind))
			}
		}
		limits := ""
		if len(p.Limits) > 0 {
			limits = "`" + strings.Join(p.Limits, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.Name, p.Reason, strings.Join(kinds, ", "), limits)
	}
	return b.String()
}

func presetOperationTable() string {
	var b strings.Builder
	b.WriteString("| preset | operations, guesses behind ? |\n|---|---|\n")
	for _, p := range preset.All() {
		operations := "`" + strings.Join(p.Operations, "` `") + "`"
		if len(p.Guesses) > 0 {
			operations += " ? `" + strings.Join(p.Guesses, "` `") + "`"
		}
		if p.Note != "" {
			operations += "<br>" + strings.ReplaceAll(p.Note, "*", `\*`)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", p.Name, operations)
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
