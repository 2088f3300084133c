package acl_test

import (
	"maps"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"postern/acl"
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

// TestDecide asserts the rule that decided and the advice, not just the
// verdict.
func TestDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		settings, request string
		allowed           bool
		rule, advice      string
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
		{"CONTAINERS=1", "GET /containers/web/attach/ws", false, "POST=0", "set POST=1, or ALLOW=ContainerAttachWebsocket"},
		{"CONTAINERS=1 POST=1", "GET /containers/web/attach/ws", true, "CONTAINERS=1", ""},
		{"SWARM=1", "GET /swarm/unlockkey", false, "POST=0", "set POST=1, or ALLOW=SwarmUnlockkey"},
		{"SWARM=1", "GET /swarm", true, "SWARM=1", ""},

		// Creating an exec needs EXEC too.
		{"CONTAINERS=1 POST=1", "POST /containers/web/exec", false, "EXEC=0", "set EXEC=1, or ALLOW=ContainerExec"},
		{"CONTAINERS=1 POST=1 EXEC=1", "POST /containers/web/exec", true, "CONTAINERS=1", ""},
		{"POST=1 EXEC=1", "POST /containers/web/exec", false, "CONTAINERS=0", "set CONTAINERS=1, or ALLOW=ContainerExec"},

		// ALLOW and DENY.
		{"ALLOW=ContainerList", "GET /containers/json", true, "ALLOW=ContainerList", ""},
		{"ALLOW=ContainerList", "GET /containers/web/json", false, "CONTAINERS=0", "set CONTAINERS=1, or ALLOW=ContainerInspect"},
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
		{"ALLOW=ManifestAddLibpod", "POST /v5.0.0/libpod/manifests/x/add", false, "LIBPOD_MANIFESTS=0", "set LIBPOD_MANIFESTS=1 and POST=1, or ALLOW=ManifestCreateLibpod"},
		{"LIBPOD_CONTAINERS=1", "GET /v5.0.0/libpod", false, acl.NoSection, ""},
		{"LIBPOD_CONTAINERS=1", "GET /v5.0.0/libpod/containersx/json", false, acl.NoSection, ""},

		// A path that the engine would redirect is never judged.
		{"CONTAINERS=1", "GET /containers//json", false, acl.NoSection, ""},
		{"PING=1", "GET /secrets/../_ping", false, acl.NoSection, ""},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		v := settings(t, test.settings).Decide(acl.Classify(method, path))
		// What a way opens beside is not the subject here.
		advice, _, _ := strings.Cut(v.Advice, ";")
		if v.Allowed != test.allowed || v.Rule != test.rule || advice != test.advice {
			t.Errorf("%q, %s: got allowed=%v by %q, %q; want %v by %q, %q",
				test.settings, test.request, v.Allowed, v.Rule, advice, test.allowed, test.rule, test.advice)
		}
	}
}

// TestPatterns compares the wildcards with a regular expression's, on every id.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"*", "**", "ContainerList", "Container*", "*List", "*Libpod", "*Prune*", "Container*tart*", "Image*Libpod", "*e*e*e", "C*n*t", "*Ping",
	} {
		policy := settings(t, "EVENTS=0 PING=0 VERSION=0 LIBPOD_PING=0 LIBPOD_VERSION=0 ALLOW="+pattern)
		whole := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$")
		for i, op := range acl.Operations {
			if got, want := policy.Operation(i).Allowed, whole.MatchString(op.ID); got != want {
				t.Errorf("ALLOW=%s: %s allowed is %v, want %v", pattern, op.ID, got, want)
			}
		}
	}
}

func TestZeroValuesDeny(t *testing.T) {
	t.Parallel()
	request := acl.Classify("GET", "/_ping")
	if (*acl.Policy)(nil).Decide(request).Allowed {
		t.Error("a nil policy allows")
	}
	if new(acl.Policy).Decide(request).Allowed {
		t.Error("a zero policy allows")
	}
	if acl.Compile(acl.Rules{}).Decide(acl.Request{}).Allowed {
		t.Error("a zero request is allowed")
	}
	if new(acl.Verdict).Allowed {
		t.Error("a zero verdict allows")
	}
}

