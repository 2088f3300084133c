//go:build real

package limits

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/scope"
	"postern/tests/internal/harness"
)

// TestHiddenIsAbsentEverywhere asserts of every operation with a name or a reference
// that the answers about a hidden object and about an absent one are the same, byte for
// byte, once the name is replaced, and that the hidden one is left alone.
func TestHiddenIsAbsentEverywhere(t *testing.T) {
	t.Parallel()
	client, e := newName("ann"), harness.Endpoint{}
	e = through(t, []string{client}, "SCOPE=mine")[client]
	image := harness.Busybox(t)
	own, ownNetwork := harness.Unused(t), harness.Unused(t)
	must(t, e, "network create "+ownNetwork)
	must(t, e, "run -d --name "+own+" "+image+" sleep 1000")
	hidden := map[scope.Kind][]string{}
	add := func(k scope.Kind, names ...string) { hidden[k] = append(hidden[k], names...) }
	name, network, volume := harness.Unused(t), harness.Unused(t), harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", name, "--label", "a=b", image, "sleep", "1000")
	harness.MustDocker(t, "network", "create", network)
	harness.MustDocker(t, "volume", "create", volume)
	exec := strings.Split(harness.EngineEndpoint.Call(t, "POST", "/containers/"+name+"/exec", `{"Cmd":["sleep","9"]}`).Body, `"`)[3]
	id := idOf(t, name)
	add(scope.Container, name, id, id[:12], id[:7])
	add(scope.Network, network, idOf(t, network), idOf(t, network)[:12])
	add(scope.Volume, volume)
	add(scope.Exec, exec)

	type request struct {
		kind                 scope.Kind
		method, target, body string // %s is the name
	}
	requests := []request{
		{scope.Container, "GET", "/containers/json?all=1&filters=" + url.QueryEscape(`{"before":["%s"]}`), ""},
		{scope.Container, "GET", "/containers/json?all=1&limit=1&filters=" + url.QueryEscape(`{"since":{"%s":true}}`), ""},
		{scope.Container, "GET", "/containers/json?all=1&filters=" + url.QueryEscape(`{"name":["%s"]}`), ""},
		{scope.Container, "GET", "/containers/json?all=1&filters=" + url.QueryEscape(`{"id":["%s"]}`), ""},
		{scope.Network, "GET", "/containers/json?all=1&filters=" + url.QueryEscape(`{"network":["%s"]}`), ""},
		{scope.Network, "GET", "/networks?filters=" + url.QueryEscape(`{"name":["%s"]}`), ""},
		{scope.Volume, "GET", "/volumes?filters=" + url.QueryEscape(`{"name":["%s"]}`), ""},
		{scope.Container, "GET", "/events?until=1&filters=" + url.QueryEscape(`{"container":["%s"]}`), ""},
		{scope.Network, "GET", "/events?until=1&filters=" + url.QueryEscape(`{"network":["%s"]}`), ""},
		{scope.Container, "POST", "/commit?container=%s", ""},
		{scope.Container, "POST", "/build?networkmode=container:%s", ""},
		{scope.Network, "POST", "/build?networkmode=%s", ""},
		{scope.Container, "POST", "/networks/" + ownNetwork + "/connect", `{"Container":"%s"}`},
		{scope.Container, "POST", "/networks/" + network + "/connect", `{"Container":"%s"}`},
		{scope.Container, "POST", "/networks/absent/connect", `{"Container":"%s"}`},
		{scope.Container, "POST", "/networks/" + ownNetwork + "/disconnect", `{"Container":"%s"}`},
		{scope.Container, "POST", "/networks/bridge/disconnect", `{"Container":"%s","Force":true}`},
		{scope.Container, "POST", "/networks/" + ownNetwork + "/connect", `{"Container":"` + own + `","EndpointConfig":{"Links":["%s:x"]}}`},
		{scope.Network, "POST", "/networks/%s/connect", `{"Container":"` + own + `"}`},
		{scope.Network, "POST", "/networks/%s/disconnect", `{"Container":"` + own + `"}`},
		{scope.Network, "POST", "/networks/" + ownNetwork + "/connect", `{"Container":"` + own + `","EndpointConfig":{"NetworkID":"%s"}}`},
		{scope.Network, "POST", "/networks/create", `{"Name":"` + ownNetwork + `x","ConfigFrom":{"Network":"%s"}}`},
	}
	for _, host := range []string{
		`"VolumesFrom":["%s"]`, `"VolumesFrom":["%s:ro"]`, `"NetworkMode":"container:%s"`, `"PidMode":"container:%s"`, `"IpcMode":"container:%s"`, `"Links":["%s:x"]`, `"Links":["%s"]`,
		`"vOlumesFrom":["%s"]`, `"PidMode":"container:%s","VolumesFrom":["absent"]`,
	} {
		requests = append(requests, request{scope.Container, "POST", "/containers/create?name=" + own + "x", `{"Image":"` + image + `","HostConfig":{` + host + `}}`})
	}
	for _, body := range []string{`"HostConfig":{"NetworkMode":"%s"}`, `"NetworkingConfig":{"EndpointsConfig":{"%s":{}}}`, `"NetworkingConfig":{"EndpointsConfig":{"bridge":{"NetworkID":"%s"}}}`} {
		requests = append(requests, request{scope.Network, "POST", "/containers/create?name=" + own + "x", `{"Image":"` + image + `",` + body + `}`})
	}
	bodies := map[string]string{"ContainerExec": `{"Cmd":["true"]}`, "ExecStart": `{"Detach":true}`, "ContainerUpdate": `{"CpuShares":100}`, "ContainerCopy": `{"Resource":"/bin"}`}
	queries := map[string]string{
		"ContainerRename": "?name=" + own + "z", "ContainerArchive": "?path=/bin", "ContainerArchiveInfo": "?path=/bin", "PutContainerArchive": "?path=/bin", "ContainerLogs": "?stdout=1&follow=1",
		"ContainerAttach": "?stream=1&stdout=1", "ContainerStats": "?stream=0", "ContainerDelete": "?force=1&v=1", "ContainerResize": "?h=1&w=1", "ExecResize": "?h=1&w=1", "VolumeDelete": "?force=1",
	}
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, op := range acl.Operations {
		if rule := scope.RuleFor(op.ID); rule.Does == scope.Names && op.ID != "NetworkConnect" && op.ID != "NetworkDisconnect" {
			requests = append(requests, request{rule.Kind, op.Method, variable.ReplaceAllLiteralString(op.Pattern, "%s") + queries[op.ID], bodies[op.ID]})
		}
	}
	before := harness.EngineEndpoint.Get(t, "/containers/"+name+"/json").Body
	for _, r := range requests {
		for _, name := range hidden[r.kind] {
			// The absent name has the form of the other.
			absent := strings.NewReplacer("0", "9", "1", "8", "2", "7", "3", "6", "a", "f", "b", "e", "c", "d").Replace(name)
			for _, version := range []string{"", "/v1.40"} {
				got, want := ask(t, e, r.method, version+r.target, r.body, name), ask(t, e, r.method, version+r.target, r.body, absent)
				back := strings.ReplaceAll(want.Body, absent, name)
				if got.Status != want.Status || got.Body != back || !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
					t.Errorf("%s %s %s of %s: %d %v %s\nof %s: %d %v %s", r.method, r.target, r.body, name, got.Status, got.Header, got.Body, absent, want.Status, want.Header, want.Body)
				}
				if listed := got.Status == 200 && (strings.TrimSpace(got.Body) == "[]" || got.Body == "" || strings.Contains(got.Body, `"Volumes":[]`)); got.Status < 400 && !listed && r.target != "/volumes/%s?force=1" {
					t.Errorf("%s %s %s of %s succeeds: %d %s", r.method, r.target, r.body, name, got.Status, got.Body)
				}
			}
		}
	}
	if after := harness.EngineEndpoint.Get(t, "/containers/"+name+"/json").Body; after != before {
		t.Errorf("the hidden container was\n%s\nand is\n%s", before, after)
	}
}

