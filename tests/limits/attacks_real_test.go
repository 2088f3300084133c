//go:build real

package limits

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// target is what an attacker looks for: a container, its network, volume and exec, made
// by somebody else.
type target struct{ container, id, network, volume string }

func newTarget(t *testing.T) (v target) {
	t.Helper()
	v = target{container: harness.Unused(t), network: harness.Unused(t), volume: harness.Unused(t)}
	harness.MustDocker(t, "network", "create", v.network)
	v.id = strings.TrimSpace(harness.MustDocker(t, "run", "-d", "--name", v.container, "--network", v.network, "-v", v.volume+":/data", "-p", "127.0.0.1::80",
		harness.Busybox(t), "sleep", "1000"))
	return v
}

// shows reports whether an answer says something of the target.
func (v target) shows(text string) bool {
	for _, part := range []string{v.container, v.id[:12], v.network, v.volume} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestNothingShowsWhatIsHidden asks everything that has no name in it, in old and new
// versions of the API, and everything about shared objects.
func TestNothingShowsWhatIsHidden(t *testing.T) {
	t.Parallel()
	client := newName("ann")
	e := through(t, []string{client}, "SCOPE=mine")[client]
	v := newTarget(t)
	image := url.PathEscape(harness.Busybox(t))
	filters := func(s string) string { return "filters=" + url.QueryEscape(s) }
	until := fmt.Sprint("until=", time.Now().Unix()+1)
	for _, path := range []string{
		"/containers/json?all=1", "/containers/json?all=1&size=1&limit=-1", "/containers/json?all=1&limit=1", "/containers/json?limit=100&" + filters(`{"status":["running"]}`),
		"/containers/json?all=1&" + filters(`{"ancestor":["`+harness.Busybox(t)+`"]}`), "/containers/json?all=1&" + filters(`{"label":{"`+harness.Label+`":true}}`),
		"/containers/json?all=1&" + filters(`{"label":["a"],"label":[]}`), "/containers/json?all=1&" + filters(`{"publish":["80"]}`), "/containers/json?all=1&filters=null",
		"/networks", "/networks/", "/networks?" + filters(`{"type":["custom"]}`), "/networks/bridge", "/networks/bridge?verbose=1",
		"/volumes", "/volumes?" + filters(`{"dangling":["false"]}`),
		"/info", "/system/df", "/images/json", "/images/json?all=1&shared-size=1", "/images/" + image + "/json", "/images/" + image + "/history",
		"/events?since=1&" + until, "/events?since=1&" + until + "&" + filters(`{"type":["network"]}`), "/events?since=1&" + until + "&" + filters(`{"type":{"container":true,"network":true,"volume":true}}`),
		"/events?since=1&" + until + "&" + filters(`{"type":[]}`), "/version", "/_ping",
	} {
		for _, version := range []string{"", "/v1.21", "/v1.24", "/v1.41"} {
			if strings.HasPrefix(path, "/system/df") && version != "" {
				continue // it can take the engine half a minute
			}
			r := e.Get(t, version+path)
			if v.shows(r.Body) {
				t.Errorf("GET %s%s: %d %s", version, path, r.Status, r.Body)
			}
		}
	}
}

// TestEveryPrefix asserts that no beginning of an id tells that there are containers which
// have it: neither one nor several.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	client := newName("ann")
	e := through(t, []string{client}, "SCOPE=mine")[client]
	image, own := harness.Busybox(t), harness.Unused(t)
	must(t, e, "create --name "+own+" "+image)
	id := idOf(t, own)
	for hidden := ""; !strings.HasPrefix(hidden, id[:1]); { // one in sixteen
		hidden = harness.MustDocker(t, "create", "--name", harness.Unused(t), image)
	}
	for _, c := range "0123456789abcdef" {
		want := 404
		if strings.HasPrefix(id, string(c)) {
			want = 200
		}
		if r := e.Get(t, fmt.Sprintf("/containers/%c/json", c)); r.Status != want || want == 404 && r.Body != fmt.Sprintf(`{"message":"No such container: %c"}`+"\n", c) {
			t.Errorf("a container whose id begins with %c: %d %s, want %d", c, r.Status, r.Body, want)
		}
		listed := e.Get(t, fmt.Sprintf(`/containers/json?all=1&filters={"id":["%c"]}`, c))
		if strings.Contains(listed.Body, id) != (want == 200) || want == 404 && listed.Body != "[]\n" {
			t.Errorf("containers whose id begins with %c: %s", c, listed.Body)
		}
	}
}

