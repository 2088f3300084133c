//go:build real

package attacks

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// listing are settings that permit something of each kind. Nothing beyond it may pass.
var listing = map[string]string{
	"GUARD_TAG": "postern-test-listed:ci-*,new", "GUARD_CPUS": "0.5", "GUARD_MEMORY": "64m", "GUARD_PIDS_LIMIT": "50",
	"GUARD_VOLUME": "/srv/postern-test:ro",
}

// running makes and starts a container.
func running(t *testing.T, s *site, to harness.Endpoint, body string) string {
	t.Helper()
	name := own(t, s, to, body)
	if r := send(t, to, "POST", "/containers/"+name+"/start", ""); r.Status >= 300 {
		t.Fatalf("%s: %d %s", body, r.Status, r.Body)
	}
	return name
}

// tagged reports whether the engine has an image of this name, and takes the name away.
func tagged(t *testing.T, name string) bool {
	t.Helper()
	found := harness.EngineEndpoint.Get(t, "/images/"+name+"/json").Status == 200
	if found {
		harness.Remove("/images/" + name + "?noprune=1")
	}
	return found
}

// committed makes an image of an own container, with Dockerfile lines, and returns its
// id, or "".
func committed(t *testing.T, s *site, to harness.Endpoint, lines ...string) string {
	t.Helper()
	query := url.Values{"container": {own(t, s, to, sleeper)}, "changes": lines}
	r := send(t, to, "POST", "/commit?"+query.Encode(), "{}")
	var made struct{ ID string }
	json.Unmarshal([]byte(r.Body), &made)
	if made.ID != "" {
		t.Cleanup(func() { harness.Remove("/images/" + made.ID + "?force=1") })
	}
	return made.ID
}

// labelsOf are the labels that a container of an image has.
func labelsOf(t *testing.T, s *site, to harness.Endpoint, image string) map[string]string {
	t.Helper()
	name := harness.Unused(t)
	if image == "" || send(t, to, "POST", "/containers/create?name="+name, `{"Image":"`+image+`"}`).Status != 201 {
		return nil
	}
	return s.inspect(t, name).Config.Labels
}

var listedDoors = []door{
	{name: "tag beside the tag in the name", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		send(t, to, "POST", "/images/"+s.image+"/tag?repo=postern-test-listed:ci-1&tag=prod", "")
		return tagged(t, "postern-test-listed:prod")
	}},
	{name: "tag of a commit beside the tag in the name", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		send(t, to, "POST", "/commit?container="+own(t, s, to, sleeper)+"&repo=postern-test-listed:ci-1&tag=prod2", "{}")
		return tagged(t, "postern-test-listed:prod2")
	}},
	{name: "tag that reads as an id", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		send(t, to, "POST", "/images/"+s.image+"/tag?repo=docker.io/library/9a932bbfb6c0&tag=latest", "")
		return tagged(t, "9a932bbfb6c0:latest")
	}},
	{name: "label that routes, from a commit", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		labels := labelsOf(t, s, to, committed(t, s, to, "LABEL traefik.http.routers.x.rule=Host(`bank`)"))
		return labels["traefik.http.routers.x.rule"] != ""
	}},
	{name: "label that runs commands, from a build", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		r := send(t, to, "POST", "/build?version=1&q=1", tarball("Dockerfile", "FROM "+s.image+"\nLABEL ofelia.job-local.x.command=id\n"), "Content-Type: application/x-tar")
		var last struct{ Stream string }
		json.Unmarshal([]byte(r.Body), &last)
		image := strings.TrimSpace(last.Stream)
		t.Cleanup(func() { harness.Remove("/images/" + image + "?force=1") })
		return labelsOf(t, s, to, image)["ofelia.job-local.x.command"] != ""
	}},
	{name: "compose project from an image", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		labels := labelsOf(t, s, to, committed(t, s, to, "LABEL com.docker.compose.project=infra"))
		return labels["com.docker.compose.project"] == "infra"
	}},
	{name: "line of a commit that takes in the next", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		image := committed(t, s, to, `ENV A=\`)
		return image != "" && strings.Contains(harness.EngineEndpoint.Get(t, "/images/"+image+"/json").Body, `"postern.client=`)
	}, fails: true}, // an open client's commit gets no such line
	{name: "quota of another period", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := running(t, s, to, `{"Image":"{image}","Cmd":["sleep","1000"],"HostConfig":{"CpuPeriod":2000,"CpuQuota":1000}}`)
		send(t, to, "POST", "/containers/"+name+"/update", `{"CpuQuota":50000}`)
		var c struct {
			HostConfig struct{ CPUPeriod, CPUQuota int64 }
		}
		json.Unmarshal([]byte(harness.EngineEndpoint.Get(t, "/containers/"+name+"/json").Body), &c)
		return c.HostConfig.CPUQuota > c.HostConfig.CPUPeriod
	}},
	{name: "no limits after an update", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := running(t, s, to, sleeper)
		all := []string{`{"PidsLimit":0}`, `{"PidsLimit":-1}`, `{"PidsLimit":1000}`, `{"Memory":1073741824,"MemorySwap":-1}`, `{"MemorySwap":-1}`, `{"NanoCpus":2000000000}`}
		return slices.ContainsFunc(all, func(body string) bool { return send(t, to, "POST", "/containers/"+name+"/update", body).Status < 400 })
	}},
	{name: "writable mounts below a read-only path", fails: true, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		r := send(t, to, "POST", "/containers/create?name="+harness.Unused(t), s.fill(hostConfig(`"Mounts":[{"Type":"bind","Source":"/srv/postern-test","Target":"/m","ReadOnly":true,"BindOptions":{"ReadOnlyNonRecursive":true}}]`)))
		return !strings.HasPrefix(r.Message(), "postern: ")
	}},
	bindDoor("a listed path by another way", "/srv/postern-test/../../etc:/h:ro"),
	bindDoor("a sibling of a listed path", "/srv/postern-testevil:/h:ro"),
	bindDoor("a listed path, writable", "/srv/postern-test:/h"),
	{name: "another image gets the name meanwhile", fails: true, try: swapImage},
	{name: "another volume gets the name meanwhile", fails: true, try: swapVolume},
}

