package limits

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// sameJSON reports whether two texts are the same but for the order of keys.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

// answers responds with a status and a body.
func answers(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// TestFalseFilters asserts that a hidden container in a filter is found out whatever the
// boolean behind it: the engine takes false for true.
func TestFalseFilters(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"name=web", "mine", "mine,label=a"} {
		e, p := start(t, map[string]string{"SCOPE": scope})
		e.Reset()
		for _, filters := range []string{`{"before":{"db":false}}`, `{"since":{"db":true}}`, `{"before":["db"]}`, `{"before":["x"],"before":{"db":false}}`} {
			p.Get("/containers/json?filters=" + url.QueryEscape(filters))
		}
		for _, target := range harness.Targets(e) {
			if text, _ := url.QueryUnescape(target); strings.Contains(text, `"db"`) && !strings.Contains(text, `{"id":`) { // a lookup
				t.Errorf("SCOPE=%s: %s reached the engine", scope, text)
			}
		}
	}
}

// TestVolumesOfPlugins asserts that a hidden volume is not mounted whatever its name: only
// the names of the engine's own volumes are letters, digits and _ . -
func TestVolumesOfPlugins(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine"})
	e.Handle("GET /volumes/{name...}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.PathValue("name")) == 64 {
			answers(404, `{"message":"no such volume"}`).ServeHTTP(w, r)
			return
		}
		answers(200, `{"Name":"team/data","Driver":"nfs","Labels":{"postern.client":"dev"}}`).ServeHTTP(w, r)
	}))
	for _, name := range []string{"team/data", "d", "_data", "dat\u00e4", "./data", "data "} {
		for _, host := range []string{`{"Binds":["` + name + `:/x"],"VolumeDriver":"nfs"}`, `{"Mounts":[{"Type":"volume","Source":"` + name + `","Target":"/x"}]}`} {
			e.Reset()
			body := `{"Image":"busybox","HostConfig":` + host + `}`
			r := harness.Send(t, p.Dial(), harness.Head("POST", "/containers/create", fmt.Sprint("Content-Length: ", len(body)), "Content-Type: application/json")+body)
			if r.Status < 400 || strings.Contains(r.Body, "dev") {
				t.Errorf("%s: %d %s", host, r.Status, r.Body)
			}
			for _, target := range harness.Targets(e) {
				if target == "POST /containers/create" {
					t.Errorf("%s reached the engine", host)
				}
			}
		}
	}
}

// TestStartWithBody asserts that a start cannot configure a container, and so bring the
// volumes and the network of a hidden one into it, as it can in API versions before 1.24.
func TestStartWithBody(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"name=web", "mine,name=web"} {
		e, p := start(t, map[string]string{"SCOPE": scope})
		for _, lines := range [][]string{{"Content-Length: 24"}, {"Transfer-Encoding: chunked"}} {
			e.Reset()
			body := `{"VolumesFrom":["db"]}  `
			if strings.HasPrefix(lines[0], "T") {
				body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			r := harness.Send(t, p.Dial(), harness.Head("POST", "/v1.23/containers/web/start", append(lines, "Content-Type: application/json")...)+body)
			if r.Status != http.StatusForbidden {
				t.Errorf("SCOPE=%s: a start with a body: %d %s", scope, r.Status, r.Body)
			}
			for _, target := range harness.Targets(e) {
				if strings.HasPrefix(target, "POST") {
					t.Errorf("SCOPE=%s: %s reached the engine", scope, target)
				}
			}
		}
	}
}

