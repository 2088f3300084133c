package limits

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// create sends a ContainerCreate with a body.
func create(t *testing.T, p *harness.Postern, body string, headers ...string) harness.Response {
	t.Helper()
	return createOn(t, p.Dial(), body, headers...)
}

func createOn(t *testing.T, conn net.Conn, body string, headers ...string) harness.Response {
	t.Helper()
	headers = append(headers, "Content-Type: application/json", "Content-Length: "+fmt.Sprint(len(body)))
	return harness.Send(t, conn, harness.Head("POST", "/v1.41/containers/create", headers...)+body)
}

// TestGuardRefusals asserts the messages that a user of a guarded client meets: the field,
// what it asks for, docker's flag for it and the variable.
func TestGuardRefusals(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"GUARD": "1", "GUARD_CAP_ADD": "NET_ADMIN"})
	for body, want := range map[string]string{
		`{"Image":"x","HostConfig":{"CapAdd":["SYS_ADMIN"],"PidMode":"host"}}`: "postern: ContainerCreate is refused: HostConfig.CapAdd asks for SYS_ADMIN (--cap-add): add SYS_ADMIN to GUARD_CAP_ADD; HostConfig.PidMode asks for host (--pid): set GUARD_NAMESPACE=pid=host",
		`{"Image":"x","Privileged":true,"Binds":["/:/h"]}`:                     "postern: ContainerCreate is refused: Privileged asks for something unknown: this version of postern does not know the field; Binds asks for something unknown: this version of postern does not know the field",
		`{"Image":"x","HostConfig":{"Bindſ":["/etc:/h"]}}`:                     "postern: ContainerCreate is refused: HostConfig.Binds asks for /etc (-v): set GUARD_VOLUME=/etc",
	} {
		e.Reset()
		if r := create(t, p, body); r.Status != http.StatusForbidden || r.Message() != want {
			t.Errorf("%s: %d\ngot  %s\nwant %s", body, r.Status, r.Message(), want)
		}
		if got := harness.Targets(e); len(got) > 0 {
			t.Errorf("%s: %q reached the engine, although nothing had to be looked up", body, got)
		}
	}
	if entry := p.AwaitLog(func(e harness.Entry) bool { return e["rule"] == "GUARD=1" }); entry["operation"] != "ContainerCreate" {
		t.Errorf("the log has %v", entry)
	}
	for body, status := range map[string]int{
		`{"Image":"x","Image":"y"}`:       http.StatusBadRequest,
		`{"Image":"x"}{"Image":"y"}`:      http.StatusBadRequest,
		strings.Repeat(" ", 1<<20) + "{}": http.StatusRequestEntityTooLarge,
	} {
		if r := create(t, p, body); r.Status != status {
			t.Errorf("%.40s: %d %s, want %d", body, r.Status, r.Body, status)
		}
	}
	if r := create(t, p, `{"Image":"x"}`, "Content-Encoding: gzip"); r.Status != http.StatusBadRequest {
		t.Errorf("a body with Content-Encoding: %d %s", r.Status, r.Body)
	}
}

// TestGuardForwardsWhatItJudged asserts that the engine gets the canonical form of the
// body, with the limits that the client left out.
func TestGuardForwardsWhatItJudged(t *testing.T) {
	t.Parallel()
	e, p := start(t, map[string]string{"GUARD": "1", "GUARD_MEMORY": "1g", "GUARD_PIDS_LIMIT": "100"})
	create(t, p, ` { "image":"busybox", "Novel":0, "hostconfig":{"PIDSLIMIT":0} } `)
	got := harness.AwaitRequest(t, e, func(r engine.Request) bool {
		return strings.HasSuffix(r.Target, "/containers/create") && r.BodySHA256 != ""
	})
	want := `{"Image":"busybox","HostConfig":{"PidsLimit":100,"Memory":1073741824},"Labels":{"postern.client":"-"}}`
	if got.BodySHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(want))) || got.ContentLength != int64(len(want)) || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got a body of %d bytes with %v, want %s", got.BodySize, got.Header, want)
	}
}

