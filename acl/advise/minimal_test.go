package advise_test

import (
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/acl"
	"postern/acl/advise"
)

// requests holds one request for each operation, and some for paths that match
// none.
var requests = func() []string {
	var all []string
	name := regexp.MustCompile(`\{[^}]*\}`)
	for _, op := range acl.Operations {
		request := op.Method + " " + name.ReplaceAllLiteralString(op.Pattern, "web")
		if decide(nil, request).OperationID() != op.ID {
			method, path, _ := strings.Cut(request, " ")
			request = method + " /v3.4.4" + path // a route of Podman 3
		}
		all = append(all, request)
	}
	return append(all, "GET /containers/web/novelty", "PATCH /containers/web", "GET /libpod/images/web/novelty",
		"POST /volumes/web/novelty", "POST /v1.23/containers/web/start")
}()

// decide decides a request written as on the wire: "GET /containers/json".
func decide(p *acl.Policy, request string) acl.Decision {
	method, target, _ := strings.Cut(request, " ")
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err) // the test's own table is wrong
	}
	return p.Decide(method, u)
}

func allows(p *acl.Policy, request string) bool { return decide(p, request).Outcome == acl.Allowed }

// environ are settings as an environment has them.
func environ(settings []string) map[string]string {
	m := map[string]string{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		m[name] = value
	}
	return m
}

func compile(t *testing.T, prefix string, environ map[string]string) *acl.Policy {
	t.Helper()
	rules, errs := acl.ParseRules(prefix, environ)
	if len(errs) > 0 {
		t.Fatalf("%v: %v", environ, errs)
	}
	return acl.Compile(rules)
}

// refused lists the requests that a policy refuses.
func refused(p *acl.Policy, requests []string) []string {
	return slices.DeleteFunc(slices.Clone(requests), func(r string) bool { return allows(p, r) })
}

// learn lists the requests that LEARN=1 forwards, and their subjects.
func learn(rules acl.Rules, requests []string) (needs []acl.Subject, forwarded []string) {
	rules.Learn = true
	policy := acl.Compile(rules)
	for _, request := range requests {
		if d := decide(policy, request); d.Outcome == acl.Allowed {
			forwarded = append(forwarded, request)
			needs = append(needs, d.Subjects()...)
		}
	}
	slices.SortFunc(needs, acl.Subject.Compare)
	return needs, forwarded
}

// TestMinimalSettingsAllowTheNeeds takes random requests as needs and asserts that
// the settings allow all of them, with no toggle and no id in ALLOW to spare, and
// that ALLOW allows nothing else.
func TestMinimalSettingsAllowTheNeeds(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		var used []string
		// A program uses few sections: half of the time use one only.
		within := requests
		if random.IntN(2) == 0 {
			section := []string{"/containers", "/images", "/exec", "/libpod/", "/networks"}[random.IntN(5)]
			within = slices.DeleteFunc(slices.Clone(requests), func(r string) bool { return !strings.Contains(r, section) })
		}
		for range 1 + random.IntN(12) {
			used = append(used, within[random.IntN(len(within))])
		}
		rules := acl.Rules{Toggles: acl.Toggles{"NETWORKS": true, "PING": false}}
		if random.IntN(2) == 0 {
			rules.Toggles = closed()
		}
		if random.IntN(2) == 0 {
			rules.Prefix = "CLIENT_A_"
		}
		if random.IntN(4) == 0 {
			rules.Deny = []string{"*Delete*", "ContainerInspect"}
		}
		needs, forwarded := learn(rules, used)
		checkToggles(t, rules, needs, forwarded)
		checkAllow(t, rules, needs, forwarded)
		checkShortest(t, rules, needs, forwarded)
		if t.Failed() {
			t.Fatalf("used %q, denied %q", used, rules.Deny)
		}
	}
}