// TestLinksNameNobody asserts that a container to which a hidden one links is neither shown
// with the hidden one's name nor found by it.
func TestLinksNameNobody(t *testing.T) {
	t.Parallel()
	image, web, parent := harness.Busybox(t), harness.Unused(t), harness.Unused(t)
	e := through(t, []string{"ann"}, "SCOPE=name="+web)["ann"]
	harness.MustDocker(t, "run", "-d", "--name", web, image, "sleep", "1000")
	harness.MustDocker(t, "run", "-d", "--name", parent, "--link", web+":alias", image, "sleep", "1000")
	const list = "/containers/json?all=1"
	if got := harness.EngineEndpoint.Get(t, list).Body; !strings.Contains(got, "/"+parent+"/alias") {
		t.Errorf("without postern: %s", got)
	}
	for what, got := range map[string]string{"list": e.Get(t, list).Body, "docker system df": usage(t, e, "-v")} {
		if !strings.Contains(got, web) || strings.Contains(got, parent) {
			t.Errorf("%s: %s", what, got)
		}
	}
	hidden, absent := e.Get(t, "/containers/"+parent+"/alias/json"), e.Get(t, "/containers/"+parent+"/other/json")
	if hidden.Status != 404 || hidden.Body != strings.ReplaceAll(absent.Body, "/other", "/alias") {
		t.Errorf("inspect by the alias: %d %s, absent %s", hidden.Status, hidden.Body, absent.Body)
	}
}

// TestSharedLooksUnused asserts that a shared volume does not tell whether a hidden container
// uses it.
func TestSharedLooksUnused(t *testing.T) {
	t.Parallel()
	volume := harness.Unused(t)
	client := newName("ann")
	e := through(t, []string{client}, "SCOPE=mine", "CLIENT_"+strings.ToUpper(client)+"_GUARD_VOLUME="+volume)[client]
	harness.MustDocker(t, "volume", "create", volume)
	looks := func() string {
		return must(t, e, "volume ls -f dangling=true") + must(t, e, "volume ls -f dangling=false") + usage(t, e, "-v")
	}
	before := looks()
	harness.MustDocker(t, "create", "--name", harness.Unused(t), "-v", volume+":/x", harness.Busybox(t))
	if after := looks(); after != before || !strings.Contains(after, volume) {
		t.Errorf("before\n%s\nwith a hidden user\n%s", before, after)
	}
	must(t, e, "create --name "+harness.Unused(t)+" -v "+volume+":/x "+harness.Busybox(t))
	if own := looks(); own == before {
		t.Errorf("with a user of the client's own\n%s", own)
	}
}