// TestGuardRemovesWhatIsMoreThanJudged asserts that a container that has got more than the
// look-ups before it said is removed, even if its client has started it already: by a
// name that stood for another image, or for an image whose labels differ by platform.
func TestGuardRemovesWhatIsMoreThanJudged(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("c0", 32)
	for what, got := range map[string]string{
		"another image":                `"Image":"sha256:2"`,
		"a label of another platform":  `"Image":"sha256:1","Config":{"Labels":{"traefik.enable":"true"}}`,
		"a compose project of another": `"Image":"sha256:1","Config":{"Labels":{"com.docker.compose.project":"infra"}}`,
		"a host path":                  `"Image":"sha256:1","Mounts":[{"Type":"bind","Source":"/etc"}]`,
		"":                             `"Image":"sha256:1","Config":{"Labels":{"a":"b","own":"1"}}`,
	} {
		// The name is the operator's to give away, but not for what the client makes.
		e, p := start(t, map[string]string{"GUARD": "1", "SCOPE": "mine,name=own"})
		e.Handle("GET /images/{name}/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"Id":"sha256:%d","Config":{"Labels":{"a":"b"}}}`, 1+strings.Count(r.PathValue("name"), "2"))
		}))
		e.Handle("POST /containers/create", answers(http.StatusCreated, `{"Id":"`+id+`","Warnings":["`+strings.Repeat("long ", 1<<14)+`"]}`))
		e.Handle("GET /containers/{id}/json", answers(http.StatusOK, `{"Id":"`+id+`","Name":"/own","HostConfig":{},`+got+`}`))
		text := `{"Image":"multi","Labels":{"own":"1"}}`
		r := harness.Send(t, p.Dial(), harness.Head("POST", "/containers/create?name=own", "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(text)))+text)
		removed := slices.Contains(harness.Targets(e), "DELETE /containers/"+id+"?force=1&v=1")
		if isRefused := r.Status >= 400; removed != (what != "") || isRefused != removed {
			t.Errorf("a container that has got %q: %d %.200s, removed %v", what, r.Status, r.Body, removed)
		}
	}
}

// TestStartIntoAnothersNetwork asserts that a container that has come into another client's
// network, which got the name of its own between the look-up and the start, is killed and
// taken out of there. It would start there again: the engine keeps the network's id.
func TestStartIntoAnothersNetwork(t *testing.T) {
	t.Parallel()
	own, foreign, id := strings.Repeat("a1", 32), strings.Repeat("b2", 32), strings.Repeat("c0", 32)
	for _, settings := range []map[string]string{{"GUARD": "1"}, {"SCOPE": "mine"}} {
		e, p := start(t, settings)
		now, pinned, client := own, "", "-"
		e.Handle("GET /networks", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `[{"Name":"n","Id":%q,"Labels":{"postern.client":%q}}]`, now, client)
		}))
		e.Handle("GET /containers/{id}/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"Id":%q,"Name":"/own","Image":"sha256:1","Config":{"Labels":{"postern.client":"-"}},"HostConfig":{},"NetworkSettings":{"Networks":{"n":{"NetworkID":%q}}}}`, id, pinned)
		}))
		e.Handle("GET /images/{name}/json", answers(http.StatusOK, `{"Id":"sha256:1"}`))
		e.Handle("POST /containers/{id}/start", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			now, pinned, client = foreign, foreign, "bob"
			w.WriteHeader(http.StatusNoContent)
		}))
		r := post(t, p, "/containers/own/start")
		got := strings.Join(harness.Targets(e), "\n")
		if r.Status < 400 || !strings.Contains(got, "POST /containers/"+id+"/kill") || !strings.Contains(got, "POST /networks/"+foreign+"/disconnect") {
			t.Errorf("%v: %d %s\n%s", settings, r.Status, r.Body, got)
		}
	}
}

