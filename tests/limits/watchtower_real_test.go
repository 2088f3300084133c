//go:build real

package limits

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"postern/acl/preset"
	"postern/tests/internal/harness"
)

// TestWatchtowerWithinItsLimits replaces a container as Watchtower does, with the preset
// and the limits that the preset's line names. With GUARD=1 in place of GUARD=0 only a
// container that asks for nothing of the host can be replaced.
func TestWatchtowerWithinItsLimits(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	start := func(settings ...string) harness.Endpoint {
		all := map[string]string{"SOCKET_PATH": harness.EngineSocket, "PRESET": "watchtower"}
		for _, setting := range settings {
			name, value, _ := strings.Cut(setting, "=")
			all[name] = value
		}
		return harness.TCP(harness.Start(t, all).Addr)
	}
	found, err := preset.Find("watchtower")
	if err != nil {
		t.Fatal(err)
	}
	proxy := start(found.Limits...)
	label := "com.centurylinklabs.watchtower.enable=true"
	app, other, plain := harness.Unused(t), harness.Unused(t), harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", app, "--label", label, "-v", "/etc:/host:ro", image, "sleep", "1000")
	harness.MustDocker(t, "run", "-d", "--name", plain, "--label", label, image, "sleep", "1000")
	harness.MustDocker(t, "run", "-d", "--name", other, "-v", "/etc:/host:ro", image, "sleep", "1000")

	if list := proxy.Get(t, "/containers/json").Body; !strings.Contains(list, app) || strings.Contains(list, other) {
		t.Errorf("the list is %s", list)
	}
	if r := proxy.Get(t, "/containers/"+other+"/json"); r.Status != 404 {
		t.Errorf("another's container: %d %s", r.Status, r.Body)
	}
	if r := replace(t, proxy, app); r.Status != 201 {
		t.Fatalf("the new container: %d %s", r.Status, r.Body)
	}
	proxy.Call(t, "POST", "/containers/"+app+"/start", "")
	if binds := harness.MustDocker(t, "inspect", "--format", "{{.HostConfig.Binds}} {{.State.Running}}", app); binds != "[/etc:/host:ro] true\n" {
		t.Errorf("the new container has %s", binds)
	}

	guarded := start(found.Limits[0], "GUARD=1", "GUARD_LABEL=com.centurylinklabs.watchtower.enable")
	if r := replace(t, guarded, app); r.Status != 403 || !strings.Contains(r.Message(), "HostConfig.Binds asks for /etc (-v): set GUARD_VOLUME=/etc:ro") {
		t.Errorf("a container with a bind, guarded: %d %s", r.Status, r.Body)
	}
	if r := replace(t, guarded, plain); r.Status != 201 {
		t.Errorf("a container without, guarded: %d %s", r.Status, r.Body)
	}
}

// replace renames a container, makes another of its name from what inspect says, and
// removes the old one.
func replace(t *testing.T, e harness.Endpoint, name string) harness.Response {
	t.Helper()
	var c struct {
		Config     map[string]json.RawMessage
		HostConfig json.RawMessage
	}
	inspected := e.Get(t, "/containers/"+name+"/json")
	if err := json.Unmarshal([]byte(inspected.Body), &c); err != nil || inspected.Status != 200 {
		t.Fatalf("%s: %d %s", name, inspected.Status, inspected.Body)
	}
	old := harness.Unused(t)
	e.Call(t, "POST", "/containers/"+name+"/stop?t=0", "")
	e.Call(t, "POST", "/containers/"+name+"/rename?name="+old, "")
	c.Config["HostConfig"] = c.HostConfig
	body, err := json.Marshal(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	request := harness.Head("POST", "/containers/create?name="+name, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))
	r := harness.Send(t, e.Dial(t), request+string(body))
	if r.Status == 201 {
		e.Call(t, "DELETE", "/containers/"+old+"?force=1", "")
	}
	return r
}
