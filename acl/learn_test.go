package acl_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/acl"
)

// asks are requests: one for each operation, and paths of sections that are
// none.
var asks = func() []string {
	var all []string
	name := regexp.MustCompile(`\{[^}]*\}`)
	for _, op := range acl.Operations {
		request := op.Method + " " + name.ReplaceAllLiteralString(op.Pattern, "web")
		method, path, _ := strings.Cut(request, " ")
		if acl.Classify(method, path).ID() != op.ID {
			request = method + " /v3.4.4" + path // a route of Podman 3
		}
		all = append(all, request)
	}
	return append(all, "GET /containers/web/novelty", "PATCH /containers/web", "GET /libpod/images/web/novelty",
		"POST /volumes/web/novelty", "POST /v1.23/containers/web/start")
}()

// ask judges a request as the proxy does.
func ask(p *acl.Policy, request string) (acl.Request, *acl.Verdict) {
	method, path, _ := strings.Cut(request, " ")
	return p.Judge(method, path, path)
}

// environ are settings as an environment has them.
func environ(settings []acl.Setting) map[string]string {
	m := map[string]string{}
	for _, s := range settings {
		m[s.Name] = s.Value
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

// refused lists the requests that a policy denies.
func refused(p *acl.Policy, requests []string) (all []string) {
	for _, request := range requests {
		if _, v := ask(p, request); !v.Allowed {
			all = append(all, request)
		}
	}
	return all
}

// learn asks under LEARN=1 for requests and returns what was learned and which
// of them were forwarded.
func learn(rules acl.Rules, requests []string) (l *acl.Learned, forwarded []string) {
	rules.Learn = true
	policy := acl.Compile(rules)
	l = &acl.Learned{}
	for _, request := range requests {
		r, v := ask(policy, request)
		l.Add(r, v)
		if v.Allowed {
			forwarded = append(forwarded, request)
		}
	}
	return l, forwarded
}

// TestLearnedSettings learns random requests and starts with what was learned:
// all that was forwarded passes. Of the toggles none can be taken away; ALLOW
// lets nothing else pass and no id can be taken away.
func TestLearnedSettings(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		var used []string
		// A program uses few sections: half of the time ask within one.
		within := asks
		if random.IntN(2) == 0 {
			section := []string{"/containers", "/images", "/exec", "/libpod/", "/networks"}[random.IntN(5)]
			within = slices.DeleteFunc(slices.Clone(asks), func(a string) bool { return !strings.Contains(a, section) })
		}
		for range 1 + random.IntN(12) {
			used = append(used, within[random.IntN(len(within))])
		}
		rules := acl.Rules{Toggles: acl.Toggles{"NETWORKS": true, "PING": false}}
		if random.IntN(2) == 0 {
			rules.Prefix = "CLIENT_A_"
		}
		if random.IntN(4) == 0 {
			rules.Deny = []string{"*Delete*", "ContainerInspect"}
		}
		l, forwarded := learn(rules, used)
		checkToggles(t, l, rules, forwarded)
		checkExact(t, l, rules, forwarded)
		if t.Failed() {
			t.Fatalf("used %q, denied %q", used, rules.Deny)
		}
	}
}

func checkToggles(t *testing.T, l *acl.Learned, rules acl.Rules, forwarded []string) {
	t.Helper()
	settings := environ(l.Toggles(rules))
	if lost := refused(compile(t, rules.Prefix, settings), forwarded); len(lost) > 0 {
		t.Errorf("%v refuses %q", settings, lost)
	}
	for name, value := range settings {
		if value != "1" {
			continue
		}
		delete(settings, name)
		if len(refused(compile(t, rules.Prefix, settings), forwarded)) == 0 {
			t.Errorf("%s=1 can be spared beside %v", name, settings)
		}
		settings[name] = value
	}
	// What is on by default is off when nobody used it.
	policy := compile(t, rules.Prefix, settings)
	for _, request := range []string{"GET /events", "HEAD /_ping", "GET /version", "GET /libpod/version"} {
		section := func(s string) string { r, _ := ask(policy, s); return r.Section.Var }
		used := slices.ContainsFunc(forwarded, func(f string) bool { return section(f) == section(request) })
		if _, v := ask(policy, request); v.Allowed && !used {
			t.Errorf("%v allows %s, which nobody used", settings, request)
		}
	}
}

func checkExact(t *testing.T, l *acl.Learned, rules acl.Rules, forwarded []string) {
	t.Helper()
	settings, unnamed := l.Exact(rules)
	allowed := environ(settings)
	policy := compile(t, rules.Prefix, allowed)
	named := func(request string) bool {
		r, _ := ask(policy, request)
		return r.ID() != "" && !strings.Contains(request, "/v1.23/")
	}
	ids := map[string]bool{}
	for _, request := range forwarded {
		if r, _ := ask(policy, request); named(request) {
			ids[r.ID()] = true
		}
	}
	for _, request := range asks {
		r, v := ask(policy, request)
		if want := named(request) && ids[r.ID()]; v.Allowed != want {
			t.Errorf("%v: %s is allowed: %v, want %v", allowed, request, v.Allowed, want)
		}
	}
	for _, request := range forwarded {
		reported := slices.ContainsFunc(unnamed, func(u acl.Use) bool { return strings.HasSuffix(request, u.Path) })
		if !named(request) && !reported {
			t.Errorf("%s is neither allowed nor reported", request)
		}
	}
	list := allowed[rules.Prefix+"ALLOW"]
	if got := strings.Count(list, ",") + 1; list != "" && got != len(ids) {
		t.Errorf("ALLOW=%s has %d ids, want %d", list, got, len(ids))
	}
}

// TestLearnedToggles asserts what people get to read for what programs do.
func TestLearnedToggles(t *testing.T) {
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
		var rules acl.Rules
		if test.deny != "" {
			rules.Deny = []string{test.deny}
		}
		l, _ := learn(rules, strings.Split(test.used, ", "))
		if got := strings.Trim(fmt.Sprint(l.Toggles(rules)), "[]"); got != test.toggles {
			t.Errorf("%q, DENY=%s: toggles %s, want %s", test.used, test.deny, got, test.toggles)
		}
		settings, _ := l.Exact(rules)
		if got := environ(settings)["ALLOW"]; got != test.allow {
			t.Errorf("%q, DENY=%s: ALLOW=%s, want %s", test.used, test.deny, got, test.allow)
		}
	}
}