// TestErrorsNameNothingHidden asserts that no error of the engine's has the id of a hidden
// container, and that the id of one in the scope stays.
func TestErrorsNameNothingHidden(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	web, db := id(t, p), fmt.Sprintf("%x", sha256.Sum256([]byte("db")))
	for status, request := range map[int]string{409: "DELETE /images/{name}", 403: "POST /networks/{id}/disconnect", 500: "POST /containers/{id}/pause", 400: "POST /images/{name}/tag"} {
		e.Handle(request, answers(status, fmt.Sprintf(`{"message":"used by %s, %s and %s"}`, db, db[:12], web)))
		method, target, _ := strings.Cut(strings.NewReplacer("{name}", "busybox", "containers/{id}", "containers/web", "{id}", "bridge").Replace(request), " ")
		r := harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 2", "Content-Type: application/json")+"{}")
		if r.Status != status || strings.Contains(r.Body, db[:12]) || !strings.Contains(r.Body, web) {
			t.Errorf("%s: %d %s", request, r.Status, r.Body)
		}
	}
	// How many hidden ones use something is not told either.
	e.Handle("POST /containers/{id}/unpause", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers(409, `{"message":"in use - [`+r.URL.Query().Get("by")+`]"}`).ServeHTTP(w, r)
	}))
	for list, want := range map[string]string{web + ", " + db: web, db + ", " + web + ", " + db: web, db + ", " + db: "(hidden)"} {
		if r := post(t, p, "/containers/web/unpause?by="+url.QueryEscape(list)); r.Message() != "in use - ["+want+"]" {
			t.Errorf("in use by %s: %d %s", list, r.Status, r.Body)
		}
	}
	// The engine quotes what the client wrote, which must not tell whether it exists.
	e.Handle("POST /containers/{id}/kill", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers(400, `{"message":"Invalid signal: `+r.URL.Query().Get("signal")+`"}`).ServeHTTP(w, r)
	}))
	quoted := func(id string) string { return post(t, p, "/containers/web/kill?signal="+id).Body }
	if hidden, absent := quoted(db), quoted(strings.Repeat("ab", 32)); hidden != absent {
		t.Errorf("an error that quotes a hidden id: %s, an absent one: %s", hidden, absent)
	}
}

// TestQueryInOtherCase asserts that a parameter that is looked at is not forwarded in
// another case as well: Podman takes either.
func TestQueryInOtherCase(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine,name=web"})
	e.Reset()
	for _, target := range []string{"GET /containers/json?Limit=1", "POST /commit?container=web&Container=db", "POST /networks/prune?filters={}&FILTERS={}", "POST /containers/create?name=web&nAme=x"} {
		method, target, _ := strings.Cut(target, " ")
		r := harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 0"))
		if r.Status != http.StatusForbidden || !strings.Contains(r.Message(), ": want ") {
			t.Errorf("%s: %d %s", target, r.Status, r.Body)
		}
	}
	if got := harness.Targets(e); len(got) != 0 {
		t.Errorf("the engine got %q", got)
	}
}

