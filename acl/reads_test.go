package acl_test

import (
	"os"
	"strings"
	"testing"

	"postern/acl"
)

// readKinds reads testdata/reads.tsv: the kind of each GET and HEAD, by "METHOD
// ID".
func readKinds(t *testing.T) map[string]string {
	t.Helper()
	table, err := os.ReadFile("testdata/reads.tsv")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 5 || fields[3] == "" || fields[4] == "" {
			t.Fatalf("want method, operation, kind, reason and source: %q", line)
		}
		key := fields[0] + " " + fields[1]
		// SystemPing is an operation of both engines.
		if kind, twice := kinds[key]; twice && kind != fields[2] {
			t.Errorf("%s is %s and %s", key, kind, fields[2])
		}
		kinds[key] = fields[2]
	}
	return kinds
}

// TestEveryReadIsClassified asserts that testdata/reads.tsv says of every GET and
// HEAD what its handler does, and that the table of operations agrees: an operation
// does not count as a read just because of its method.
func TestEveryReadIsClassified(t *testing.T) {
	t.Parallel()
	kinds := readKinds(t)
	listed := map[string]bool{}
	for i := range acl.Operations {
		op := &acl.Operations[i]
		if op.Method != "GET" && op.Method != "HEAD" {
			if op.NoRead != "" {
				t.Errorf("%s needs POST by its method, yet has a reason: %s", op.ID, op.NoRead)
			}
			continue
		}
		key := op.Method + " " + op.ID
		listed[key] = true
		files := op.RefusedBy == "ALLOW_ARCHIVE" || op.RefusedBy == "ALLOW_EXPORT"
		switch kind := kinds[key]; kind {
		case "read":
			if op.NoRead != "" || files {
				t.Errorf("%s is a read, but the table closes it: %q, %q", key, op.NoRead, op.RefusedBy)
			}
		case "files":
			if op.NoRead != "" || !files {
				t.Errorf("%s hands out files in containers, want ALLOW_ARCHIVE or ALLOW_EXPORT in the table, got %q", key, op.RefusedBy)
			}
		case "acts", "host", "key":
			if op.NoRead == "" {
				t.Errorf("%s does more than read (%s), but needs no POST", key, kind)
			}
		default:
			t.Errorf("%s is not classified in testdata/reads.tsv: read its handler and say what it does (got kind %q)", key, kind)
		}
	}
	for key := range kinds {
		if !listed[key] {
			t.Errorf("testdata/reads.tsv classifies %s, which is not an operation", key)
		}
	}
}

// TestGETThatActsNeedsPOST decides on every GET and HEAD with every section on:
// POST=0 refuses those that act, and POST=1 allows them. A HEAD of such a GET, which
// no engine routes today, gets the same decision.
func TestGETThatActsNeedsPOST(t *testing.T) {
	t.Parallel()
	sections := ""
	for _, s := range acl.Sections {
		sections += s.Var + "=1 "
	}
	reading, writing := settings(t, sections), settings(t, sections+"POST=1")
	files := settings(t, sections+"ALLOW_ARCHIVE=1 ALLOW_EXPORT=1")
	kinds := readKinds(t)
	for i := range acl.Operations {
		op := &acl.Operations[i]
		kind, isRead := kinds[op.Method+" "+op.ID]
		if !isRead {
			continue
		}
		request := op.Method + " " + strings.NewReplacer("{", "", "}", "").Replace(op.Path())
		check := func(name string, p *acl.Policy, request string, want bool) {
			t.Helper()
			if d := decide(p, request); (d.Outcome == acl.Allowed) != want {
				t.Errorf("%s (%s), %s: %v by %s, want allowed=%v", request, kind, name, d.Outcome, d.Rule, want)
			}
		}
		check("POST=0", reading, request, kind == "read")
		check("ALLOW_ARCHIVE=1 ALLOW_EXPORT=1", files, request, kind == "read" || kind == "files")
		check("POST=1", writing, request, true)
		if op.NoRead != "" {
			head := "HEAD" + strings.TrimPrefix(request, "GET")
			check("POST=0", reading, head, false)
			check("POST=1", writing, head, true)
		}
	}
}
