package acl_test

import (
	"maps"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/preset"
)

// settings compiles "CONTAINERS=1 POST=1".
func settings(t *testing.T, s string) *acl.Policy {
	t.Helper()
	environ := map[string]string{}
	for setting := range strings.FieldsSeq(s) {
		name, value, _ := strings.Cut(setting, "=")
		environ[name] = value
	}
	rules, errs := acl.ParseRules("", environ)
	if len(errs) > 0 {
		t.Fatalf("ParseRules(%q): %v", s, errs)
	}
	return acl.Compile(rules)
}

// decide decides a request written as on the wire: "GET /containers/json".
func decide(p *acl.Policy, request string) acl.Decision {
	method, target, _ := strings.Cut(request, " ")
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err) // the test's own table is wrong
	}
	return p.Decide(method, u)
}

// TestDecide asserts the rule that decided and the remedy, not just the outcome.
func TestDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		settings, request string
		allowed           bool
		rule, remedy      string
	}{
		{"", "GET /_ping", true, "PING=1", ""},
		{"", "HEAD /v1.41/_ping", true, "PING=1", ""},
		{"", "GET /events", true, "EVENTS=1", ""},
		{"PING=0", "GET /_ping", false, "PING=0", "set PING=1, or ALLOW=SystemPing"},
		{"", "POST /_ping", false, "POST=0", "set POST=1"},
		{"", "GET /containers/json", false, "CONTAINERS=0", "set CONTAINERS=1, or ALLOW=ContainerList"},
		{"CONTAINERS=1", "GET /containers/json", true, "CONTAINERS=1", ""},
		{"", "POST /containers/create", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1, or ALLOW=ContainerCreate"},
		{"CONTAINERS=1", "POST /containers/create", false, "POST=0", "set POST=1, or ALLOW=ContainerCreate"},
		{"POST=1", "POST /containers/create", false, "CONTAINERS=0", "set CONTAINERS=1, or ALLOW=ContainerCreate"},
		{"POST=1 CONTAINERS=1", "DELETE /containers/web", true, "CONTAINERS=1", ""},

		// A section ends at a segment boundary.
		{"CONTAINERS=1", "GET /containersx", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /v1.41/containersx/json", false, acl.NoSection, ""},
		{"EXEC=1", "GET /execfoo", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /debug/pprof/", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /v5.0.0/libpod/containers/json", false, "LIBPOD_CONTAINERS=0", "set LIBPOD_CONTAINERS=1, or ALLOW=ContainerListLibpod"},

		// A newer engine's route belongs to its section.
		{"CONTAINERS=1", "GET /containers/web/novelty", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1", "POST /containers/web/novelty", false, "POST=0", "set POST=1"},
		{"", "PATCH /images/x", false, "IMAGES=0", "set IMAGES=1 and POST=1"},

		// Granular grants need nothing else and match exactly one operation.
		{"ALLOW_START=1", "POST /v1.41/containers/web/start", true, "ALLOW_START=1", ""},
		{"ALLOW_START=1", "POST /containers/web/stop", false, "CONTAINERS=0", "set ALLOW_STOP=1, or ALLOW_RESTARTS=1, or CONTAINERS=1 and POST=1, or ALLOW=ContainerStop"},
		{"ALLOW_START=1", "POST /containers/web/start/exec", false, "CONTAINERS=0", "set CONTAINERS=1 and EXEC=1 and POST=1, or ALLOW=ContainerExec"},
		{"ALLOW_START=1", "PUT /containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_START=1", "DELETE /containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1, or ALLOW=ContainerDelete"},
		{"ALLOW_START=1", "POST /containers/web/starts", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_RESTARTS=1", "POST /containers/web/kill", true, "ALLOW_RESTARTS=1", ""},
		{"ALLOW_RESTARTS=1", "POST /containers/web/stop", true, "ALLOW_RESTARTS=1", ""},
		{"ALLOW_RESTARTS=1", "POST /containers/web/restart", true, "ALLOW_RESTARTS=1", ""},
		{"ALLOW_RESTARTS=1", "POST /containers/web/start", false, "CONTAINERS=0", "set ALLOW_START=1, or CONTAINERS=1 and POST=1, or ALLOW=ContainerStart"},
		{"ALLOW_PAUSE=1", "POST /containers/web/pause", true, "ALLOW_PAUSE=1", ""},
		{"ALLOW_PAUSE=1", "POST /containers/web/unpause", false, "CONTAINERS=0", "set ALLOW_UNPAUSE=1, or CONTAINERS=1 and POST=1, or ALLOW=ContainerUnpause"},
		{"ALLOW_UNPAUSE=1", "POST /containers/web/unpause", true, "ALLOW_UNPAUSE=1", ""},
		{"ALLOW_STOP=0 CONTAINERS=1 POST=1", "POST /containers/web/stop", true, "CONTAINERS=1", ""},

		// Before API 1.24 a start takes a host configuration.
		{"ALLOW_START=1", "POST /v1.23/containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW=ContainerStart", "POST /v1.4/containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_START=1", "POST /v1.023/containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_START=1", "POST /v1./containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_START=1", "POST /v1/containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"", "POST /v1.23/containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW=*", "POST /v1.23/containers/web/start", true, "ALLOW=*", ""},
		{"ALLOW_START=1", "POST /v1.24/containers/web/start", true, "ALLOW_START=1", ""},
		{"ALLOW_START=1 CONTAINERS=1 POST=1", "POST /v1.23/containers/web/start", true, "ALLOW_START=1", ""},
		{"DENY=ContainerStart CONTAINERS=1 POST=1", "POST /v1.23/containers/web/start", false, "DENY=ContainerStart", "DENY=ContainerStart forbids it"},

		// Granular refusals.
		{"CONTAINERS=1", "GET /containers/web/logs", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 ALLOW_LOGS=0", "GET /containers/web/logs", false, "ALLOW_LOGS=0", "set ALLOW_LOGS=1, or ALLOW=ContainerLogs"},
		{"ALLOW_LOGS=1", "GET /containers/web/logs", false, "CONTAINERS=0", "set CONTAINERS=1, or ALLOW=ContainerLogs"},
		{"CONTAINERS=1 ALLOW_TOP=", "GET /containers/web/top", false, "ALLOW_TOP=0", "set ALLOW_TOP=1, or ALLOW=ContainerTop"},
		{"CONTAINERS=1 ALLOW_CHANGES=0", "GET /containers/web/changes", false, "ALLOW_CHANGES=0", "set ALLOW_CHANGES=1, or ALLOW=ContainerChanges"},
		{"SERVICES=1 ALLOW_LOGS=0", "GET /services/web/logs", true, "SERVICES=1", ""},

		// Files in containers.
		{"CONTAINERS=1", "GET /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1, or ALLOW=ContainerArchive"},
		{"CONTAINERS=1", "HEAD /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1, or ALLOW=ContainerArchiveInfo"},
		{"CONTAINERS=1", "GET /containers/a/b/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1, or ALLOW=ContainerArchive"},
		{"CONTAINERS=1", "GET /containers/web/export", false, "ALLOW_EXPORT=0", "set ALLOW_EXPORT=1, or ALLOW=ContainerExport"},
		{"CONTAINERS=1 ALLOW_ARCHIVE=1", "GET /containers/web/archive", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 ALLOW_ARCHIVE=1", "PUT /containers/web/archive", false, "POST=0", "set POST=1, or ALLOW=PutContainerArchive"},
		{"CONTAINERS=1", "PUT /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set POST=1, or ALLOW=PutContainerArchive"},
		{"CONTAINERS=1 POST=1", "PUT /containers/web/archive", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 POST=1", "GET /containers/web/export", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 POST=1 ALLOW_ARCHIVE=0", "PUT /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1, or ALLOW=PutContainerArchive"},
		{"CONTAINERS=1 POST=1 ALLOW_ARCHIVE=0", "HEAD /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1, or ALLOW=ContainerArchiveInfo"},
		{"CONTAINERS=1 POST=1 ALLOW_ARCHIVE=0", "POST /v1.23/containers/web/copy", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1, or ALLOW=ContainerCopy"},
		{"ALLOW_ARCHIVE=1", "GET /containers/web/archive", false, "CONTAINERS=0", "set CONTAINERS=1, or ALLOW=ContainerArchive"},

		// Reads that write or hand out a key.
		{"CONTAINERS=1", "GET /containers/web/attach/ws", false, "POST=0", "it writes to the container's standard input; set POST=1, or ALLOW=ContainerAttachWebsocket"},
		{"CONTAINERS=1 POST=1", "GET /containers/web/attach/ws", true, "CONTAINERS=1", ""},
		{"SWARM=1", "GET /swarm/unlockkey", false, "POST=0", "it hands out the key that unlocks the Swarm's managers; set POST=1, or ALLOW=SwarmUnlockkey"},
		{"SWARM=1", "GET /swarm", true, "SWARM=1", ""},

		// Creating an exec needs EXEC too.
		{"CONTAINERS=1 POST=1", "POST /containers/web/exec", false, "EXEC=0", "set EXEC=1, or ALLOW=ContainerExec"},
		{"CONTAINERS=1 POST=1 EXEC=1", "POST /containers/web/exec", true, "CONTAINERS=1", ""},
		{"POST=1 EXEC=1", "POST /containers/web/exec", false, "CONTAINERS=0", "set CONTAINERS=1, or ALLOW=ContainerExec"},

		// ALLOW and DENY.
		{"ALLOW=ContainerList", "GET /containers/json", true, "ALLOW=ContainerList", ""},
		{"ALLOW=ContainerList", "GET /containers/web/json", false, "CONTAINERS=0", "add ContainerInspect to ALLOW, or set CONTAINERS=1"},
		{"ALLOW=Container*,ImageList", "DELETE /containers/web", true, "ALLOW=Container*", ""},
		{"ALLOW=ContainerCreate", "POST /containers/create", true, "ALLOW=ContainerCreate", ""},
		{"ALLOW=ContainerLogs ALLOW_LOGS=0", "GET /containers/web/logs", true, "ALLOW=ContainerLogs", ""},
		{"DENY=*Prune,*Delete CONTAINERS=1 POST=1", "DELETE /containers/web", false, "DENY=*Delete", "DENY=*Delete forbids it"},
		{"DENY=*Prune,*Delete CONTAINERS=1 POST=1", "POST /containers/prune", false, "DENY=*Prune", "DENY=*Prune forbids it"},
		{"DENY=ContainerStart ALLOW_START=1 ALLOW=*", "POST /containers/web/start", false, "DENY=ContainerStart", "DENY=ContainerStart forbids it"},
		{"DENY=* CONTAINERS=1", "GET /containers/web/novelty", false, "DENY=*", "DENY=* forbids it"},
		{"DENY=Container* CONTAINERS=1", "GET /containers/web/novelty", true, "CONTAINERS=1", ""},
		{"ALLOW=*", "GET /secrets/x/novelty", true, "ALLOW=*", ""},
		{"ALLOW=*", "GET /debug/pprof/", false, acl.NoSection, ""},

		// Podman.
		{"", "GET /libpod/_ping", true, "LIBPOD_PING=1", ""},
		{"", "GET /v5.0.0/libpod/version", true, "LIBPOD_VERSION=1", ""},
		{"", "GET /v5.0.0-rc1/libpod/version", true, "LIBPOD_VERSION=1", ""},
		{"", "GET /v5.0.0-rc1/version", false, acl.NoSection, ""},
		{"ALLOW_START=1", "POST /v5.0.0/libpod/pods/web/start", true, "ALLOW_START=1", ""},
		{"LIBPOD_ALLOW_POD_START=1", "POST /v5.0.0/libpod/pods/web/start", true, "LIBPOD_ALLOW_POD_START=1", ""},
		{"LIBPOD_ALLOW_POD_START=1", "POST /v5.0.0/libpod/containers/web/start", false, "LIBPOD_CONTAINERS=0", "set ALLOW_START=1, or LIBPOD_CONTAINERS=1 and POST=1, or ALLOW=ContainerStartLibpod"},
		{"LIBPOD_ALLOW_START=1", "POST /containers/web/start", false, "CONTAINERS=0", "set ALLOW_START=1, or CONTAINERS=1 and POST=1, or ALLOW=ContainerStart"},
		{"LIBPOD_CONTAINERS=1", "GET /v5.0.0/libpod/containers/web/export", false, "ALLOW_EXPORT=0", "set ALLOW_EXPORT=1, or ALLOW=ContainerExportLibpod"},
		{"LIBPOD_CONTAINERS=1 POST=1", "POST /v5.0.0/libpod/containers/web/exec", false, "LIBPOD_EXEC=0", "set LIBPOD_EXEC=1, or ALLOW=ContainerExecLibpod"},
		{"ALLOW=ManifestAddLibpod", "POST /v3.0.0/libpod/manifests/x/add", true, "ALLOW=ManifestAddLibpod", ""},
		{"ALLOW=ManifestAddLibpod", "POST /v5.0.0/libpod/manifests/x/add", false, "LIBPOD_MANIFESTS=0", "add ManifestCreateLibpod to ALLOW, or set LIBPOD_MANIFESTS=1 and POST=1"},
		{"LIBPOD_CONTAINERS=1", "GET /v5.0.0/libpod", false, acl.NoSection, ""},
		{"LIBPOD_CONTAINERS=1", "GET /v5.0.0/libpod/containersx/json", false, acl.NoSection, ""},

		// A path that the engine would redirect is never allowed.
		{"CONTAINERS=1", "GET /containers//json", false, acl.NoSection, ""},
		{"PING=1", "GET /secrets/../_ping", false, acl.NoSection, ""},
	} {
		policy := settings(t, test.settings)
		d := decide(policy, test.request)
		remedy := advise.RemedyFor(policy, d).Text
		if allowed := d.Outcome == acl.Allowed; allowed != test.allowed || d.Rule != test.rule || remedy != test.remedy {
			t.Errorf("%q, %s: got %v by %q, %q; want allowed=%v by %q, %q",
				test.settings, test.request, d.Outcome, d.Rule, remedy, test.allowed, test.rule, test.remedy)
		}
	}
}

// TestPatternsMatchLikeRegexps compares the wildcards with those of regular
// expressions, on every id.
func TestPatternsMatchLikeRegexps(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"*", "**", "ContainerList", "Container*", "*List", "*Libpod", "*Prune*", "Container*tart*", "Image*Libpod", "*e*e*e", "C*n*t", "*Ping",
	} {
		policy := settings(t, "EVENTS=0 PING=0 VERSION=0 LIBPOD_PING=0 LIBPOD_VERSION=0 ALLOW="+pattern)
		whole := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$")
		for i, op := range acl.Operations {
			if got, want := policy.Operation(i).Outcome == acl.Allowed, whole.MatchString(op.ID); got != want {
				t.Errorf("ALLOW=%s: %s allowed is %v, want %v", pattern, op.ID, got, want)
			}
		}
	}
}

// allows reports whether a policy allows Operations[i].
func allows(p *acl.Policy, i int) bool { return p.Operation(i).Outcome == acl.Allowed }

func TestZeroValuesRefuse(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]*acl.Policy{"a nil policy": nil, "a zero policy": {}} {
		if d := decide(policy, "GET /_ping"); d.Outcome != acl.Refused {
			t.Errorf("%s decides %v, want %v", name, d.Outcome, acl.Refused)
		}
		if policy.Operation(0).Outcome != acl.Refused {
			t.Errorf("%s allows an operation", name)
		}
	}
	if d := acl.Compile(acl.Rules{Learn: true, Allow: []string{"*"}}).Decide("", &url.URL{}); d.Outcome == acl.Allowed {
		t.Error("a zero request is allowed")
	}
	if (acl.Decision{}).Outcome != acl.Refused {
		t.Error("the zero decision does not refuse")
	}
}

// TestRefuseReplacesDecision asserts that a refusal by the proxy replaces the
// policy's decision.
func TestRefuseReplacesDecision(t *testing.T) {
	t.Parallel()
	policy := settings(t, "INFO=1")
	for _, request := range []string{"GET /info", "GET /containers/json", "GET //info"} {
		d := decide(policy, request).Refuse("ALLOW_FROM", "10.0.0.1 is not in ALLOW_FROM")
		if d.Outcome != acl.Refused || d.Rule != "ALLOW_FROM" || d.Redirect != "" {
			t.Errorf("%s: got %+v, want a refusal by ALLOW_FROM", request, d)
		}
		if remedy := advise.RemedyFor(policy, d); len(remedy.Sets) > 0 || remedy.Text != d.Reason {
			t.Errorf("%s: the remedy is %+v, want the reason", request, remedy)
		}
	}
}

// TestDenyWinsAndAllowOnlyAdds asserts on random settings that DENY wins over every
// other setting, and that neither a toggle that is switched on nor a longer ALLOW
// takes an operation away.
func TestDenyWinsAndAllowOnlyAdds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	toggles := acl.AllToggles()
	for range 50 {
		rules := acl.Rules{Toggles: acl.Toggles{}}
		for _, toggle := range toggles {
			if value := random.IntN(3); value < 2 {
				rules.Toggles[toggle.Var] = value == 1
			}
		}
		before := acl.Compile(rules)

		more := acl.Rules{Toggles: maps.Clone(rules.Toggles)}
		on := toggles[random.IntN(len(toggles))].Var
		more.Toggles[on] = true
		denied := acl.Operations[random.IntN(len(acl.Operations))].ID
		for name, after := range map[string]*acl.Policy{
			on + "=1": acl.Compile(more),
			"ALLOW":   acl.Compile(acl.Rules{Toggles: rules.Toggles, Allow: []string{"*Prune"}}),
		} {
			for i, op := range acl.Operations {
				if allows(before, i) && !allows(after, i) {
					t.Errorf("%v: adding %s takes %s away", rules.Toggles, name, op.ID)
				}
			}
		}
		after := acl.Compile(acl.Rules{Toggles: rules.Toggles, Allow: []string{"*"}, Deny: []string{denied}})
		for i, op := range acl.Operations {
			if got := allows(after, i); got != (op.ID != denied) {
				t.Errorf("%v ALLOW=* DENY=%s: %s allowed is %v", rules.Toggles, denied, op.ID, got)
			}
		}
	}
}

func TestParseBool(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"1": "on", "true": "on", "YES": "on", "On": "on", "2": "on", "-1": "on", "+3": "on", "99999999999999999999": "on",
		"0": "off", "false": "off", "No": "off", "OFF": "off", "": "off", "00": "off", "-0": "off",
		"ture": "bad", "1.0": "bad", " 1": "bad", `"1"`: "bad", "+": "bad", "-": "bad", "--1": "bad", "1-": "bad", "enabled": "bad", "0x1": "bad",
	} {
		got := "off"
		if on, err := acl.ParseBool(value); err != nil {
			got = "bad"
		} else if on {
			got = "on"
		}
		if got != want {
			t.Errorf("ParseBool(%q) is %s, want %s", value, got, want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	policy := acl.Compile(acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}})
	for _, request := range []string{"GET /_ping", "GET /v1.41/containers/json", "GET /v1.41/containers/0123456789ab/archive", "DELETE /v1.41/containers/web"} {
		b.Run(request, func(b *testing.B) {
			method, path, _ := strings.Cut(request, " ")
			u := &url.URL{Path: path}
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(method, u)
			}
		})
	}
}

// TestDecideDoesNotAllocate asserts that a decision leaves nothing to the garbage
// collector.
func TestDecideDoesNotAllocate(t *testing.T) {
	policy := acl.Compile(acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}})
	read, write := &url.URL{Path: "/v1.41/containers/web/json"}, &url.URL{Path: "/v1.41/secrets/x"}
	n := testing.AllocsPerRun(100, func() {
		policy.Decide("GET", read)
		policy.Decide("DELETE", write)
	})
	if n != 0 {
		t.Errorf("a decision allocates %v times, want 0", n)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		acl.Compile(acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}})
	}
}