func checkToggles(t *testing.T, rules acl.Rules, needs []acl.Subject, forwarded []string) {
	t.Helper()
	settings := environ(advise.MinimalToggles(rules, needs))
	if lost := refused(compile(t, rules.Prefix, settings), forwarded); len(lost) > 0 {
		t.Errorf("%v refuses %q", settings, lost)
	}
	for name, value := range settings {
		if value != "1" {
			continue
		}
		delete(settings, name)
		if byDefault := strings.Contains("EVENTS PING VERSION LIBPOD_PING LIBPOD_VERSION", strings.TrimPrefix(name, rules.Prefix)); byDefault {
			// A declared client needs a setting.
		} else if len(refused(compile(t, rules.Prefix, settings), forwarded)) == 0 {
			t.Errorf("%s=1 can be taken away from %v", name, settings)
		}
		settings[name] = value
	}
	// A section that is on by default stays off when no request used it.
	policy := compile(t, rules.Prefix, settings)
	for _, request := range []string{"GET /events", "HEAD /_ping", "GET /version", "GET /libpod/version"} {
		section := decide(policy, request).Section
		used := slices.ContainsFunc(needs, func(s acl.Subject) bool { return s.Section == section })
		if off := !rules.Toggles.On(section.Var); off && allows(policy, request) && !used {
			t.Errorf("%v allows %s, which was not used", settings, request)
		}
	}
}

func checkAllow(t *testing.T, rules acl.Rules, needs []acl.Subject, forwarded []string) {
	t.Helper()
	settings, unnamed := advise.MinimalAllow(rules, needs)
	allowed := environ(settings)
	policy := compile(t, rules.Prefix, allowed)
	ids := map[string]bool{}
	byDefault := func(d acl.Decision) bool { return d.Section.Default && rules.Toggles.On(d.Section.Var) }
	for _, request := range forwarded {
		d := decide(policy, request)
		if byDefault(d) {
			continue
		}
		if d.Nameable() {
			ids[d.OperationID()] = true
			if d.OperationID() == "SystemPingHead" {
				ids["SystemPing"] = true
			}
		} else if !slices.Contains(unnamed, d.Subject) {
			t.Errorf("%s is neither allowed nor reported", request)
		}
	}
	for _, request := range requests {
		d := decide(policy, request)
		if want := d.Nameable() && ids[d.OperationID()] || byDefault(d); (d.Outcome == acl.Allowed) != want {
			t.Errorf("%v: %s is %v, want allowed=%v", allowed, request, d.Outcome, want)
		}
	}
	list := allowed[rules.Prefix+"ALLOW"]
	if got := strings.Count(list, ",") + 1; list != "" && got != len(ids) {
		t.Errorf("ALLOW=%s has %d ids, want %d", list, got, len(ids))
	}
}

// closed are toggles that close all that is open by default.
func closed() acl.Toggles {
	return acl.Toggles{"EVENTS": false, "PING": false, "VERSION": false, "LIBPOD_PING": false, "LIBPOD_VERSION": false}
}

// checkShortest asserts that the shortest settings allow what was forwarded, and that
// they refuse what DENY names.
func checkShortest(t *testing.T, rules acl.Rules, needs []acl.Subject, forwarded []string) {
	t.Helper()
	settings := advise.Shortest(rules, needs).Settings()
	policy := compile(t, rules.Prefix, environ(settings))
	if lost := refused(policy, forwarded); len(lost) > 0 {
		t.Errorf("%v refuses %q", settings, lost)
	}
	denying := acl.Compile(acl.Rules{Deny: rules.Deny, Learn: true})
	for i, op := range acl.Operations {
		if denying.Operation(i).Outcome == acl.Refused && policy.Operation(i).Outcome == acl.Allowed {
			t.Errorf("%v allows %s, which DENY=%s names", settings, op.ID, rules.Deny)
		}
	}
}