// TestNamesOfOthersAllowNothing asserts that an operation that is allowed on objects of some
// names looks at the object of the path, and not at what is looked up besides: a network
// that a container comes into, or a container that it is linked to.
func TestNamesOfOthersAllowNothing(t *testing.T) {
	t.Parallel()
	network, db := strings.Repeat("a1", 32), strings.Repeat("d0", 32)
	for request, allow := range map[string]string{
		"POST /containers/db/start ": "ContainerStart:web", // a network's name
		`POST /networks/web/connect {"Container":"db","EndpointConfig":{"Links":["db"]}}`: "NetworkConnect:db",
	} {
		e, p := start(t, map[string]string{"CONTAINERS": "0", "NETWORKS": "0", "ALLOW_START": "0", "ALLOW": allow, "SCOPE": "label=a"})
		e.Handle("GET /networks", answers(200, `[{"Name":"web","Id":"`+network+`","Labels":{"a":"b"}}]`))
		e.Handle("GET /containers/{id}/json", answers(200, `{"Id":"`+db+`","Name":"/db","Image":"sha256:1","Config":{"Labels":{"a":"b"}},"HostConfig":{},"NetworkSettings":{"Networks":{"web":{"NetworkID":""}}}}`))
		e.Handle("GET /images/{name}/json", answers(200, `{"Id":"sha256:1"}`))
		parts := strings.SplitN(request, " ", 3)
		r := harness.Send(t, p.Dial(), harness.Head(parts[0], parts[1], "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(parts[2])))+parts[2])
		if r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "does not name") {
			t.Errorf("%s with ALLOW=%s: %d %s", request, allow, r.Status, r.Body)
		}
	}
}

// TestTopOfTheContainer asserts that a client that is held to some containers cannot have
// ps write titles and columns that make the engine take other processes for a container's.
func TestTopOfTheContainer(t *testing.T) {
	t.Parallel()
	for _, settings := range []map[string]string{{"SCOPE": "name=web"}, {"CONTAINERS": "0", "ALLOW": "ContainerTop:web"}, {"GUARD": "1", "SCOPE": "name=web"}} {
		e, p := start(t, settings)
		for query, status := range map[string]int{
			"": 200, "?ps_args=-ef": 200, "?ps_args=-o+pid,args": 200,
			"?ps_args=-o+comm%3DC%0CPID+-o+rtprio": 403, "?PS_ARGS=-ouid%3DPID": 403, "?ps_args=-ef&ps_args=-ouid%3DPID": 403,
		} {
			e.Reset()
			r := p.Get("/containers/web/top" + query)
			if r.Status != status && r.Status != http.StatusBadRequest {
				t.Errorf("%v: top%s: %d %s, want %d", settings, query, r.Status, r.Body, status)
			}
			if got := strings.Join(harness.Targets(e), " "); strings.Contains(got, "/top") != (status == 200) {
				t.Errorf("%v: top%s: the engine got %s", settings, query, got)
			}
		}
	}
}

// TestVolumesThatPodmanMounts asserts that another's volume cannot be mounted in ways that
// are Podman's alone: as the path of an anonymous volume, and by a name of one letter.
func TestVolumesThatPodmanMounts(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine"})
	e.Handle("GET /volumes/{name}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("name"); name == "data" || name == "d" {
			answers(200, `{"Name":"`+name+`","Labels":{"postern.client":"bob"}}`).ServeHTTP(w, r)
			return
		}
		answers(404, `{"message":"no such volume"}`).ServeHTTP(w, r)
	}))
	for _, body := range []string{`{"Image":"x","Volumes":{"data:/x":{}}}`, `{"Image":"x","HostConfig":{"Binds":["d:/x"]}}`} {
		e.Reset()
		if r := create(t, p, body); r.Status != http.StatusBadRequest || !strings.Contains(r.Body, "no such volume") {
			t.Errorf("%s: %d %s", body, r.Status, r.Body)
		}
		if got := strings.Join(harness.Targets(e), " "); strings.Contains(got, "POST") {
			t.Errorf("%s: the engine got %s", body, got)
		}
	}
}

// TestCountsOfTheScope asserts that neither an info, Docker's or Podman's own, nor an image
// says how many or which containers are hidden.
func TestCountsOfTheScope(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	web, db := id(t, p), fmt.Sprintf("%x", sha256.Sum256([]byte("db")))
	image := func(count, users string) string {
		return `{"Id":"sha256:1","Containers":` + count + `,"Manifests":[{"ID":"x","Kind":"image","ImageData":{"Containers":` + users + `}},{"ID":"y","Kind":"unknown"}]}`
	}
	all, seen := image("2", `["`+web+`","`+db+`"]`), image("-1", `["`+web+`"]`)
	for target, body := range map[string][2]string{
		"/libpod/info": {`{"host":{},"store":{"a":1,"containerStore":{"number":9,"paused":1,"running":5,"stopped":3}}}`,
			`{"host":{},"store":{"a":1,"containerStore":{"number":1,"paused":0,"running":1,"stopped":0}}}`},
		"/info": {`{"ID":"x","Containers":9,"ContainersRunning":5,"ContainersPaused":1,"ContainersStopped":3,"NFd":107,"NGoroutines":112,"NEventsListener":2}`,
			`{"ID":"x","Containers":1,"ContainersRunning":1,"ContainersPaused":0,"ContainersStopped":0,"NFd":0,"NGoroutines":0,"NEventsListener":0}`},
		"/images/json":        {"[" + all + `,{"Id":"2","Containers":-1}]` + "\n", "[" + seen + `,{"Id":"2","Containers":-1}]` + "\n"},
		"/images/nginx/json":  {all, seen},
		"/images/alpine/json": {`{"Id":"sha256:2","Manifests":null}`, `{"Id":"sha256:2","Manifests":null}`},
	} {
		e.Handle("GET "+target, answers(200, body[0]))
		got := p.Get(target).Body
		if !sameJSON(t, got, body[1]) {
			t.Errorf("%s:\n%s\nwant\n%s", target, got, body[1])
		}
	}
}

