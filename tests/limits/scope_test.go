package limits

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// start starts postern with all toggles on in front of a stand-in with the containers
// web, db and worker.
func start(t *testing.T, settings map[string]string) (*engine.Engine, *harness.Postern) {
	t.Helper()
	e, socket := harness.StandIn(t)
	return e, harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}, settings))
}

// post sends a POST without a body.
func post(t *testing.T, p *harness.Postern, target string) harness.Response {
	t.Helper()
	return harness.Send(t, p.Dial(), harness.Head("POST", target, "Content-Length: 0"))
}

// id is the stand-in's id of web.
func id(t *testing.T, p *harness.Postern) string {
	t.Helper()
	return regexp.MustCompile(`[0-9a-f]{64}`).FindString(p.Get("/containers/web/json").Body)
}

// TestIDIsForwarded asserts that the engine gets the id that was decided on, whatever
// the client wrote.
func TestIDIsForwarded(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	full := id(t, p)
	for _, name := range []string{"web", full, full[:5]} {
		e.Reset()
		if r := post(t, p, "/v1.41/containers/"+name+"/restart?t=1"); r.Status != http.StatusNoContent {
			t.Fatalf("restart of %s: %d %s", name, r.Status, r.Body)
		}
		if got, want := harness.Targets(e), "POST /v1.41/containers/"+full+"/restart?t=1"; got[len(got)-1] != want {
			t.Errorf("restart of %s reached the engine as %q, want %s", name, got, want)
		}
	}
}

// TestHiddenIsAbsent asserts that the answer about a hidden container is that about an
// absent one, byte for byte, and that nothing about the hidden one reaches the engine
// but the lookup.
func TestHiddenIsAbsent(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	for _, request := range []string{
		"GET /containers/%s/json", "GET /v1.41/containers/%s/logs?stdout=1", "GET /containers/%s/stats", "POST /containers/%s/restart", "POST /containers/%s/kill",
		"POST /containers/%s/attach?stream=1", "POST /containers/%s/exec", "POST /containers/%s/pause",
	} {
		answer := func(name string) harness.Response {
			method, target, _ := strings.Cut(strings.ReplaceAll(request, "%s", name), " ")
			r := harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 0"))
			r.Header.Del("Date")
			return r
		}
		absent := answer("no")
		e.Reset()
		hidden := answer("db")
		if hidden.Body != strings.ReplaceAll(absent.Body, "no\"", "db\"") || hidden.Status != absent.Status || absent.Status != http.StatusNotFound {
			t.Errorf("%s: hidden %d %s, absent %d %s", request, hidden.Status, hidden.Body, absent.Status, absent.Body)
		}
		if !equalHeaders(hidden.Header, absent.Header) {
			t.Errorf("%s: hidden %v, absent %v", request, hidden.Header, absent.Header)
		}
		for _, target := range harness.Targets(e) {
			if strings.Contains(target, "/db/") && target != "GET /containers/db/json" {
				t.Errorf("%s: %s reached the engine", request, target)
			}
		}
	}
}

func equalHeaders(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}

// TestOnlyTheScopeIsListed asserts that a list has the elements in the scope, with the
// bytes that the engine sent, but for names that have another container's in them.
func TestOnlyTheScopeIsListed(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=w*"})
	const list = `[{"Id":"1","Names":["/db","/web/db"],"Labels":{}},{"Id":"2", "Names":["/db/alias","/web"],"Labels":{"a":"}]\"\\"},"Odd":[[1.50,"\u00e9"]]},` + "\n" +
		`{"Names":["/worker"],"Id":"3"},{"Names":["/w2"],"Id":"4"}]` + "\n"
	e.Handle("GET /containers/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(list))
	}))
	web := `{"Id":"2", "Names":["/web"],"Labels":{"a":"}]\"\\"},"Odd":[[1.50,"\u00e9"]]}`
	for target, want := range map[string]string{
		"/containers/json":         "[" + web + `,{"Names":["/worker"],"Id":"3"},{"Names":["/w2"],"Id":"4"}]` + "\n",
		"/containers/json?limit=1": "[" + web + "]\n",
		"/containers/json?limit=2": "[" + web + `,{"Names":["/worker"],"Id":"3"}]` + "\n",
	} {
		if r := p.Get(target); r.Body != want {
			t.Errorf("%s:\n%s\nwant\n%s", target, r.Body, want)
		}
	}
	e.Reset()
	p.Get("/containers/json?limit=1")
	if got := harness.Targets(e); !slices.Equal(got, []string{"GET /containers/json?all=1"}) {
		t.Errorf("the engine got %q, want the limit replaced by all=1", got)
	}
}

