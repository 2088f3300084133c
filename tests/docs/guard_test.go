package docs

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/acl/guard"
	"postern/tests/internal/harness"
)

// TestDocsOfGuard compares the table of docs/guard.md with the code's; -update writes it.
func TestDocsOfGuard(t *testing.T) {
	t.Parallel()
	file := harness.File("docs/guard.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| variable | unset | items |\n|---|---|---|\n")
	for _, v := range guard.Variables {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, v.Default, strings.ReplaceAll(v.Help, "|", `\|`))
	}
	block := regexp.MustCompile(`(?s)<!-- guard -->\n.*?<!-- end -->`)
	want := block.ReplaceAllLiteral(text, []byte("<!-- guard -->\n"+b.String()+"<!-- end -->"))
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(text, want) {
		t.Error("the table of docs/guard.md is not the code's: go test ./tests/docs -run TestDocs -update writes it")
	}
}
