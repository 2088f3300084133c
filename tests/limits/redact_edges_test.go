package limits

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestUnreadableResponses asserts that a response that cannot be redacted is a 502, with
// nothing of it in the message or the log.
func TestUnreadableResponses(t *testing.T) {
	t.Parallel()
	var body string
	raw := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(body, "\x1f") {
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			io.WriteString(zip, inspect)
			zip.Close()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	})
	_, p := startRedacting(t, map[string]http.Handler{"GET /containers/{id}/json": raw}, map[string]string{"REDACT": "env"})
	for _, test := range []struct{ body, why string }{
		{inspect[:len(inspect)-20], "not complete"},
		{`{"Config":{"Env":{"SECRET":"hunter2"}}}`, "type"},
		{`{"Config":{"Env":"SECRET=hunter2"}}`, "type"},
		{`{"Config":["SECRET=hunter2"]}`, "type"},
		{`[{"Config":{"Env":["SECRET=hunter2"]}}]`, "type"},
		{`{"Config":{"Env":["A=b"]}} SECRET=hunter2`, "valid JSON"},
		{`SECRET=hunter2`, "valid JSON"},
		{"<html>hunter2</html>", "valid JSON"},
		{`{"Config":{"Labels":` + strings.Repeat("[", 10001), "deep"},
		{"\x1f gzip", "compressed"},
	} {
		body = test.body
		r := p.Get("/containers/web/json")
		want := "postern: the engine's response is not passed on, because REDACT=env cannot hold for it: "
		if r.Status != 502 || !strings.HasPrefix(r.Message(), want) || !strings.Contains(r.Message(), test.why) || strings.Contains(r.Body, "hunter2") {
			t.Errorf("%.60q: %d %s, want 502, %q and %q", test.body, r.Status, r.Body, want, test.why)
		}
	}
	for _, entry := range p.Log() {
		if strings.Contains(fmt.Sprint(entry), "hunter2") {
			t.Errorf("the log has %v", entry)
		}
	}
	body = "{\"Config\":{\"Env\":[\"A=\xff\xfe\",\"B=\xc3\"],\"config\":{\"env\":[\"C=hunter2\"]}},\"CONFIG\":{\"ENV\":[\"D=hunter2\"]}}"
	want := "{\"Config\":{\"Env\":[\"A=***\",\"B=***\"],\"config\":{\"env\":[\"C=hunter2\"]}},\"CONFIG\":{\"ENV\":[\"D=***\"]}}"
	if r := p.Get("/containers/web/json"); r.Status != 200 || r.Body != want {
		t.Errorf("%d %q, want %q", r.Status, r.Body, want)
	}
}

// TestBrokenList asserts that a long list that breaks in the middle, or stops being JSON
// there, breaks the client's connection: it must not look complete.
func TestBrokenList(t *testing.T) {
	t.Parallel()
	item := `{"Command":"hunter2","Labels":{"a":"` + strings.Repeat("b", 1000) + `"}}`
	list := "[" + strings.Repeat(item+",", 500)
	var end string
	_, p := startRedacting(t, map[string]http.Handler{"GET /containers/json": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("sized") {
			w.Header().Set("Content-Length", fmt.Sprint(len(list)+len(end)))
		}
		io.WriteString(w, list+end)
		if end == "cut" {
			panic(http.ErrAbortHandler)
		}
	})}, map[string]string{"REDACT": "args"})
	for _, end = range []string{"", "cut", "x]", `{"Command":1}]`, item + "]x", item + "]"} {
		for _, query := range []string{"", "?sized=1"} {
			response, _, _ := p.Open(harness.Head("GET", "/containers/json"+query))
			body, err := io.ReadAll(response.Body)
			if complete := end == item+"]"; response.StatusCode != 200 || (err == nil) != complete || complete != json.Valid(body) && end != item+"]x" {
				t.Errorf("%q%s: status %d, %d bytes, %v", end, query, response.StatusCode, len(body), err)
			}
			if strings.Contains(string(body), "hunter2") || !strings.HasPrefix(string(body), `[{"Command":"***",`) {
				t.Errorf("%q%s: %.60s", end, query, body)
			}
		}
	}
}

// TestUnredactedResponses asserts which responses pass as they are: errors, redirects,
// those without a body, those to HEAD, and streams that are no JSON of the reference's.
func TestUnredactedResponses(t *testing.T) {
	t.Parallel()
	send := func(status int, body string, header ...string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
	const progress = `{"status":"Pulling","progressDetail":{}}` + "\r\n" + `{"errorDetail":{"message":"x"}}` + "\r\n"
	_, p := startRedacting(t, map[string]http.Handler{
		"GET /containers/missing/json": send(404, `{"message":"No such container: missing"}`),
		"GET /containers/html/json":    send(500, "<html>"),
		"GET /containers/moved/json":   send(301, "<a href>", "Location", "/containers/web/json"),
		"GET /containers/same/json":    send(304, "", "Etag", "x"),
		"GET /containers/empty/json":   send(200, ""),
		"GET /containers/none/json":    send(204, ""),
		"POST /images/create":          send(200, progress),
		"POST /build":                  send(200, progress),
		"GET /info":                    send(200, `{"Config":{"Env":["A=b"]}}`),
	}, map[string]string{"REDACT": "env,args"})
	for target, want := range map[string]harness.Response{
		"GET /containers/missing/json":      {Status: 404, Body: `{"message":"No such container: missing"}`},
		"GET /containers/html/json":         {Status: 500, Body: "<html>"},
		"GET /containers/moved/json":        {Status: 301, Body: "<a href>"},
		"GET /containers/same/json":         {Status: 304},
		"GET /containers/empty/json":        {Status: 200},
		"GET /containers/none/json":         {Status: 204},
		"HEAD /containers/web/json":         {Status: 200},
		"HEAD /containers/web/archive":      {Status: 200},
		"POST /images/create?fromImage=x":   {Status: 200, Body: progress},
		"POST /build":                       {Status: 200, Body: progress},
		"GET /info":                         {Status: 200, Body: `{"Config":{"Env":["A=b"]}}`},
		"GET /containers/web/logs?stdout=1": {Status: 200},
	} {
		method, path, _ := strings.Cut(target, " ")
		r := harness.Send(t, p.Dial(), harness.Head(method, path, "If-None-Match: x", "Content-Length: 0"))
		if r.Status != want.Status || r.Body != want.Body && !strings.Contains(path, "logs") {
			t.Errorf("%s: %d %q, want %d %q", target, r.Status, r.Body, want.Status, want.Body)
		}
	}
}