// TestAdviceWorks sets what a refusal says, for every operation and a few
// starting points, and expects the operation to be allowed by each way.
func TestAdviceWorks(t *testing.T) {
	t.Parallel()
	compiled := map[string]*acl.Policy{}
	for _, start := range []string{"", "POST=1", "CONTAINERS=1", "CONTAINERS=1 POST=1", "ALLOW_ARCHIVE=0 ALLOW_LOGS=0 ALLOW_EXPORT=0", "EVENTS=0 PING=0 VERSION=0"} {
		policy := settings(t, start)
		for i, op := range acl.Operations {
			v := policy.Operation(i)
			if !v.Allowed && len(v.Remedies) < 2 {
				t.Errorf("%q: %s is refused without advice", start, op.ID)
			}
			for _, remedy := range v.Remedies {
				whole := start + " " + strings.Join(remedy, " ")
				if start != "" && strings.HasPrefix(remedy[0], "ALLOW=") {
					continue // which does not look at toggles, and once for each is slow enough
				}
				if compiled[whole] == nil {
					compiled[whole] = settings(t, whole)
				}
				if !compiled[whole].Operation(i).Allowed {
					t.Errorf("%q: %s is still refused after %q", start, op.ID, remedy)
				}
			}
		}
	}
}

// TestProperties checks on random settings that DENY beats everything, and that
// switching a toggle on, or adding to ALLOW, takes nothing away.
func TestProperties(t *testing.T) {
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
				if before.Operation(i).Allowed && !after.Operation(i).Allowed {
					t.Errorf("%v: adding %s takes %s away", rules.Toggles, name, op.ID)
				}
			}
		}
		after := acl.Compile(acl.Rules{Toggles: rules.Toggles, Allow: []string{"*"}, Deny: []string{denied}})
		for i, op := range acl.Operations {
			if got := after.Operation(i).Allowed; got != (op.ID != denied) {
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

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"CONTAINERS", "POST", "ALLOW_RESTARTS", "NODES", "INFO"}
	for name, want := range map[string]string{
		"CONTAINER": "CONTAINERS", "CONTIANERS": "CONTAINERS", "ALLOW_RESTART": "ALLOW_RESTARTS", "NODE": "NODES",
		"POSTS": "POST", "INFOS": "INFO", "HOST": "", "PATH": "", "HOME": "", "": "", "CONTENT": "",
	} {
		if got := acl.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	policy := acl.Compile(acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}})
	for _, target := range []string{"GET /_ping", "GET /v1.41/containers/json", "GET /v1.41/containers/0123456789ab/archive", "DELETE /v1.41/containers/web"} {
		b.Run(target, func(b *testing.B) {
			method, path, _ := strings.Cut(target, " ")
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(acl.Classify(method, path))
			}
		})
	}
}

// TestDecideDoesNotAllocate keeps the decision off the garbage collector.
func TestDecideDoesNotAllocate(t *testing.T) {
	policy := acl.Compile(acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}})
	n := testing.AllocsPerRun(100, func() {
		policy.Decide(acl.Classify("GET", "/v1.41/containers/web/json"))
		policy.Decide(acl.Classify("DELETE", "/v1.41/secrets/x"))
	})
	if n != 0 {
		t.Errorf("a decision allocates %v times, want 0", n)
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		acl.Compile(acl.Rules{Toggles: acl.Toggles{"CONTAINERS": true}})
	}
}

// TestPrefix gives a client's variables to a policy: the names without the
// prefix are somebody else's, and all that people read carries it.
func TestPrefix(t *testing.T) {
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
	for _, test := range []struct{ method, path, rule, advice string }{
		{"GET", "/networks", "CLIENT_A_NETWORKS=1", ""},
		{"GET", "/networks/a", "CLIENT_A_DENY=NetworkInspect", "CLIENT_A_DENY=NetworkInspect forbids it"},
		{"POST", "/networks/create", "CLIENT_A_POST=0", "set CLIENT_A_POST=1, or CLIENT_A_ALLOW=NetworkCreate; CLIENT_A_POST=1 also opens NetworkConnect, NetworkDisconnect and 2 more"},
		{"GET", "/info", "CLIENT_A_INFO=0", "set CLIENT_A_INFO=1, or CLIENT_A_ALLOW=SystemInfo"},
	} {
		v := policy.Decide(acl.Classify(test.method, test.path))
		if v.Rule != test.rule || v.Advice != test.advice {
			t.Errorf("%s %s: rule %q, advice %q, want %q, %q", test.method, test.path, v.Rule, v.Advice, test.rule, test.advice)
		}
	}
	_, errs = acl.ParseRules("CLIENT_A_", map[string]string{"CLIENT_A_POST": "ture", "CLIENT_A_ALLOW": "NetworkLst", "POST": "ture"})
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), `CLIENT_A_POST="ture"`) || !strings.Contains(errs[1].Error(), `CLIENT_A_ALLOW="NetworkLst"`) {
		t.Errorf("errors %q, want one for CLIENT_A_POST and one for CLIENT_A_ALLOW", errs)
	}
}
