package acl_test

import (
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
	toggles, errs := acl.ParseToggles(environ)
	if len(errs) > 0 {
		t.Fatalf("ParseToggles(%q): %v", s, errs)
	}
	return acl.Compile(toggles)
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
		{"PING=0", "GET /_ping", false, "PING=0", "set PING=1"},
		{"", "POST /_ping", false, "POST=0", "set POST=1"},
		{"", "GET /containers/json", false, "CONTAINERS=0", "set CONTAINERS=1"},
		{"CONTAINERS=1", "GET /containers/json", true, "CONTAINERS=1", ""},
		{"", "POST /containers/create", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"CONTAINERS=1", "POST /containers/create", false, "POST=0", "set POST=1"},
		{"POST=1", "POST /containers/create", false, "CONTAINERS=0", "set CONTAINERS=1"},
		{"POST=1 CONTAINERS=1", "DELETE /containers/web", true, "CONTAINERS=1", ""},

		// A section ends at a segment boundary.
		{"CONTAINERS=1", "GET /containersx", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /v1.41/containersx/json", false, acl.NoSection, ""},
		{"EXEC=1", "GET /execfoo", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /debug/pprof/", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /", false, acl.NoSection, ""},
		{"CONTAINERS=1", "GET /libpod/containers/json", false, acl.NoSection, ""},

		// A newer engine's route belongs to its section.
		{"CONTAINERS=1", "GET /containers/web/novelty", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1", "POST /containers/web/novelty", false, "POST=0", "set POST=1"},
		{"", "PATCH /images/x", false, "IMAGES=0", "set IMAGES=1 and POST=1"},

		// Granular grants need nothing else and match exactly one operation.
		{"ALLOW_START=1", "POST /v1.41/containers/web/start", true, "ALLOW_START=1", ""},
		{"ALLOW_START=1", "POST /containers/web/stop", false, "CONTAINERS=0", "set ALLOW_STOP=1, or ALLOW_RESTARTS=1, or CONTAINERS=1 and POST=1"},
		{"ALLOW_START=1", "POST /containers/web/start/exec", false, "CONTAINERS=0", "set CONTAINERS=1 and EXEC=1 and POST=1"},
		{"ALLOW_START=1", "PUT /containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_START=1", "DELETE /containers/web/start", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_START=1", "POST /containers/web/starts", false, "CONTAINERS=0", "set CONTAINERS=1 and POST=1"},
		{"ALLOW_RESTARTS=1", "POST /containers/web/kill", true, "ALLOW_RESTARTS=1", ""},
		{"ALLOW_RESTARTS=1", "POST /containers/web/stop", true, "ALLOW_RESTARTS=1", ""},
		{"ALLOW_RESTARTS=1", "POST /containers/web/restart", true, "ALLOW_RESTARTS=1", ""},
		{"ALLOW_RESTARTS=1", "POST /containers/web/start", false, "CONTAINERS=0", "set ALLOW_START=1, or CONTAINERS=1 and POST=1"},
		{"ALLOW_PAUSE=1", "POST /containers/web/pause", true, "ALLOW_PAUSE=1", ""},
		{"ALLOW_PAUSE=1", "POST /containers/web/unpause", false, "CONTAINERS=0", "set ALLOW_UNPAUSE=1, or CONTAINERS=1 and POST=1"},
		{"ALLOW_UNPAUSE=1", "POST /containers/web/unpause", true, "ALLOW_UNPAUSE=1", ""},
		{"ALLOW_STOP=0 CONTAINERS=1 POST=1", "POST /containers/web/stop", true, "CONTAINERS=1", ""},

		// Granular refusals.
		{"CONTAINERS=1", "GET /containers/web/logs", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 ALLOW_LOGS=0", "GET /containers/web/logs", false, "ALLOW_LOGS=0", "set ALLOW_LOGS=1"},
		{"ALLOW_LOGS=1", "GET /containers/web/logs", false, "CONTAINERS=0", "set CONTAINERS=1"},
		{"CONTAINERS=1 ALLOW_TOP=", "GET /containers/web/top", false, "ALLOW_TOP=0", "set ALLOW_TOP=1"},
		{"CONTAINERS=1 ALLOW_CHANGES=0", "GET /containers/web/changes", false, "ALLOW_CHANGES=0", "set ALLOW_CHANGES=1"},
		{"SERVICES=1 ALLOW_LOGS=0", "GET /services/web/logs", true, "SERVICES=1", ""},

		// Files in containers.
		{"CONTAINERS=1", "GET /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1"},
		{"CONTAINERS=1", "HEAD /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1"},
		{"CONTAINERS=1", "GET /containers/a/b/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1"},
		{"CONTAINERS=1", "GET /containers/web/export", false, "ALLOW_EXPORT=0", "set ALLOW_EXPORT=1"},
		{"CONTAINERS=1 ALLOW_ARCHIVE=1", "GET /containers/web/archive", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 ALLOW_ARCHIVE=1", "PUT /containers/web/archive", false, "POST=0", "set POST=1"},
		{"CONTAINERS=1", "PUT /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set POST=1"},
		{"CONTAINERS=1 POST=1", "PUT /containers/web/archive", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 POST=1", "GET /containers/web/export", true, "CONTAINERS=1", ""},
		{"CONTAINERS=1 POST=1 ALLOW_ARCHIVE=0", "PUT /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1"},
		{"CONTAINERS=1 POST=1 ALLOW_ARCHIVE=0", "HEAD /containers/web/archive", false, "ALLOW_ARCHIVE=0", "set ALLOW_ARCHIVE=1"},
		{"ALLOW_ARCHIVE=1", "GET /containers/web/archive", false, "CONTAINERS=0", "set CONTAINERS=1"},

		// Reads that write or hand out a key.
		{"CONTAINERS=1", "GET /containers/web/attach/ws", false, "POST=0", "set POST=1"},
		{"CONTAINERS=1 POST=1", "GET /containers/web/attach/ws", true, "CONTAINERS=1", ""},
		{"SWARM=1", "GET /swarm/unlockkey", false, "POST=0", "set POST=1"},
		{"SWARM=1", "GET /swarm", true, "SWARM=1", ""},

		// Creating an exec needs EXEC too.
		{"CONTAINERS=1 POST=1", "POST /containers/web/exec", false, "EXEC=0", "set EXEC=1"},
		{"CONTAINERS=1 POST=1 EXEC=1", "POST /containers/web/exec", true, "CONTAINERS=1", ""},
		{"POST=1 EXEC=1", "POST /containers/web/exec", false, "CONTAINERS=0", "set CONTAINERS=1"},

		// A path that the engine would redirect is never judged.
		{"CONTAINERS=1", "GET /containers//json", false, acl.NoSection, ""},
		{"PING=1", "GET /secrets/../_ping", false, acl.NoSection, ""},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		v := settings(t, test.settings).Decide(acl.Classify(method, path))
		if v.Allowed != test.allowed || v.Rule != test.rule || v.Advice() != test.advice {
			t.Errorf("%q, %s: got allowed=%v by %q, %q; want %v by %q, %q",
				test.settings, test.request, v.Allowed, v.Rule, v.Advice(), test.allowed, test.rule, test.advice)
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
	if acl.Compile(nil).Decide(acl.Request{}).Allowed {
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
	for _, start := range []string{"", "POST=1", "CONTAINERS=1", "CONTAINERS=1 POST=1", "ALLOW_ARCHIVE=0 ALLOW_LOGS=0 ALLOW_EXPORT=0", "EVENTS=0 PING=0 VERSION=0"} {
		policy := settings(t, start)
		for _, op := range acl.Operations {
			request := acl.Classify(op.Method, strings.NewReplacer("{name:.*}", "x", "{id:.*}", "x", "{id:.+}", "x", "{id}", "x", "{name}", "x", "{checkpoint}", "x").Replace(op.Pattern))
			v := policy.Decide(request)
			if !v.Allowed && len(v.Remedies) == 0 {
				t.Errorf("%q: %s is refused without advice", start, op.ID)
			}
			for _, remedy := range v.Remedies {
				mended := settings(t, start+" "+strings.Join(remedy, " "))
				if !mended.Decide(request).Allowed {
					t.Errorf("%q: %s is still refused after %q", start, op.ID, remedy)
				}
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
	policy := acl.Compile(acl.Toggles{"CONTAINERS": true})
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
	policy := acl.Compile(acl.Toggles{"CONTAINERS": true})
	n := testing.AllocsPerRun(100, func() {
		policy.Decide(acl.Classify("GET", "/v1.41/containers/web/json"))
		policy.Decide(acl.Classify("DELETE", "/v1.41/secrets/x"))
	})
	if n != 0 {
		t.Errorf("a decision allocates %v times, want 0", n)
	}
}