// bindDoor is open when a container with the bind can be made.
func bindDoor(name, bind string) door {
	return door{name: name, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := harness.Unused(t)
		send(t, to, "POST", "/containers/create?name="+name, s.fill(hostConfig(`"Binds":["`+bind+`"]`)))
		return exists(t, name)
	}}
}

// swapImage gives a name to an image with a forbidden label while containers are made
// of it, which start as soon as they are there. The look-up may see either image; no
// container may have the label.
func swapImage(t *testing.T, s *site, to harness.Endpoint) bool {
	evil := harness.Unused(t)
	harness.MustDocker(t, "commit", "--change", "LABEL traefik.enable=true", s.box, evil)
	name := "postern-test-listed:ci-swap"
	t.Cleanup(func() {
		harness.Remove("/images/" + evil + "?force=1")
		harness.Remove("/images/" + name + "?noprune=1")
	})
	swap := func(image string) {
		harness.EngineEndpoint.Call(t, "POST", "/images/"+image+"/tag?repo=postern-test-listed&tag=ci-swap", "")
	}
	swap(s.image)
	stop := whileDoing(func() { swap(evil); swap(s.image) })
	defer stop()
	got := false
	for range 12 {
		container := harness.Unused(t)
		start := whileDoing(func() { send(t, to, "POST", "/containers/"+container+"/start", "") })
		send(t, to, "POST", "/containers/create?name="+container, `{"Image":"`+name+`","Cmd":["sleep","1000"]}`)
		start()
		got = got || exists(t, container) && s.inspect(t, container).Config.Labels["traefik.enable"] != ""
	}
	return got
}

// swapVolume has somebody else make and remove a volume of a name while containers are
// made with it.
func swapVolume(t *testing.T, s *site, to harness.Endpoint) bool {
	name := harness.Unused(t)
	stop := whileDoing(func() {
		harness.EngineEndpoint.Call(t, "POST", "/volumes/create", `{"Name":"`+name+`","Labels":{"who":"admin"}}`)
		harness.Remove("/volumes/" + name)
	})
	defer stop()
	for range 40 {
		container := harness.Unused(t)
		send(t, to, "POST", "/containers/create?name="+container, s.fill(hostConfig(`"Binds":["`+name+`:/v"]`)))
		if !exists(t, container) {
			continue
		}
		if !strings.Contains(harness.EngineEndpoint.Get(t, "/volumes/"+name).Body, `"postern.client"`) {
			return true
		}
		harness.RemoveAll(container)
		harness.Remove("/volumes/" + name)
	}
	return false
}

// whileDoing repeats something until the returned function is called.
func whileDoing(f func()) (stop func()) {
	end, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			default:
				f()
			}
		}
	}()
	return func() { close(end); <-done }
}

// TestListedDoors tries ways from what a setting permits to what it does not.
func TestListedDoors(t *testing.T) {
	t.Parallel()
	s := newSite(t, listing)
	for _, door := range listedDoors {
		t.Run(door.name, func(t *testing.T) {
			if door.try(t, s, s.guarded) {
				t.Error("it leads through the guard")
			}
			if !door.try(t, s, s.open) && !door.fails {
				t.Error("it leads nowhere, even without a guard: this test shows nothing")
			}
		})
	}
}
