package advise_test

import (
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/advise"
)

// settings compiles "CONTAINERS=1 POST=1".
func settings(t testing.TB, s string) *acl.Policy {
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

// TestEachRemedyAllowsTheRequest sets what a refusal says, for every request and
// several settings to begin with, and expects each alternative to allow the request.
func TestEachRemedyAllowsTheRequest(t *testing.T) {
	t.Parallel()
	compiled := map[string]*acl.Policy{}
	for _, start := range []string{"", "POST=1", "CONTAINERS=1", "CONTAINERS=1 POST=1", "ALLOW_START=1", "ALLOW_ARCHIVE=0 ALLOW_LOGS=0 ALLOW_EXPORT=0", "EVENTS=0 PING=0 VERSION=0"} {
		policy := settings(t, start)
		for _, request := range requests {
			d := decide(policy, request)
			remedy := advise.RemedyFor(policy, d)
			if refused := d.Outcome == acl.Refused; refused != (len(remedy.Sets) > 0) {
				t.Errorf("%q: %s is %v, with the remedy %q", start, request, d.Outcome, remedy)
			}
			for _, set := range remedy.Sets {
				whole := start + " " + strings.Join(set, " ")
				if compiled[whole] == nil {
					compiled[whole] = settings(t, whole)
				}
				if !allows(compiled[whole], request) {
					t.Errorf("%q: %s is still refused after %q", start, request, set)
				}
			}
		}
	}
}

// TestRemedyNamesWhatElseItOpens asserts which operations, besides the refused one,
// a remedy says that it opens.
func TestRemedyNamesWhatElseItOpens(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ settings, request, also string }{
		{"", "GET /containers/json", "CONTAINERS=1 also opens ContainerInspect, ContainerLogs and 3 more"},
		{"LEARN=1", "GET /containers/json", "CONTAINERS=1 also opens ContainerInspect, ContainerLogs and 3 more"},
		// The same API first, then the dangerous ones.
		{"CONTAINERS=1 LIBPOD_CONTAINERS=1", "DELETE /containers/web", "POST=1 also opens ContainerCreate, ContainerStart and 44 more"},
		{"CONTAINERS=1 LIBPOD_CONTAINERS=1", "DELETE /v5.0.0/libpod/containers/web", "POST=1 also opens ContainerCreateLibpod, ContainerStartLibpod and 44 more"},
		{"ALLOW=ContainerInspect,*Stats", "GET /containers/json", "CONTAINERS=1 also opens ContainerLogs, ContainerTop, ContainerChanges"},
		{"DENY=Container*", "GET /containers/web/checkpoints", "CONTAINERS=1 and POST=1 also opens PutContainerArchive, CheckpointCreate, CheckpointDelete"},
		{"DENY=ContainerT*", "GET /containers/json", "CONTAINERS=1 also opens ContainerInspect, ContainerLogs and 2 more"},
		{"", "GET /info", ""},
		{"", "GET /volumes", "VOLUMES=1 also opens VolumeInspect"},
		{"", "GET /containers/web/novelty", ""},
	} {
		policy := settings(t, strings.TrimPrefix(test.settings, "LEARN=1"))
		if strings.HasPrefix(test.settings, "LEARN=1") {
			policy = acl.Compile(acl.Rules{Learn: true})
		}
		if got := advise.RemedyFor(policy, decide(policy, test.request)).Also; got != test.also {
			t.Errorf("%q, %s: got %q, want %q", test.settings, test.request, got, test.also)
		}
	}
}

// TestCacheIsPerPolicyAndCheap asserts that a cache keeps the remedies of policies
// apart, and that the second refusal costs less than the first.
func TestCacheIsPerPolicyAndCheap(t *testing.T) {
	var cache advise.Cache
	for _, start := range []string{"", "POST=1", "DENY=Container*", "CONTAINERS=1"} {
		policy := settings(t, start)
		for _, request := range []string{"POST /containers/web/stop", "GET /nothing", "POST /v1.23/containers/web/start"} {
			d := decide(policy, request)
			want := advise.RemedyFor(policy, d)
			for range 2 {
				if got := cache.RemedyFor(policy, d); got.String() != want.String() {
					t.Errorf("%q, %s: got %q, want %q", start, request, got, want)
				}
			}
			if n := testing.AllocsPerRun(100, func() { cache.RemedyFor(policy, d) }); n > 1 {
				t.Errorf("%q, %s: a cached remedy takes %v allocations, want one at most", start, request, n)
			}
		}
	}
	d := decide(nil, "GET /info").Refuse("ALLOW_FROM", "10.0.0.1 is not in ALLOW_FROM")
	if got := cache.RemedyFor(settings(t, ""), d).Text; got != d.Reason {
		t.Errorf("got %q for a refusal by ALLOW_FROM, want its reason", got)
	}
}

// BenchmarkRemedyFor measures the first refusal of an operation; Cache spares the
// next ones the search.
func BenchmarkRemedyFor(b *testing.B) {
	image := "" // the image sets every toggle to its default
	for _, t := range acl.AllToggles() {
		if t.Default == "0" || t.Default == "1" {
			image += " " + t.Var + "=" + t.Default
		}
	}
	for _, start := range []string{image, image + " PRESET=portainer"} {
		policy := settings(b, start)
		for _, request := range []string{"GET /info", "GET /containers/json", "POST /containers/web/stop", "POST /v5.0.0/libpod/containers/web/stop", "POST /containers/web/exec", "PATCH /containers/web"} {
			b.Run(strings.TrimPrefix(start, image)+" "+request, func(b *testing.B) {
				d := decide(policy, request)
				b.ReportAllocs()
				for b.Loop() {
					_ = advise.RemedyFor(policy, d).String()
				}
			})
		}
	}
}