// TestGuardIsInherited asserts that an unprefixed GUARD holds for a client that does not
// set it, whose own lists count alone, and that a client can opt out in words.
func TestGuardIsInherited(t *testing.T) {
	t.Parallel()
	dir := harness.SocketDir(t)
	_, socket := harness.StandIn(t)
	harness.Start(t, map[string]string{
		"SOCKET_PATH": socket, "GUARD": "1", "GUARD_CAP_ADD": "SYS_ADMIN",
		"CLIENT_CI_LISTEN": "unix://" + filepath.Join(dir, "ci"), "CLIENT_CI_CONTAINERS": "1", "CLIENT_CI_POST": "1",
		"CLIENT_ROOT_LISTEN": "unix://" + filepath.Join(dir, "root"), "CLIENT_ROOT_CONTAINERS": "1", "CLIENT_ROOT_POST": "1", "CLIENT_ROOT_GUARD": "0",
	})
	const body = `{"Image":"busybox","HostConfig":{"CapAdd":["SYS_ADMIN"]}}`
	r := createOn(t, harness.Unix(filepath.Join(dir, "ci")).Dial(t), body)
	if want := "postern: ContainerCreate is refused: HostConfig.CapAdd asks for SYS_ADMIN (--cap-add): set CLIENT_CI_GUARD_CAP_ADD=SYS_ADMIN"; r.Message() != want {
		t.Errorf("got %s, want %s", r.Message(), want)
	}
	if r := createOn(t, harness.Unix(filepath.Join(dir, "root")).Dial(t), body); r.Status == http.StatusForbidden {
		t.Errorf("a client with GUARD=0 is refused: %s", r.Body)
	}
}

// TestGuardBindsAllowedOperations asserts that no ALLOW and no PRESET passes the guard.
func TestGuardBindsAllowedOperations(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "GUARD": "1", "ALLOW": "*", "PRESET": "portainer"})
	if r := create(t, p, `{"Image":"x","HostConfig":{"Privileged":true}}`); r.Status != http.StatusForbidden {
		t.Errorf("a privileged container: %d %s", r.Status, r.Body)
	}
	for _, target := range []string{"/v1.41/services/create", "/v1.41/build?remote=http://x/", "/v1.41/build/prune", "/v1.41/plugins/pull?remote=x", "/v4.0.0/libpod/containers/create", "/v1.41/containers/web/checkpoints", "/v1.41/images/load", "/v1.41/session", "/v1.41/containers/novel/novel"} {
		if r := post(t, p, target); r.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", target, r.Status, r.Body)
		}
	}
}

// TestGuardMistakes asserts what stops the start, with one line each.
func TestGuardMistakes(t *testing.T) {
	t.Parallel()
	r := harness.Run(t, map[string]string{"GUARD": "1", "GUARD_VOLUMES": "/srv", "GUARD_CAPS": "x", "GUARD_PORT_2375": "1", "GUARD_MEMORY": "lots"})
	for _, want := range []string{
		"GUARD_VOLUMES is no setting: did you mean GUARD_VOLUME?",
		"GUARD_CAPS is no setting: did you mean GUARD_CAP_ADD?",
		`invalid GUARD_MEMORY="lots": want an amount of memory such as 512m or 2g, at least 6m`,
	} {
		if !strings.Contains(r.Stderr, want) {
			t.Errorf("the start does not say %q:\n%s", want, r.Stderr)
		}
	}
	if r.Status != 2 || strings.Contains(r.Stderr, "GUARD_PORT_2375") {
		t.Errorf("status %d:\n%s", r.Status, r.Stderr)
	}
}

