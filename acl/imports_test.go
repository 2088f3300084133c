package acl_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportsNothingImpure asserts that the packages of the policy import the
// standard library alone, and of that nothing with effects, so that they can be
// audited on their own.
func TestImportsNothingImpure(t *testing.T) {
	t.Parallel()
	for _, foreign := range goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "postern/acl/...") {
		if foreign != "postern/acl" && !strings.HasPrefix(foreign, "postern/acl/") {
			t.Errorf("acl depends on %s, want nothing but the standard library", foreign)
		}
	}
	imports := goList(t, "-f", "{{join .Imports \"\\n\"}}", "postern/acl/...")
	for banned, reason := range map[string]string{
		"net":      "a decision must not depend on the network",
		"net/http": "the same method and URL have to be decided the same, whatever else a request says",
		"os":       "settings come in as arguments",
		"time":     "a policy does not change with the clock",
		"log":      "the caller logs, once",
		"unsafe":   "nothing here is worth it",
	} {
		if slices.Contains(imports, banned) {
			t.Errorf("acl imports %s: %s", banned, reason)
		}
	}
	if slices.Contains(goList(t, "-deps", "postern/acl"), "postern/acl/advise") {
		t.Error("acl imports postern/acl/advise: a decision must not depend on text for people")
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