// TestPrefixedVariables asserts that rules with a prefix ignore the variables
// without it, and that rules, remedies and errors name variables with it.
func TestPrefixedVariables(t *testing.T) {
	t.Parallel()
	rules, errs := acl.ParseRules("CLIENT_A_", map[string]string{
		"CONTAINERS":        "1",
		"ALLOW":             "SystemInfo",
		"CLIENT_A_NETWORKS": "1",
		"CLIENT_A_DENY":     "NetworkInspect",
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	policy := acl.Compile(rules)
	for _, test := range []struct{ request, rule, remedy string }{
		{"GET /networks", "CLIENT_A_NETWORKS=1", ""},
		{"GET /networks/a", "CLIENT_A_DENY=NetworkInspect", "CLIENT_A_DENY=NetworkInspect forbids it"},
		{"POST /networks/create", "CLIENT_A_POST=0", "set CLIENT_A_POST=1, or CLIENT_A_ALLOW=NetworkCreate; CLIENT_A_POST=1 also opens NetworkConnect, NetworkDisconnect and 2 more"},
		{"GET /info", "CLIENT_A_INFO=0", "set CLIENT_A_INFO=1, or CLIENT_A_ALLOW=SystemInfo"},
	} {
		d := decide(policy, test.request)
		if remedy := advise.RemedyFor(policy, d).String(); d.Rule != test.rule || remedy != test.remedy {
			t.Errorf("%s: rule %q, remedy %q, want %q, %q", test.request, d.Rule, remedy, test.rule, test.remedy)
		}
	}
	_, errs = acl.ParseRules("CLIENT_A_", map[string]string{"CLIENT_A_POST": "ture", "CLIENT_A_ALLOW": "NetworkLst", "POST": "ture"})
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), `CLIENT_A_POST="ture"`) || !strings.Contains(errs[1].Error(), `CLIENT_A_ALLOW="NetworkLst"`) {
		t.Errorf("errors %q, want one for CLIENT_A_POST and one for CLIENT_A_ALLOW", errs)
	}
}

