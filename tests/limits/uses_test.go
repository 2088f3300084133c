package limits

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestUsesOfTheScope asserts that what hidden containers use of shared objects, and of the
// client's own, looks unused: in filters and in counts.
func TestUsesOfTheScope(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine", "GUARD_VOLUME": "shared", "GUARD_NETWORK": "shared"})
	container := func(id, client, used string) string {
		return fmt.Sprintf(`{"Id":"%s","Names":["/%[1]s"],"ImageID":"i","Labels":{"postern.client":"%s"},"Mounts":[{"Type":"volume","Name":"%s"},{"Type":"volume","Name":"%[3]s"},{"Type":"bind","Source":"/x"}],`+
			`"NetworkSettings":{"Networks":{"a":{"NetworkID":"%[3]s","EndpointID":"1"},"b":{"NetworkID":"stopped","EndpointID":""}}}}`, id, client, used)
	}
	volume := func(name, client string, users int) string {
		return fmt.Sprintf(`{"Name":"%s","Labels":{"postern.client":"%s"},"UsageData":{"Size":9,"RefCount":%d}}`, name, client, users)
	}
	network := func(name, client string) string {
		return fmt.Sprintf(`{"Name":"%s","Id":"%[1]s","Labels":{"postern.client":"%s"}}`, name, client)
	}
	e.Handle("GET /images/i/json", answers(200, `{"Id":"i","Config":{}}`))
	e.Handle("GET /containers/json", answers(200, "["+container("c", "-", "used")+","+container("d", "dev", "shared")+","+container("e", "dev", "used")+","+container("f", "dev", "own")+"]"))
	volumes := volume("shared", "", 1) + "," + volume("used", "-", 2) + "," + volume("own", "-", 1) + "," + volume("hidden", "dev", 0)
	e.Handle("GET /volumes", answers(200, `{"Volumes":[`+volumes+`]}`))
	e.Handle("GET /system/df", answers(200, `{"Volumes":[`+volumes+`,{"Name":"own2","Labels":{"postern.client":"-"},"UsageData":{"Size":-1,"RefCount":-1}},{"Name":"own3","Labels":{"postern.client":"-"},"UsageData":null}]}`))
	e.Handle("GET /networks", answers(200, "["+network("bridge", "")+","+network("shared", "")+","+network("used", "-")+","+network("own", "-")+","+network("stopped", "-")+"]"))
	for target, want := range map[string]string{
		`/volumes?filters={"dangling":["true"]}`:   "shared own",
		`/volumes?filters={"dangling":{"0":true}}`: "used",
		`/volumes`: "shared used own",
		`/networks?filters={"dangling":["true"]}`:        "shared own stopped",
		`/v1.24/networks?filters={"dangling":["false"]}`: "bridge used",
		`/networks`: "bridge shared used own stopped",
	} {
		e.Reset()
		var got []string
		for _, part := range strings.Split(p.Get(strings.ReplaceAll(target, `"`, "%22")).Body, `"Name":"`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			got = append(got, name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
		for _, sent := range harness.Targets(e) {
			if text, _ := url.QueryUnescape(sent); strings.Contains(text, "dangling") {
				t.Errorf("%s reached the engine", text)
			}
		}
	}
	for _, values := range []string{`["true","false"]`, `["maybe"]`, `["TRUE"]`} {
		if r := p.Get("/volumes?filters=" + url.QueryEscape(`{"dangling":`+values+`}`)); r.Status != 400 {
			t.Errorf("dangling %s: %d %s", values, r.Status, r.Body)
		}
	}
	want := `{"Volumes":[` + volume("shared", "", 0) + "," + volume("used", "-", 1) + "," + volume("own", "-", 0) +
		`,{"Name":"own2","Labels":{"postern.client":"-"},"UsageData":{"Size":-1,"RefCount":-1}},{"Name":"own3","Labels":{"postern.client":"-"},"UsageData":null}]}` + "\n"
	if got := p.Get("/system/df").Body; got != want {
		t.Errorf("df:\n%s\nwant\n%s", got, want)
	}
}

// TestHiddenTakesAsLong asserts that the engine is asked the same for what is hidden as for
// what is absent: a list of all containers takes it many milliseconds.
func TestHiddenTakesAsLong(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine"})
	e.Handle("GET /volumes/{name}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		labels, found := map[string]string{"bare": "null", "labelled": `{"postern.client":"dev"}`, "other": `{"a":"b"}`}[r.PathValue("name")]
		if !found {
			answers(404, `{"message":"no such volume"}`).ServeHTTP(w, r)
			return
		}
		answers(200, fmt.Sprintf(`{"Name":"%s","Labels":%s}`, r.PathValue("name"), labels)).ServeHTTP(w, r)
	}))
	db := fmt.Sprintf("%x", sha256.Sum256([]byte("db")))
	for path, names := range map[string][]string{
		"/volumes/%s":         {"absent", "bare", "labelled", "other"},
		"/containers/%s/json": {"absent", "worker"},
		"/containers/%s/top":  {"ad", "db", db[:12]},
		"/containers/%s/logs": {strings.Repeat("0", 64), db},
	} {
		asked := func(name string) string {
			e.Reset()
			p.Get(strings.ReplaceAll(path, "%s", name))
			got := harness.Targets(e)
			got = got[:len(got)-1] // the answer, about a random id
			return strings.ReplaceAll(strings.Join(got, "\n"), name, "%s")
		}
		want := asked(names[0])
		for _, hidden := range names[1:] {
			if got := asked(hidden); got != want {
				t.Errorf("%s of %s asks\n%s\nof an absent one\n%s", path, hidden, got, want)
			}
		}
	}
}

