package acl_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestPure keeps the package one that can be audited on its own.
func TestPure(t *testing.T) {
	t.Parallel()
	foreign := goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "postern/acl")
	if !slices.Equal(foreign, []string{"postern/acl"}) {
		t.Errorf("acl depends on %q, want nothing but the standard library", foreign)
	}
	imports := goList(t, "-f", "{{join .Imports \"\\n\"}}", "postern/acl")
	for banned, reason := range map[string]string{
		"net":      "a decision must not depend on the network",
		"net/http": "the same path has to be judged the same, whatever else a request says",
		"os":       "settings come in as arguments",
		"time":     "a policy does not change with the clock",
		"log":      "the caller logs, once",
		"unsafe":   "nothing here is worth it",
	} {
		if slices.Contains(imports, banned) {
			t.Errorf("acl imports %s: %s", banned, reason)
		}
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
