package advise

import (
	"os"
	"slices"
	"strings"
	"testing"

	"postern/acl"
)

// TestDangersName asserts that every id in the table is an operation's: a
// misspelt one would never warn.
func TestDangersName(t *testing.T) {
	t.Parallel()
	for _, d := range dangers {
		for _, id := range d.All {
			if !slices.ContainsFunc(acl.Operations, func(op acl.Operation) bool { return op.ID == id }) {
				t.Errorf("the danger to %q names %s, which is no operation", d.Why, id)
			}
		}
	}
}

// TestDangersOfReads asserts that every read of which testdata/reads.tsv says "a
// danger" is in the table, and that it says so of every read in the table.
func TestDangersOfReads(t *testing.T) {
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
		named := slices.ContainsFunc(dangers, func(d Danger) bool { return slices.Contains(d.All, id) })
		if says := strings.Contains(does, "a danger"); says != named {
			t.Errorf("%s: the table of dangers names it: %v; testdata/reads.tsv says %q", id, named, does)
		}
	}
	if reads < 80 {
		t.Errorf("read %d lines, want one for each read", reads)
	}
}