// TestGuardFiles asserts that the _FILE twin of a list adds items.
func TestGuardFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "caps")
	if err := os.WriteFile(file, []byte("# more\nSYS_TIME # clock\n\nNET_ADMIN\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, p := start(t, map[string]string{"GUARD": "1", "GUARD_CAP_ADD": "SYS_NICE", "GUARD_CAP_ADD_FILE": file})
	if r := create(t, p, `{"Image":"busybox","HostConfig":{"CapAdd":["SYS_TIME","NET_ADMIN","SYS_NICE"]}}`); r.Status == http.StatusForbidden {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// TestExplainGuard asserts that explain judges a body offline, and drops and adds dangers
// as the guard does.
func TestExplainGuard(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "create.json")
	if err := os.WriteFile(file, []byte(`{"Image":"x","HostConfig":{"Binds":["/srv/ci:/x"],"Privileged":true}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{"CONTAINERS": "1", "EXEC": "1", "POST": "1", "BUILD": "1", "GUARD": "1", "GUARD_VOLUME": "/srv"}
	r := harness.Run(t, settings, "explain", "POST", "/containers/create", "--body", file)
	if want := "refused: POST /containers/create (ContainerCreate) by GUARD=1: HostConfig.Privileged asks for true (--privileged): set GUARD_PRIVILEGED=1\n"; r.Status != 1 || r.Stdout != want {
		t.Errorf("got %v, want %s", r, want)
	}
	r = harness.Run(t, settings, "explain")
	for _, text := range []string{"mounts the host's file system", "privileged ones included"} {
		if strings.Contains(r.Stdout, text) {
			t.Errorf("explain says %q of a guarded client:\n%s", text, r.Stdout)
		}
	}
	for _, text := range []string{"write files of the host below /srv", "reach by HTTP", "Guarded by GUARD=1", "GUARD_VOLUME        /srv"} {
		if !strings.Contains(r.Stdout, text) {
			t.Errorf("explain does not say %q of a guarded client:\n%s", text, r.Stdout)
		}
	}
	settings["GUARD"] = "0"
	if r = harness.Run(t, settings, "explain"); !strings.Contains(r.Stdout, "mounts the host's file system") || strings.Contains(r.Stdout, "Guarded") {
		t.Errorf("explain without GUARD:\n%s", r.Stdout)
	}
}

// TestGuardLearns asserts that LEARN=1 forwards what the guard would refuse and reports
// the lines that it needs, and that LEARN=deny refuses and reports the same.
func TestGuardLearns(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"1", "deny"} {
		e, p := start(t, map[string]string{"GUARD": "1", "LEARN": mode})
		r := create(t, p, `{"Image":"busybox","HostConfig":{"Binds":["/srv/a:/a","/srv/b:/b:ro"],"CapAdd":["SYS_ADMIN"],"Privileged":true,"Links":["db:db"]}}`)
		if forwarded := r.Status != http.StatusForbidden; forwarded != (mode == "1") {
			t.Errorf("LEARN=%s: %d %s", mode, r.Status, r.Body)
		}
		if got := strings.Contains(strings.Join(harness.Targets(e), "\n"), "POST /v1.41/containers/create"); got != (mode == "1") {
			t.Errorf("LEARN=%s: %q reached the engine", mode, harness.Targets(e))
		}
		restarted := post(t, p, "/v1.41/containers/web/restart")
		p.Terminate()
		if mode == "1" && (restarted.Status != http.StatusNoContent || !strings.Contains(p.Stderr.String(), `#   SCOPE: "mine,name=db,name=web"`)) {
			t.Errorf("a restart of web: %d, and the report says\n%s", restarted.Status, p.Stderr.String())
		}
		for _, line := range []string{
			`#   GUARD_VOLUME: "/srv/a,/srv/b:ro"`, `#   GUARD_CAP_ADD: "SYS_ADMIN"`, `#   GUARD_PRIVILEGED: "1"`,
			"#   nothing permits it: HostConfig.Links asks for db:db (--link): use a network of your own, on which names work",
		} {
			if strings.Count(p.Stderr.String(), line) != 1 {
				t.Errorf("LEARN=%s: the report has no %s:\n%s", mode, line, p.Stderr.String())
			}
		}
	}
}

// TestExplainAddsTheUnprefixedPolicy asserts that explain tells of what a client's new
// containers may ask postern for: they are no declared client.
func TestExplainAddsTheUnprefixedPolicy(t *testing.T) {
	t.Parallel()
	r := harness.Run(t, map[string]string{
		"CONTAINERS": "1", "POST": "1", "CLIENT_CI_FROM": "10.0.0.5", "CLIENT_CI_CONTAINERS": "1", "CLIENT_CI_POST": "1", "CLIENT_CI_GUARD": "1",
	}, "explain", "--client", "ci")
	for _, want := range []string{
		"root on the host: ContainerCreate with ContainerStart lets a client start a container that mounts the host's file system, from a container of its own, which is no declared client\n",
		"Guarded by CLIENT_CI_GUARD=1: ",
	} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("explain does not say %q:\n%s", want, r.Stdout)
		}
	}
	r = harness.Run(t, map[string]string{"GUARD": "1", "CLIENT_CI_FROM": "10.0.0.5", "CLIENT_CI_CONTAINERS": "1", "CLIENT_CI_POST": "1"}, "explain", "--client", "ci")
	if strings.Contains(r.Stdout, "root on the host") {
		t.Errorf("explain tells of root on the host where all are guarded:\n%s", r.Stdout)
	}
}