// TestLearnedReadings learns a path that Docker's router and Podman's take for
// two operations: both have to be allowed afterwards.
func TestLearnedReadings(t *testing.T) {
	t.Parallel()
	const decoded, escaped = "/v5.0.0/libpod/manifests/x/registry/y", "/v5.0.0/libpod/manifests/x/registry%2Fy"
	judge := func(p *acl.Policy) (acl.Request, *acl.Verdict) { return p.Judge("POST", decoded, escaped) }
	var l acl.Learned
	l.Add(judge(acl.Compile(acl.Rules{Learn: true})))
	settings, _ := l.Exact(acl.Rules{})
	for _, settings := range [][]acl.Setting{settings, l.Toggles(acl.Rules{})} {
		if _, v := judge(compile(t, "", environ(settings))); !v.Allowed {
			t.Errorf("%v refuses by %s what was learned", settings, v.Rule)
		}
	}
	if _, v := judge(compile(t, "", map[string]string{"ALLOW": "ManifestPushLibpod"})); v.Allowed {
		t.Error("one of the two operations suffices: the test tries nothing")
	}
}

// TestLearnedIsBounded asks for ever new paths.
func TestLearnedIsBounded(t *testing.T) {
	t.Parallel()
	policy := acl.Compile(acl.Rules{Learn: true})
	var l acl.Learned
	for i := range 10_000 {
		for _, request := range []string{"GET /containers/%d/novelty", "BREW%d /images/x", "GET /%d", "GET /containers/%d/json"} {
			r, v := ask(policy, fmt.Sprintf(request, i)+strings.Repeat("x", 1000))
			l.Add(r, v)
		}
	}
	uses := l.Uses()
	if len(uses) > 4 {
		t.Errorf("%d uses, want one for each kind of request", len(uses))
	}
	for _, u := range uses {
		if u.Count != 10_000 && u.Count != 20_000 || len(u.Path) > 200 {
			t.Errorf("%d times a path of %d bytes", u.Count, len(u.Path))
		}
	}
}

// TestLearningDecides asserts what LEARN=1 changes in verdicts, and what not.
func TestLearningDecides(t *testing.T) {
	t.Parallel()
	policy := acl.Compile(acl.Rules{Learn: true, Toggles: acl.Toggles{"INFO": true, "ALLOW_START": true}, Deny: []string{"*Delete"}})
	for _, test := range []struct {
		request string
		allowed bool
		rule    string
	}{
		{"GET /info", true, "INFO=1"},
		{"GET /containers/json", true, "LEARN=1"},
		{"POST /containers/create", true, "LEARN=1"},
		{"POST /containers/web/start", true, "ALLOW_START=1"},
		{"POST /v1.23/containers/web/start", true, "LEARN=1"},
		{"GET /secrets/novelty/novelty", true, "LEARN=1"},
		{"DELETE /containers/web", false, "DENY=*Delete"},
		{"GET /debug/pprof/", false, acl.NoSection},
		{"GET /containersx", false, acl.NoSection},
		{"GET /containers/../info", false, acl.NoSection},
	} {
		if _, v := ask(policy, test.request); v.Allowed != test.allowed || v.Rule != test.rule {
			t.Errorf("%s: %v by %s, want %v by %s", test.request, v.Allowed, v.Rule, test.allowed, test.rule)
		}
	}
}
