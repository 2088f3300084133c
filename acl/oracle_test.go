package acl_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"postern/acl"
)

// oracle is the engine's router, built from the engine's routes by the library
// that the engine uses, in the way the engine builds it: every route with a
// version prefix, then without.
type oracle struct {
	router *mux.Router
}

// versionMatcher is the engine's pattern for the prefix.
const versionMatcher = "/v{version:[0-9.]+}"

func newOracle(t testing.TB) *oracle {
	t.Helper()
	router := mux.NewRouter()
	for _, r := range readRoutes(t) {
		router.Path(versionMatcher + r.pattern).Methods(r.method).Handler(handler(r.id))
		router.Path(r.pattern).Methods(r.method).Handler(handler(r.id))
	}
	router.HandleFunc(versionMatcher+"/{path:.*}", handler("-"))
	router.NotFoundHandler = handler("-")
	router.MethodNotAllowedHandler = handler("-")
	return &oracle{router}
}

// route returns the operation that the engine would run, "" for none, or where
// it would redirect to.
func (o *oracle) route(method string, u *url.URL) (id, location string) {
	w := httptest.NewRecorder()
	o.router.ServeHTTP(w, &http.Request{Method: method, URL: u, Host: "docker"})
	if w.Code == http.StatusMovedPermanently {
		return "", w.Header().Get("Location")
	}
	return strings.TrimPrefix(w.Header().Get("Operation"), "-"), ""
}

type engineRoute struct{ method, pattern, id string }

func readRoutes(t testing.TB) []engineRoute {
	t.Helper()
	f, err := os.Open("testdata/engine-routes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var routes []engineRoute
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) == 3 && !strings.HasPrefix(fields[0], "#") {
			routes = append(routes, engineRoute{fields[0], fields[1], fields[2]})
		}
	}
	if len(routes) < 120 {
		t.Fatalf("read %d routes, want the whole table", len(routes))
	}
	return routes
}

// sectionOf finds the section of a clean path by a regular expression.
var sectionOf = regexp.MustCompile(`(?s)^(?:/v[0-9.]+(?:/|$))?/?([^/]*)`)

// libpodSectionOf does so for Podman's own API.
var libpodSectionOf = regexp.MustCompile(`(?s)^(?:/v[0-9][0-9A-Za-z.-]*)?/(libpod/[^/]*)`)

// compare checks one request target, as a client writes it on the wire.
func (o *oracle) compare(t *testing.T, method, target string) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Host != "" || strings.ContainsAny(target, " \r\n") {
		return // net/http responds with 400 before any router
	}
	wantID, wantLocation := o.route(method, u)
	got := everything.Decide(method, u)
	if got.OperationID() != wantID && !libpodSectionOf.MatchString(u.Path) {
		t.Errorf("Decide(%q, %q) is about %q, the engine's router runs %q", method, u.Path, got.OperationID(), wantID)
	}
	// A redirected path must not be forwarded: the engine would not run it.
	if wantLocation != "" && got.Outcome == acl.Allowed {
		t.Errorf("Decide(%q, %q) allows a path that the engine's router redirects", method, u.Path)
	}
	location := ""
	if got.Redirect != "" {
		clean := *u
		clean.Path = got.Redirect
		location = clean.String()
	}
	if location != wantLocation {
		t.Errorf("Decide(%q, %q) redirects to %q, the engine's router to %q", method, u.Path, location, wantLocation)
	}
	want := ""
	for _, s := range acl.Sections {
		m := libpodSectionOf.FindStringSubmatch(u.Path)
		if m == nil {
			m = sectionOf.FindStringSubmatch(u.Path)
		}
		if s.Path == "/"+m[1] && got.Redirect == "" {
			want = s.Var
		}
	}
	if section := sectionVar(got); section != want {
		t.Errorf("Decide(%q, %q) is in section %q, want %q", method, u.Path, section, want)
	}
}

// everything allows every path in a section, so that its decision is on the decoded
// path.
var everything = acl.Compile(acl.Rules{Allow: []string{"*"}})

func sectionVar(d acl.Decision) string {
	if d.Section == nil {
		return ""
	}
	return d.Section.Var
}

// names may stand for {name} and {id}: ordinary names, and every spelling that
// could make two routers disagree.
var names = []string{
	"web", "0123456789ab", "a/b", "a%2fb", "a%2Fb", "create", "json", "prune", "web/json", "web/archive",
	"library/busybox:1.36", "registry:5000/team/app@sha256:00", "%77eb", "a%0Ab", "a%0A", "%00", "%ff", "a%20b",
	"a%252fb", "%2e", "%2e%2e", ".", "..", "a/../b", "a//b", "a%2f%2fb", "a%2f..%2fb", "...", ".a", "a.", "",
	"a;b", "a?b", "ä", "v1.41", "checkpoints/x", "start/stop", "%2fattach%2fws",
}

var prefixes = []string{
	"", "/v1.41", "/v1.56", "/v1", "/v.", "/v..", "/v1.41/v1.41", "/v", "/V1.41", "/v1.41.2", "/v1a", "/%761.41",
	"/v1%2e41", "/v1.41%2f", "/x", "/libpod", "/v5.0.0/libpod", "/", "/.", "/..", "/v1.41/.",
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "FOO"}

// TestDecideAgreesWithRouter tries every route with every name above, and
// with every prefix and method.
func TestDecideAgreesWithRouter(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, r := range readRoutes(t) {
		path := variable.ReplaceAllLiteralString(r.pattern, "web")
		for _, odd := range []string{path + "/", path + "x", strings.ToUpper(path), strings.ReplaceAll(path, "/", "%2f")} {
			o.compare(t, r.method, odd)
		}
		for _, method := range methods {
			o.compare(t, method, path)
		}
		for _, prefix := range prefixes {
			o.compare(t, r.method, prefix+path)
		}
		if path == r.pattern {
			continue
		}
		for _, name := range names {
			o.compare(t, r.method, variable.ReplaceAllLiteralString(r.pattern, name))
		}
	}
}

// FuzzDecide looks for a request on which Decide and the engine's router
// disagree.
func FuzzDecide(f *testing.F) {
	o := newOracle(f)
	for _, r := range readRoutes(f) {
		f.Add(r.method, r.pattern)
	}
	for _, name := range names {
		f.Add("GET", "/containers/"+name+"/json")
		f.Add("POST", "/v1.41/images/"+name+"/push")
	}
	for _, prefix := range prefixes {
		f.Add("DELETE", prefix+"/services/x")
	}
	f.Fuzz(func(t *testing.T, method, target string) { o.compare(t, method, target) })
}