// TestLearnAllowsUnlessDenied asserts that LEARN=1 allows what the settings refuse,
// except what DENY names and paths in no section.
func TestLearnAllowsUnlessDenied(t *testing.T) {
	t.Parallel()
	policy := acl.Compile(acl.Rules{Learn: true, Toggles: acl.Toggles{"INFO": true, "ALLOW_START": true}, Deny: []string{"*Delete"}})
	for _, test := range []struct {
		request string
		outcome acl.Outcome
		rule    string
	}{
		{"GET /info", acl.Allowed, "INFO=1"},
		{"GET /containers/json", acl.Allowed, acl.Learning},
		{"POST /containers/create", acl.Allowed, acl.Learning},
		{"POST /containers/web/start", acl.Allowed, "ALLOW_START=1"},
		{"POST /v1.23/containers/web/start", acl.Allowed, acl.Learning},
		{"GET /secrets/novelty/novelty", acl.Allowed, acl.Learning},
		// The escaped reading matches no operation and needs CONTAINERS=1 and POST=1.
		{"POST /containers/web%2fstart", acl.Allowed, acl.Learning},
		{"DELETE /containers/web", acl.Refused, "DENY=*Delete"},
		{"GET /debug/pprof/", acl.Refused, acl.NoSection},
		{"GET /containersx", acl.Refused, acl.NoSection},
		{"GET /containers/../info", acl.Redirected, acl.NoSection},
	} {
		if d := decide(policy, test.request); d.Outcome != test.outcome || d.Rule != test.rule {
			t.Errorf("%s: %v by %s, want %v by %s", test.request, d.Outcome, d.Rule, test.outcome, test.rule)
		}
	}
}

// TestPresetsNameOperations asserts that every id in a preset belongs to an
// operation: a misspelt one would allow nothing.
func TestPresetsNameOperations(t *testing.T) {
	t.Parallel()
	for _, p := range preset.All() {
		for _, id := range p.IDs() {
			if !slices.ContainsFunc(acl.Operations, func(op acl.Operation) bool { return op.ID == id }) {
				t.Errorf("preset %s names %s, which is not an operation", p.Name, id)
			}
		}
	}
}
