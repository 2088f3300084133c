package scope_test

import (
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/scope"
)

// TestEveryOperationHasARule asserts that each of Docker's operations is in the table,
// and that of Podman's own only those are open that say nothing of containers.
func TestEveryOperationHasARule(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{"": true}
	for _, op := range acl.Operations {
		ids[op.ID] = true
		_, known := scope.Lookup(op.ID)
		podman := strings.HasPrefix(op.Pattern, "/libpod/")
		switch rule := scope.RuleFor(op.ID); {
		case !podman && !known:
			t.Errorf("%s is not in the table", op.ID)
		case podman && rule.Does != scope.Refused && !strings.Contains("SystemPing SystemInfoLibpod SystemVersionLibpod", op.ID):
			t.Errorf("%s is not refused", op.ID)
		case rule.Does == scope.Names && !strings.Contains(op.Pattern, "{"):
			t.Errorf("%s names nothing in its path", op.ID)
		case rule.Does == scope.Passes && strings.Contains(op.Pattern, "{") && op.Section().Var != "IMAGES" && op.Section().Var != "DISTRIBUTION":
			t.Errorf("%s names an object that no scope looks at", op.ID)
		}
	}
	if scope.RuleFor("").Does != scope.Refused {
		t.Error("an operation without an id is not refused")
	}
	for _, id := range scope.IDs() {
		if !ids[id] {
			t.Errorf("%s is in the table and is no operation", id)
		}
	}
}