// TestDiskUsage asserts that of the disk usage only the scope's containers are left,
// whatever else a newer engine says there.
func TestDiskUsage(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{"LayersSize":7,"Images":[{"Id":"i"}],"Containers":[{"Id":"1","Names":["/db"]},{"Id":"2","Names":["/web"]}],"Volumes":[{"Name":"v","Labels":null}],"BuildCache":null}`: `{"Images":[],"Containers":[{"Id":"2","Names":["/web"]}],"Volumes":[],"BuildCache":null}`,
		`{"ContainerUsage":{"Items":[{"Id":"1","Names":["/db"]}],"TotalCount":1}}`:                                                                                              "{}",
		`{}`: "{}",
	} {
		e, p := start(t, map[string]string{"SCOPE": "name=web"})
		e.Handle("GET /system/df", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, sent) }))
		if r := p.Get("/system/df"); r.Body != want+"\n" {
			t.Errorf("of %s is left %s, want %s", sent, r.Body, want)
		}
	}
}

// TestBrokenListIsCut asserts that a list that ends too early does not look complete,
// nor does one that is followed by something or whose response breaks off.
func TestBrokenListIsCut(t *testing.T) {
	t.Parallel()
	const cut = "CUT"
	for _, test := range []struct{ target, list string }{
		{"/containers/json", `[{"Names":["/web"]}`},
		{"/containers/json", `[{"Names":["/web"]},`},
		{"/containers/json", `[{"Names":["/w`},
		{"/containers/json", `{"message":"no"}`},
		{"/containers/json", ``},
		{"/containers/json", `[{"Names":["/web"]} {}]`},
		{"/containers/json", `[{"Names":"/web"}]`},
		{"/containers/json", `[{"Names":["/web"]}]{}`},
		{"/containers/json", `[{"Names":["/web"]}]` + cut},
		{"/containers/json", `[]` + cut},
		{"/volumes", `{"Volumes":[{"Name":"web"}]`},
		{"/volumes", `{"Volumes":[{"Name":"web"}]}]`},
		{"/volumes", `{"Volumes":[{"Name":"web"}]}` + cut},
	} {
		e, p := start(t, map[string]string{"SCOPE": "name=web"})
		e.Handle("GET "+test.target, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			list, isCut := strings.CutSuffix(test.list, cut)
			io.WriteString(w, list)
			if isCut {
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
		}))
		conn := p.Dial()
		io.WriteString(conn, harness.Head("GET", test.target))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); err == nil && response.StatusCode < 500 {
			t.Errorf("%s: the client got a complete response: %d %s", test.list, response.StatusCode, body)
		}
	}
}

// TestWhatCannotBeScoped asserts that operations without a rule are refused while a
// scope is on.
func TestWhatCannotBeScoped(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "label=team=a"})
	for _, request := range []string{
		"GET /services", "GET /swarm", "GET /plugins", "POST /build/prune", "POST /images/load", "POST /images/prune", "GET /containers/web/checkpoints", "GET /containers/web/novelty",
		"POST /build?remote=http://x/", "POST /images/create?fromSrc=-", "GET /v5.0.0/libpod/containers/json", "GET /v5.0.0/libpod/events", "PUT /volumes/v",
	} {
		method, target, _ := strings.Cut(request, " ")
		if r := harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 0")); r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "cannot be held to a scope") {
			t.Errorf("%s: %d %s", request, r.Status, r.Body)
		}
	}
	if got := e.Requests(); len(got) > 0 {
		t.Errorf("the engine got %q", harness.Targets(e))
	}
}

// TestNamedAllow asserts that ALLOW=Operation:name allows the operation on containers
// of this name alone, and that the others stay visible.
func TestNamedAllow(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "ALLOW": "ContainerRestart:web,ContainerRestart:wor*,ContainerExec,ExecStart:web"})
	for name, status := range map[string]int{"web": 204, "worker": 204, "db": 403, "no": 404, id(t, p): 204} {
		r := post(t, p, "/containers/"+name+"/restart")
		if r.Status != status {
			t.Errorf("restart of %s: %d %s, want %d", name, r.Status, r.Body, status)
		}
		if status == 403 && !strings.HasSuffix(r.Message(), ": ALLOW=ContainerRestart:web,ContainerRestart:wor* does not name db; add ContainerRestart:db to ALLOW") {
			t.Errorf("the refusal is %q", r.Message())
		}
	}
	if r := p.Get("/containers/db/json"); r.Status != 200 {
		t.Errorf("inspect of db: %d", r.Status)
	}
	if r := post(t, p, "/containers/web/stop"); r.Status != 403 {
		t.Errorf("stop of web: %d", r.Status)
	}
	for name, status := range map[string]int{"web": 200, "worker": 403} {
		send := func(target, body string) harness.Response {
			return harness.Send(t, p.Dial(), harness.Head("POST", target, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))+body)
		}
		exec := regexp.MustCompile(`[0-9a-f]{64}`).FindString(send("/containers/"+name+"/exec", `{"Cmd":["true"]}`).Body)
		if r := send("/exec/"+exec+"/start", `{"Detach":true}`); r.Status != status {
			t.Errorf("start of an exec in %s: %d %s, want %d", name, r.Status, r.Body, status)
		}
	}
}

// TestFailedLookupRefuses asserts that nothing is forwarded when the engine cannot say
// what a name stands for.
func TestFailedLookupRefuses(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	e.Handle("GET /containers/{id}/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	r := post(t, p, "/containers/web/restart")
	if r.Status != http.StatusBadGateway || !strings.Contains(r.Message(), "the engine did not answer a lookup of what the request names") {
		t.Errorf("restart: %d %s", r.Status, r.Body)
	}
	if got := harness.Targets(e); !slices.Equal(got, []string{"GET /containers/web/json"}) {
		t.Errorf("the engine got %q", got)
	}
}
