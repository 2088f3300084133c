package advise

import (
	"os"
	"slices"
	"strings"
	"testing"

	"postern/acl"
)

// TestDangersNameOperations asserts that every id in the table belongs to an
// operation: a misspelt one would never warn.
func TestDangersNameOperations(t *testing.T) {
	t.Parallel()
	for _, d := range dangers() {
		for _, id := range d.All {
			if !slices.ContainsFunc(acl.Operations, func(op acl.Operation) bool { return op.ID == id }) {
				t.Errorf("the danger to %q names %s, which is not an operation", d.Why, id)
			}
		}
	}
}

// TestDangersAgreeWithReads asserts that the table has exactly the reads of which
// testdata/reads.tsv says "a danger".
func TestDangersAgreeWithReads(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../testdata/reads.tsv")
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || fields[2] != "read" {
			continue
		}
		reads++
		id, does := fields[1], fields[3]
		named := slices.ContainsFunc(dangers(), func(d Danger) bool { return slices.Contains(d.All, id) })
		if says := strings.Contains(does, "a danger"); says != named {
			t.Errorf("%s: the table of dangers names it: %v; testdata/reads.tsv says %q", id, named, does)
		}
	}
	if reads < 80 {
		t.Errorf("read %d lines, want one for each read", reads)
	}
}