// ask sends a request about a name and returns the answer without its date.
func ask(t *testing.T, e harness.Endpoint, method, target, body, name string) harness.Response {
	t.Helper()
	target = strings.NewReplacer("%25s", name, "%s", name).Replace(target)
	body = strings.ReplaceAll(body, "%s", name)
	lines := []string{fmt.Sprint("Content-Length: ", len(body))}
	if body != "" {
		lines = append(lines, "Content-Type: application/json")
	}
	r := harness.Send(t, e.Dial(t), harness.Head(method, target, lines...)+body)
	r.Header.Del("Date")
	if strings.HasPrefix(target[strings.Index(target, "/e")+1:], "events") {
		r.Header.Del("Content-Length") // it depends on when the engine ends
	}
	return r
}

// TestRenamesInTheBackground asserts that no container but the one that has the name is
// touched, while both get other names all the time: a thousand renames.
func TestRenamesInTheBackground(t *testing.T) {
	t.Parallel()
	web, other := harness.Unused(t), harness.Unused(t)
	var ids []string
	for _, name := range []string{web, other} {
		harness.MustDocker(t, "run", "-d", "--name", name, harness.Busybox(t), "sleep", "1000")
		ids = append(ids, idOf(t, name))
	}
	away := []string{web + "-away", other + "-away"}
	for _, name := range away {
		t.Cleanup(func() { harness.RemoveAll(name) })
	}
	e := through(t, []string{"ha"}, "CLIENT_HA_SCOPE=name="+web)["ha"]
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 250 {
			for i, name := range []string{away[0], away[1], web, other} {
				harness.Send(t, harness.EngineEndpoint.Dial(t), harness.Head("POST", "/containers/"+ids[i%2]+"/rename?name="+name, "Content-Length: 0"))
			}
		}
	}()
	missing, found := 0, 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, name := range []string{web, ids[1], other, away[1], away[0]} {
			r := ask(t, e, "POST", "/containers/%s/update", `{"CpuShares":512}`, name)
			switch {
			case r.Status == http.StatusNotFound:
				missing++
			case r.Status == http.StatusOK && strings.HasPrefix(name, web): // renamed meanwhile
				found++
			default:
				t.Fatalf("update of %s: %d %s", name, r.Status, r.Body)
			}
		}
		if r := e.Get(t, "/containers/json?all=1"); r.Status != 200 || strings.Contains(r.Body, ids[1]) {
			t.Fatalf("list: %d %s", r.Status, r.Body)
		}
	}
	if got := harness.ContainerNamed(t, ids[1]).Inspect("{{.HostConfig.CpuShares}}"); got != "0" {
		t.Errorf("another container got CpuShares=%s", got)
	}
	if missing == 0 || found == 0 {
		t.Errorf("%d times there, %d times not: want some of each", found, missing)
	}
}