// TestMinimalSettingsOfPrograms asserts the exact settings for the requests of
// typical programs.
func TestMinimalSettingsOfPrograms(t *testing.T) {
	t.Parallel()
	const off = "EVENTS=0 PING=0 VERSION=0 LIBPOD_PING=0 LIBPOD_VERSION=0"
	for _, test := range []struct{ deny, used, toggles, allow string }{
		{"", "", off, ""},
		{"", "GET /_ping, GET /v1.41/events", "VERSION=0 LIBPOD_PING=0 LIBPOD_VERSION=0", "SystemPing,SystemEvents"},
		{"", "GET /containers/json", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 LIBPOD_PING=0 LIBPOD_VERSION=0", "ContainerList"},
		{"", "POST /containers/a/restart", off + " ALLOW_RESTARTS=1", "ContainerRestart"},
		// The narrower of two toggles that would both do.
		{"", "POST /containers/a/stop", off + " ALLOW_STOP=1", "ContainerStop"},
		{"", "POST /containers/a/stop, POST /containers/a/kill", off + " ALLOW_RESTARTS=1", "ContainerKill,ContainerStop"},
		// One that is needed for another request makes a narrow one needless.
		{"", "POST /containers/a/stop, DELETE /containers/a", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 LIBPOD_PING=0 LIBPOD_VERSION=0 POST=1", "ContainerStop,ContainerDelete"},
		{"", "GET /containers/a/archive", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 LIBPOD_PING=0 LIBPOD_VERSION=0 ALLOW_ARCHIVE=1", "ContainerArchive"},
		{"", "GET /containers/a/archive, POST /containers/create", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 LIBPOD_PING=0 LIBPOD_VERSION=0 POST=1", "ContainerArchive,ContainerCreate"},
		{"", "POST /containers/a/exec, POST /exec/b/start", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 EXEC=1 LIBPOD_PING=0 LIBPOD_VERSION=0 POST=1", "ContainerExec,ExecStart"},
		{"", "GET /networks, GET /networks/", "EVENTS=0 PING=0 VERSION=0 NETWORKS=1 LIBPOD_PING=0 LIBPOD_VERSION=0", "NetworkList"},
		{"", "POST /v1.23/containers/a/start", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 LIBPOD_PING=0 LIBPOD_VERSION=0 POST=1", ""},
		{"", "GET /containers/a/novelty", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 LIBPOD_PING=0 LIBPOD_VERSION=0", ""},
		// DENY holds, and stays.
		{"*Delete", "DELETE /containers/a, GET /containers/json", "EVENTS=0 PING=0 VERSION=0 CONTAINERS=1 LIBPOD_PING=0 LIBPOD_VERSION=0 DENY=*Delete", "ContainerList"},
		// What no setting allows is not learned.
		{"", "GET /debug/pprof/, GET /containers/../secrets, GET //info", off, ""},
	} {
		rules := acl.Rules{Toggles: closed()}
		if test.deny != "" {
			rules.Deny = []string{test.deny}
		}
		var used []string
		if test.used != "" {
			used = strings.Split(test.used, ", ")
		}
		needs, _ := learn(rules, used)
		if got := strings.Join(advise.MinimalToggles(rules, needs), " "); got != test.toggles {
			t.Errorf("%q, DENY=%s: toggles %s, want %s", test.used, test.deny, got, test.toggles)
		}
		settings, _ := advise.MinimalAllow(rules, needs)
		if got := environ(settings)["ALLOW"]; got != test.allow {
			t.Errorf("%q, DENY=%s: ALLOW=%s, want %s", test.used, test.deny, got, test.allow)
		}
		// Where the defaults are open, nothing closes them.
		rules.Toggles = nil
		want := strings.TrimSpace(regexp.MustCompile(`\w+=0 ?`).ReplaceAllString(test.toggles, ""))
		if got := strings.Join(advise.MinimalToggles(rules, needs), " "); got != want {
			t.Errorf("%q, DENY=%s, the defaults open: toggles %s, want %s", test.used, test.deny, got, want)
		}
		settings, _ = advise.MinimalAllow(rules, needs)
		want = strings.ReplaceAll(test.allow, "SystemPing,SystemEvents", "")
		if got := strings.TrimPrefix(strings.Join(settings, " "), "ALLOW="); got != want {
			t.Errorf("%q, DENY=%s, the defaults open: ALLOW=%s, want %s", test.used, test.deny, got, want)
		}
	}
}

// TestMinimalSettingsAllowBothReadings takes a path that Docker's router and
// Podman's read as two operations, and asserts that the settings allow both.
func TestMinimalSettingsAllowBothReadings(t *testing.T) {
	t.Parallel()
	const request = "POST /v5.0.0/libpod/manifests/x/registry%2Fy"
	needs, _ := learn(acl.Rules{}, []string{request})
	allow, _ := advise.MinimalAllow(acl.Rules{}, needs)
	for _, settings := range [][]string{allow, advise.MinimalToggles(acl.Rules{}, needs)} {
		if d := decide(compile(t, "", environ(settings)), request); d.Outcome != acl.Allowed {
			t.Errorf("%v: %v by %s, want allowed", settings, d.Outcome, d.Rule)
		}
	}
	if allows(compile(t, "", map[string]string{"ALLOW": "ManifestPushLibpod"}), request) {
		t.Error("one of the two operations suffices: the test tries nothing")
	}
}
