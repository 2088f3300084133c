package command

import (
	"strings"
	"testing"

	"postern/acl"
	"postern/proxy/config"
)

// TestDecisionAsJSON asserts the fields of the decision on one request for programs.
func TestDecisionAsJSON(t *testing.T) {
	t.Parallel()
	c := config.Config{Rules: acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}}}
	for _, test := range []struct {
		target  string
		allowed bool
		want    string
	}{
		{"/v1.41/containers/json", true, `{"method":"GET","path":"/containers/json","operation":"ContainerList","allowed":true,"rule":"CONTAINERS=1"}`},
		{"/info", false, `{"method":"GET","path":"/info","operation":"SystemInfo","allowed":false,"rule":"INFO=0",` +
			`"remedies":[["INFO=1"],["ALLOW=SystemInfo"]],"remedy":"setINFO=1,orALLOW=SystemInfo"}`},
		{"/containers/../info", false, `{"method":"GET","path":"/containers/../info","operation":"","allowed":false,"rule":"nosection","redirect":"/info"}`},
		{"/nothing", false, `{"method":"GET","path":"/nothing","operation":"","allowed":false,"rule":"nosection"}`},
	} {
		args, err := ParseExplainArgs([]string{"--json", "GET", test.target})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		allowed, err := args.Write(&b, c)
		if got := strings.Join(strings.Fields(b.String()), ""); err != nil || allowed != test.allowed || got != test.want {
			t.Errorf("%s: allowed=%v, %v\n%s\nwant allowed=%v\n%s", test.target, allowed, err, got, test.allowed, test.want)
		}
	}
}

// TestReportText asserts the words of each kind of row for a terminal.
func TestReportText(t *testing.T) {
	t.Parallel()
	policy := acl.Compile(acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}, Deny: []string{"*Prune"}})
	report := NewReport(policy, config.Scope{}, false)
	report.Client = "web"
	var b strings.Builder
	if err := report.Text(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"Client web may run ", "warning: leaks secrets: ContainerInspect lets a client read every container's environment",
		"allowed ContainerInspect GET /containers/{name}/json CONTAINERS=1",
		"refused NetworkList GET /networks set NETWORKS=1, or ALLOW=NetworkList refused",
		"refused ContainerPrune POST /containers/prune DENY=*Prune forbids it",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report has no %q:\n%s", want, b.String())
		}
	}
}
