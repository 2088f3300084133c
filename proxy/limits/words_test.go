package limits

import (
	"slices"
	"testing"

	"postern/acl"
	"postern/acl/guard"
	"postern/acl/redact"
	"postern/acl/scope"
)

// TestWords asserts the lines that tell people of a client's limits.
func TestWords(t *testing.T) {
	t.Parallel()
	env := New(Options{Redact: Redaction{Redaction: redact.Redaction{Kinds: redact.Env, Keep: []string{"VIRTUAL_*", "TZ"}}, Rule: "CLIENT_UI_REDACT=env"}}, false)
	for _, test := range []struct {
		limits *Limits
		allow  []string
		want   []string
	}{
		{nil, []string{"ContainerList"}, nil},
		{
			New(Options{Scope: &scope.Scope{Mine: "ci"}, ScopeRule: "CLIENT_CI_SCOPE=mine", Guard: &guard.Guard{}, GuardRule: "GUARD=1"}, false), nil,
			[]string{"CLIENT_CI_SCOPE=mine: sees only what it made itself", "GUARD=1: the containers that it makes have no power over the host or over others"},
		},
		{env, []string{"ContainerList"}, []string{"CLIENT_UI_REDACT=env: responses have *** for the values of environment variables, but not for the variables VIRTUAL_* TZ"}},
		{New(Options{Redact: Redaction{Redaction: redact.Redaction{Kinds: redact.Env | redact.Args}, Rule: "REDACT=env,args"}}, false), []string{"ContainerLogs", "ExecStart"}, []string{
			"REDACT=env,args: responses have *** for the values of environment variables and command lines",
			"REDACT=env,args does not hold for files of containers and images, what programs print, and what a client runs itself: ContainerLogs ExecStart",
		}},
	} {
		if got := test.limits.Words(acl.Compile(acl.Only(test.allow...))); !slices.Equal(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
