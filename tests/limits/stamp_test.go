package limits

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/tests/internal/harness"
)

// sent collects the bodies that the engine gets for a pattern.
type sent struct {
	mu     sync.Mutex
	bodies []string
}

func (s *sent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, r.URL.RawQuery+string(body))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, `{"Id":"x"}`)
}

// TestStampOfEveryone asserts what of the stamp reaches the engine once one client sees
// what it made: everybody else's creates have a stamp, so that no image can give them
// one, and what such a client asks for is not changed otherwise.
func TestStampOfEveryone(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]map[string]string{
		"mine": {
			`{"Image":"x","HostConfig":{"Binds":["/:/x"],"Memory":9007199254740993}}`:  `{"Image":"x","HostConfig":{"Binds":["/:/x"],"Memory":9007199254740993},"Labels":{"postern.client":"-"}}`,
			`{"Image":"x","Labels":{"postern.client":"ci","a":"b"},"Newer":{"x":[1]}}`: `{"Image":"x","Labels":{"postern.client":"ci","a":"b"},"Newer":{"x":[1]}}`,
			`{"image":"x","LABELS":{"a":"b"}}`:                                         `{"Image":"x","Labels":{"a":"b","postern.client":"-"}}`,
		},
		"name=web": {`{"image" : "x", "image":1}`: `{"image" : "x", "image":1}`},
	} {
		e, p := start(t, map[string]string{"CLIENT_CI_FROM": "192.0.2.1", "CLIENT_CI_CONTAINERS": "1", "CLIENT_CI_SCOPE": scope})
		got := &sent{}
		e.Handle("POST /containers/create", got)
		for body, want := range want {
			got.bodies = nil
			r := harness.Send(t, p.Dial(), harness.Head("POST", "/containers/create?name=x", "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))+body)
			if r.Status != http.StatusCreated || !slices.Equal(got.bodies, []string{"name=x" + want}) {
				t.Errorf("SCOPE=%s: %d %s: the engine got %q, want %q", scope, r.Status, r.Body, got.bodies, want)
			}
		}
		if scope == "mine" {
			commit := &sent{}
			e.Handle("POST /commit", commit)
			post(t, p, "/commit?container=web&changes=LABEL%20postern.client%3Dci")
			if want := "changes=LABEL+postern.client%3Dci&changes=LABEL+postern.client%3D%22%22&container=web"; !slices.Equal(commit.bodies, []string{want}) {
				t.Errorf("the engine got %q, want %q", commit.bodies, want)
			}
			build := &sent{}
			e.Handle("POST /build", build)
			post(t, p, "/build?t=x&labels=%7B%22postern.client%22%3A%22ci%22%2C%22a%22%3A%22b%22%7D")
			if want := "labels=%7B%22a%22%3A%22b%22%2C%22postern.client%22%3A%22%22%7D&t=x"; !slices.Equal(build.bodies, []string{want}) {
				t.Errorf("the engine got %q, want %q", build.bodies, want)
			}
		}
	}
}

// TestBodiesThatCannotBeRead asserts that a create whose body has two readings is refused
// with the reason.
func TestBodiesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "mine"})
	for body, want := range map[string]string{
		`{"Image":"x","image":"y"}`:                      "400 Image is there twice",
		`{"Image":"x"}{}`:                                "400 the body is not one JSON object",
		`{"Image":"x","VolumesFrom":["db"]}`:             "403 outside HostConfig",
		`{"Image":"x","Labels":{"postern.client":"ci"}}`: "403 is another client's stamp",
		`{"Image":"` + strings.Repeat("x", 1<<20) + `"}`: "413 has more than 1048576 bytes",
	} {
		r := harness.Send(t, p.Dial(), harness.Head("POST", "/containers/create", "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))+body)
		if status, text, _ := strings.Cut(want, " "); fmt.Sprint(r.Status) != status || !strings.Contains(r.Message(), text) {
			t.Errorf("%.60s: %d %s, want %s", body, r.Status, r.Body, want)
		}
	}
	if got := harness.Targets(e); len(got) > 0 {
		t.Errorf("the engine got %q", got)
	}
	many := `{"Image":"x","HostConfig":{"VolumesFrom":[` + strings.Repeat(`"web",`, 256) + `"web"]}}`
	r := harness.Send(t, p.Dial(), harness.Head("POST", "/containers/create", "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(many)))+many)
	if r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "names more than 256 objects") {
		t.Errorf("257 references: %d %s", r.Status, r.Body)
	}
}

// TestHungEngineIsNotAskedForLong asserts that a lookup that the engine does not answer
// ends with 504 after five seconds, and that nothing is forwarded.
func TestHungEngineIsNotAskedForLong(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	e.Handle("GET /containers/{id}/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if r := post(t, p, "/containers/web/restart"); r.Status != http.StatusGatewayTimeout {
		t.Errorf("restart: %d %s", r.Status, r.Body)
	}
	if got := harness.Targets(e); !slices.Equal(got, []string{"GET /containers/web/json"}) {
		t.Errorf("the engine got %q", got)
	}
}

// TestStartSaysWhatClientsSee asserts the words of the log.
func TestStartSaysWhatClientsSee(t *testing.T) {
	t.Parallel()
	_, p := start(t, map[string]string{"SCOPE": "name=web,db-*"})
	if got := p.Started["sees"]; got != "containers named web or db-*" {
		t.Errorf("the log says %q", got)
	}
	p.Get("/containers/db/json")
	refused := p.AwaitLog(func(e harness.Entry) bool { return e["path"] == "/containers/db/json" })
	if refused["decision"] != "refused" || refused["rule"] != "SCOPE=name=web,db-*" || refused["status"] != 404.0 {
		t.Errorf("a hidden container: %v", refused)
	}
	p.Get("/containers/no/json")
	if absent := p.AwaitLog(func(e harness.Entry) bool { return e["path"] == "/containers/no/json" }); absent["decision"] != "allowed" || absent["status"] != 404.0 {
		t.Errorf("an absent container: %v", absent)
	}
}

// TestNamesOfOtherClients asserts that a client cannot make a container of a name that
// another client's settings are about.
func TestNamesOfOtherClients(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{
		"SCOPE": "mine", "CLIENT_HA_FROM": "192.0.2.1", "CLIENT_HA_CONTAINERS": "1", "CLIENT_HA_SCOPE": "name=zigbee*", "CLIENT_OP_FROM": "192.0.2.2", "CLIENT_OP_ALLOW": "ContainerRestart:web-*",
		"CLIENT_ALL_FROM": "192.0.2.3", "CLIENT_ALL_INFO": "1", "CLIENT_ALL_SCOPE": "name=*",
	})
	e.Handle("POST /containers/create", &sent{})
	for name, want := range map[string]int{"zigbee2mqtt": 403, "web-1": 403, "/web-1": 403, "web": 201} {
		const body = `{"Image":"x"}`
		r := harness.Send(t, p.Dial(), harness.Head("POST", "/containers/create?name="+name, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))+body)
		if r.Status != want {
			t.Errorf("a container called %s: %d %s, want %d", name, r.Status, r.Body, want)
		}
	}
}

// TestEngineIsDown asserts that a client in a scope gets the same words as any other while
// the engine is down.
func TestEngineIsDown(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"SCOPE": "name=web"})
	e.Close()
	if r := post(t, p, "/containers/web/restart"); r.Status != http.StatusServiceUnavailable || !strings.HasPrefix(r.Message(), "postern: the Docker Engine is down: no socket at ") {
		t.Errorf("restart: %d %s", r.Status, r.Body)
	}
}
