package advise

import (
	"slices"
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