// TestFailedLookupTellsNothing asserts that what the engine says of a hidden object that it
// cannot look up is not passed on: the answer is that about an absent one.
func TestFailedLookupTellsNothing(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine"})
	for request, text := range map[string]string{
		"GET /exec/{id}/json":       `{"message":"Container 9f1c9f1c9f1c is paused, unpause the container before exec"}`,
		"GET /volumes/{id}":         `{"message":"error while checking volume data with driver 9f1c9f1c9f1c"}`,
		"GET /containers/{id}/json": `{"message":"9f1c9f1c9f1c cannot be inspected"}`,
	} {
		e.Handle(request, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.PathValue("id") == "hidden" {
				answers(500, text).ServeHTTP(w, r)
				return
			}
			answers(404, `{"message":"no such object: `+r.PathValue("id")+`"}`).ServeHTTP(w, r)
		}))
		_, path, _ := strings.Cut(request, " ")
		hidden, absent := p.Get(strings.ReplaceAll(path, "{id}", "hidden")), p.Get(strings.ReplaceAll(path, "{id}", "absent"))
		if hidden.Status != 404 || hidden.Body != strings.ReplaceAll(absent.Body, "absent", "hidden") {
			t.Errorf("%s: hidden %d %s, absent %d %s", request, hidden.Status, hidden.Body, absent.Status, absent.Body)
		}
	}
}

// TestImageIsGone asserts that a container whose image was removed is in a scope by its name,
// and not by labels, which it may have from the image.
func TestImageIsGone(t *testing.T) {
	t.Parallel()
	for value, status := range map[string]int{"mine,name=web": 200, "name=web": 200, "mine": 404, "label=a": 404, "name=web,label=a": 404} {
		e, p := start(t, map[string]string{"SCOPE": value})
		e.Handle("GET /images/{name}/json", answers(404, `{"message":"no such image"}`))
		e.Handle("GET /containers/web/json", answers(200, `{"Id":"1","Name":"/web","Image":"sha256:1","Config":{"Labels":{"a":"b","postern.client":"-"}}}`))
		e.Handle("GET /containers/1/json", answers(200, `{}`))
		if r := p.Get("/containers/web/json"); r.Status != status {
			t.Errorf("SCOPE=%s: %d %s, want %d", value, r.Status, r.Body, status)
		}
	}
}