// TestNetworksTellOfTheScope asserts that a network shows neither the containers outside the
// scope nor what newer engines and Swarms count and name in it.
func TestNetworksTellOfTheScope(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	web, db := id(t, p), fmt.Sprintf("%x", sha256.Sum256([]byte("db")))
	network := func(containers, services, status string) string {
		return `{"Name":"bridge","Id":"1","Services":` + services + `,"Containers":{` + containers + `},"Status":` + status + `,"Labels":{}}`
	}
	sent := network(`"`+db+`":{"Name":"db"},"`+web+`":{"Name":"web"}`, `{"db":{"Tasks":[{"Name":"db.1"}]}}`, `{"IPAM":{"Subnets":{"10.0.0.0/24":{"IPsInUse":5}}}}`)
	want := network(`"`+web+`":{"Name":"web"}`, "null", "null")
	e.Handle("GET /networks", answers(200, "["+sent+"]"))
	e.Handle("GET /networks/{name}", answers(200, sent))
	for target, want := range map[string]string{"/networks": "[" + want + "]", "/networks/bridge?verbose=1": want} {
		if got := p.Get(target).Body; !sameJSON(t, got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", target, got, want)
		}
	}
}

// TestParametersThatReachFurther asserts that no parameter of Podman's makes a request about
// one object one about others: it restarts all containers, or removes those that use an
// image or a network.
func TestParametersThatReachFurther(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{"scope": {"SCOPE": "mine,name=web"}, "names": {"POST": "0", "ALLOW_RESTARTS": "0", "ALLOW": "ContainerRestart:web,NetworkDelete:web"}} {
		e, p := start(t, settings)
		e.Reset()
		for _, request := range []string{"POST /containers/web/restart?all=true", "POST /containers/web/restart?t=1&ALL=1&all=1", "POST /containers/db/restart?Depend=1", "DELETE /networks/web?Force=true"} {
			method, target, _ := strings.Cut(request, " ")
			if r := harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 0")); r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "more than its path names") && !strings.Contains(r.Message(), "want all") {
				t.Errorf("%s: %s: %d %s", name, request, r.Status, r.Body)
			}
		}
		if got := harness.Targets(e); len(got) != 0 {
			t.Errorf("%s: the engine got %q", name, got)
		}
	}
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	e.Handle("GET /images/{name}/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers(200, `{"Id":"sha256:`+r.PathValue("name")+`"}`).ServeHTTP(w, r)
	}))
	e.Handle("GET /containers/json", answers(200, `[{"Id":"1","Names":["/web"],"ImageID":"sha256:own"},{"Id":"2","Names":["/web"],"ImageID":"sha256:both"},{"Id":"3","Names":["/db"],"ImageID":"sha256:both"}]`))
	e.Handle("DELETE /images/{name}", answers(200, `[]`))
	for target, want := range map[string]string{
		"/images/own?force=1&noprune=1": "/images/own?force=1&noprune=1", "/images/both?force=1&Force=true&noprune=1": "/images/both?noprune=1", "/images/other?force=1": "/images/other?force=1", "/images/both": "/images/both",
	} {
		e.Reset()
		harness.Send(t, p.Dial(), harness.Head("DELETE", target, "Content-Length: 0"))
		got := harness.Targets(e)
		if last := got[len(got)-1]; last != "DELETE "+want {
			t.Errorf("%s reached the engine as %s, want %s", target, last, want)
		}
	}
}

// TestCommitTakesTheStamp asserts that no change of the client's stands in the way of the
// last one, which takes the stamp away.
func TestCommitTakesTheStamp(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine,name=web"})
	for changes, passes := range map[string]bool{"ENV a=b": true, `ENV a=\`: false, "ENV a=` \t": false, "ENV a b \\\n# c": false, "ENV a b\n": false} {
		e.Reset()
		r := post(t, p, "/commit?container=web&changes=CMD+x&changes="+url.QueryEscape(changes))
		if passed := r.Status < 400; passed != passes {
			t.Errorf("a commit with %q: %d %s", changes, r.Status, r.Body)
		}
		got := harness.Targets(e)
		if last := got[len(got)-1]; passes && !strings.Contains(last, "changes="+url.QueryEscape(`LABEL postern.client=""`)+"&container=") {
			t.Errorf("the engine got %s", last)
		}
	}
}
