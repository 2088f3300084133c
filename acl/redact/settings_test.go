package redact

import (
	"slices"
	"testing"
)

// TestParseKinds asserts which values REDACT takes.
func TestParseKinds(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]Kinds{
		"env": Env, "args": Args, "env,args": Env | Args, " ARGS , Env ": Env | Args, "none": 0, "None": 0,
	} {
		if got, err := ParseKinds(value); got != want || err != nil {
			t.Errorf("%q: %v, %v, want %v", value, got, err, want)
		}
	}
	for _, value := range []string{"", "1", "all", "env,none", "env,", "env args", "*"} {
		if got, err := ParseKinds(value); err == nil {
			t.Errorf("%q: %v, want an error", value, got)
		}
	}
}

// TestParseKeep asserts which values REDACT_KEEP takes.
func TestParseKeep(t *testing.T) {
	t.Parallel()
	if got, err := ParseKeep(" VIRTUAL_* ,,TZ,app.x-y"); err != nil || !slices.Equal(got, []string{"VIRTUAL_*", "TZ", "app.x-y"}) {
		t.Errorf("%q, %v", got, err)
	}
	for _, value := range []string{"A=b", "[A-Z]", "A B", `A\*`, "?"} {
		if got, err := ParseKeep(value); err == nil {
			t.Errorf("%q: %q, want an error", value, got)
		}
	}
}