// TestErrorsNameNobody asserts that the engine's conflicts do not name a hidden container.
func TestErrorsNameNobody(t *testing.T) {
	t.Parallel()
	client := newName("ann")
	e := through(t, []string{client}, "SCOPE=mine")[client]
	v := newTarget(t)
	image, own, network, volume := harness.Unused(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	must(t, e, "tag "+harness.Busybox(t)+" "+image)
	must(t, e, "create --name "+own+" "+image)
	must(t, e, "network create "+network)
	must(t, e, "volume create "+volume)
	harness.MustDocker(t, "network", "connect", network, v.container)
	user := harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", user, "-v", volume+":/x", image, "sleep", "1000")
	v.container, v.id = user, idOf(t, user)
	for _, line := range []string{
		"rmi " + image, "create --name " + v.container + " " + image, "rename " + own + " " + v.container, "network create " + v.network, "volume create " + v.volume,
		"network rm " + network, "volume rm " + volume, "network inspect " + network,
	} {
		r := docker(t, e, line)
		for _, name := range strings.Fields(line) {
			r.Stderr = strings.ReplaceAll(r.Stderr, name, "")
		}
		if v.shows(r.Stdout + r.Stderr) {
			t.Errorf("docker %s: %v", line, r)
		}
	}
}

// TestTricksInRequests asserts that a request that two readers could read in two ways, or
// that has a reference in an odd place, does not reach another client's object.
func TestTricksInRequests(t *testing.T) {
	t.Parallel()
	client := newName("ann")
	e := through(t, []string{client}, "SCOPE=mine")[client]
	v := newTarget(t)
	image, own := harness.Busybox(t), harness.Unused(t)
	must(t, e, "run -d --name "+own+" "+image+" sleep 1000")
	create := func(body string) (string, string, string) {
		return "POST", "/containers/create?name=" + own + "x", `{"Image":"` + image + `",` + body + `}`
	}
	add := func(all [][3]string, method, target, body string) [][3]string {
		return append(all, [3]string{method, target, body})
	}
	var requests [][3]string
	for _, body := range []string{
		`"VolumesFrom":["` + v.container + `"]`, `"Binds":["` + v.volume + `:/x"]`, `"HostConfig":null,"Binds":["` + v.volume + `:/x"]`, `"hostconfig":{"binds":["` + v.volume + `:/x"]}`,
		`"HostConfig":{"Bindſ":["` + v.volume + `:/x"]}`, `"HostConfig":{},"HostConfig":{"VolumesFrom":["` + v.container + `"]}`, `"HostConfig":{"\u0056olumesFrom":["` + v.container + `"]}`,
		`"HostConfig":{"VolumesFrom":"` + v.container + `"}`, `"HostConfig":{"VolumesFrom":["/` + v.container + `"]}`, `"HostConfig":{"VolumesFrom":["` + v.id[:3] + `:ro"]}`,
		`"HostConfig":{"NetworkMode":"` + v.network + `"}`, `"HostConfig":{"NetworkMode":"container:/` + v.container + `"}`, `"NetworkingConfig":{"EndpointsConfig":{"` + v.network + `":null}}`,
		`"NetworkingConfig":{"EndpointsConfig":{"bridge":{"Links":["` + v.container + `:x"]}}}`, `"HostConfig":{"Mounts":[{"Type":"volume","Source":"` + v.volume + `","Target":"/x"}]}`,
		`"HostConfig":{"IpcMode":"container:` + v.id + `"}`, `"Labels":{"postern.client":"other"}`, `"Labels":{"postern.client":"` + client + `","postern.client":"other"}`,
	} {
		method, target, text := create(body)
		requests = add(requests, method, target, text)
	}
	for _, target := range []string{
		"/containers/" + v.container + "/restart", "/containers/" + own + "/../" + v.container + "/restart", "/containers/" + own + "%2F..%2F" + v.container + "/restart",
		"/containers/%2F" + v.container + "/restart", "//containers/" + v.container + "/restart", "/containers/" + v.container + "%2Frestart/restart", "/v1.41/containers/" + strings.ToUpper(v.id) + "/restart",
		"/containers/" + own + "?x=/" + v.container + "/restart", "/containers/prune?filters=" + url.QueryEscape(`{"label":["x!=y"]}`), "/containers/prune?filters=" + url.QueryEscape(`{"label!":["postern.client"]}`),
		"/commit?container=" + own + "&container=" + v.container, "/containers/" + own + "/rename?name=" + v.container, "/networks/" + v.network + "/connect",
	} {
		requests = add(requests, "POST", target, "")
	}
	requests = add(requests, "DELETE", "/containers/"+v.container+"/json?force=1", "")
	requests = add(requests, "DELETE", "/volumes/"+v.volume+"?force=1", "")
	before := harness.ContainerNamed(t, v.id).Inspect("{{json .State}} {{.Name}}")
	for _, r := range requests {
		got := ask(t, e, r[0], r[1], r[2], "")
		if v.shows(strings.NewReplacer(v.id, "", v.container, "", v.network, "", v.volume, "").Replace(got.Body)) {
			t.Errorf("%v: %d %s", r, got.Status, got.Body)
		}
		if got.Status == 201 {
			made := harness.ContainerNamed(t, own+"x").Inspect("{{json .HostConfig}} {{json .NetworkSettings}} {{json .Mounts}} {{json .Config.Labels}}")
			if v.shows(made) || !strings.Contains(made, `"postern.client":"`+client+`"`) {
				t.Errorf("%v made %s", r, made)
			}
			harness.RemoveAll(own + "x")
		}
	}
	// A form stands in for the query.
	form := "name=x&container=" + v.container
	r := harness.Send(t, e.Dial(t), harness.Head("POST", "/commit?container="+own, "Content-Type: application/x-www-form-urlencoded; x", fmt.Sprint("Content-Length: ", len(form)))+form)
	if r.Status != 403 {
		t.Errorf("a form: %d %s", r.Status, r.Body)
	}
	if after := harness.ContainerNamed(t, v.id).Inspect("{{json .State}} {{.Name}}"); after != before {
		t.Errorf("the target was %s and is %s", before, after)
	}
	harness.MustDocker(t, "volume", "inspect", v.volume)
}
