package acl_test

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"

	"postern/acl"
)

// newPodmanOracle is Podman's router: every route behind a version prefix, and
// matched against the escaped path.
func newPodmanOracle(t testing.TB) *oracle {
	t.Helper()
	f, err := os.Open("testdata/libpod-routes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	router := mux.NewRouter().UseEncodedPath()
	none := handler("-")
	routes := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 4 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		prefix := "/v{version:[0-9][0-9A-Za-z.-]*}"
		switch version := fields[3]; version {
		case "-":
		case "unversioned":
			prefix = ""
		default:
			prefix = "/v{version:" + version + "}"
		}
		router.Path(prefix + fields[1]).Methods(fields[0]).Handler(handler(fields[2]))
		routes++
	}
	if routes < 140 {
		t.Fatalf("read %d routes, want the whole table", routes)
	}
	router.NotFoundHandler, router.MethodNotAllowedHandler = none, none
	return &oracle{router}
}

// comparePodman checks that the decision is on the operation that Podman runs. For
// a path to which Podman responds with 404, any operation will do.
func (o *oracle) comparePodman(t *testing.T, method, target string) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Host != "" || strings.ContainsAny(target, " \r\n") {
		return
	}
	runs, _ := o.route(method, u)
	if runs == "" {
		return
	}
	if got := everything.Decide(method, &url.URL{Path: u.EscapedPath()}).OperationID(); got != runs {
		t.Errorf("Decide(%q, %q) is about %q, Podman runs %q", method, u.EscapedPath(), got, runs)
	}
	// A policy that allows everything but the operation that Podman runs must
	// refuse, in whatever way the path is written.
	if d := everythingBut(runs).Decide(method, u); d.Outcome == acl.Allowed {
		t.Errorf("%s %s is allowed by %s with DENY=%s, which Podman runs", method, target, d.Rule, runs)
	}
}

// everythingBut returns the policy that allows all but one operation.
func everythingBut(id string) *acl.Policy {
	if policy, made := butOne.Load(id); made {
		return policy.(*acl.Policy)
	}
	policy := acl.Compile(acl.Rules{Allow: []string{"*"}, Deny: []string{id}})
	butOne.Store(id, policy)
	return policy
}

var butOne sync.Map // *acl.Policy by operation id

// podmanPrefixes are ways to write a version.
var podmanPrefixes = []string{"", "/v5.0.0", "/v3.4.4", "/v10", "/v1.41", "/v4", "/v5.0.0-rc1", "/v5%2e0", "/v0A.-z", "/v.5", "/va", "/%765.0.0"}

func TestDecideAgreesWithPodman(t *testing.T) {
	t.Parallel()
	o := newPodmanOracle(t)
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, op := range acl.Operations {
		if !strings.HasPrefix(op.Pattern, "/libpod/") {
			continue
		}
		for _, prefix := range podmanPrefixes {
			o.comparePodman(t, op.Method, prefix+variable.ReplaceAllLiteralString(op.Pattern, "web"))
		}
		for _, name := range names {
			for _, prefix := range []string{"/v3.4.4", "/v5.0.0"} {
				o.comparePodman(t, op.Method, prefix+variable.ReplaceAllLiteralString(op.Pattern, name))
			}
		}
		for _, method := range methods {
			o.comparePodman(t, method, "/v5.0.0"+variable.ReplaceAllLiteralString(op.Pattern, "web"))
		}
	}
	for _, target := range []string{
		"/v5.0.0/libpod/manifests/x%2Fadd", "/v3.0.0/libpod/manifests/x%2Fadd", "/v5.0.0/libpod/manifests/x/registry/a/registry/b",
		"/v5.0.0/libpod/images/%72emove", "/v5.0.0/libpod/containers/%70rune", "/v5.0.0/libpod/images/scp/x/push",
		"/v5.0.0/libpod/networks/x%2Fconnect", "/v5.0.0/libpod/volumes/x%2Fjson", "/v5.0.0/libpod/quadlets/x%2Ffile",
	} {
		for _, method := range methods {
			o.comparePodman(t, method, target)
		}
	}
}

// TestBothReadingsAreDecided asserts that the second reading of a path has to be
// allowed although the table has no route for it: a newer Podman may have one.
func TestBothReadingsAreDecided(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]bool{
		"ALLOW=ContainerKill":                    false,
		"ALLOW_RESTARTS=1":                       false,
		"ALLOW_RESTARTS=1 CONTAINERS=1":          false,
		"ALLOW_RESTARTS=1 CONTAINERS=1 POST=1":   true,
		"CONTAINERS=1 POST=1 DENY=ContainerKill": false,
	} {
		if d := decide(settings(t, rules), "POST /containers/web%2fkill"); (d.Outcome == acl.Allowed) != want {
			t.Errorf("%q: %v by %s, want allowed=%v", rules, d.Outcome, d.Rule, want)
		}
	}
}

// FuzzPodman looks for a request that Podman would run although the policy
// refuses the operation.
func FuzzPodman(f *testing.F) {
	o := newPodmanOracle(f)
	for _, op := range acl.Operations {
		f.Add(op.Method, "/v5.0.0"+op.Pattern)
	}
	for _, name := range names {
		f.Add("POST", "/v3.0.0/libpod/manifests/"+name+"/add")
		f.Add("DELETE", "/v5.0.0/libpod/images/"+name)
	}
	f.Fuzz(func(t *testing.T, method, target string) { o.comparePodman(t, method, target) })
}

// handler responds with the id of the operation that it stands for.
func handler(id string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Operation", id) }
}
