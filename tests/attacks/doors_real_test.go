//go:build real

package attacks

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// door is a way to power that is no body of a create. try reports whether it led
// anywhere.
type door struct {
	name string
	try  func(t *testing.T, s *site, to harness.Endpoint) bool
	// fails marks a way that the engine of this test does not offer.
	fails bool
}

const form = "Content-Type: application/x-www-form-urlencoded"

// tarball is an archive with one file.
func tarball(name, text string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

// own makes a container through a proxy, as the client that attacks does.
func own(t *testing.T, s *site, to harness.Endpoint, body string) string {
	t.Helper()
	name := harness.Unused(t)
	if r := send(t, to, "POST", "/containers/create?name="+name, s.fill(body)); r.Status != 201 {
		t.Fatalf("%s: %d %s", body, r.Status, r.Body)
	}
	return name
}

const sleeper = `{"Image":"{image}","Cmd":["sleep","1000"]}`

// otherDoors take more than a request.
var otherDoors = []door{
	{name: "prune of another's container", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		victim := harness.Unused(t)
		harness.MustDocker(t, "create", "--name", victim, "--label", "prune="+victim, s.image)
		send(t, to, "POST", `/containers/prune?filters=`+url.QueryEscape(`{"label":{"prune=`+victim+`":true}}`), "")
		return !exists(t, victim)
	}},
	request("prune of the build cache", "POST", `/build/prune?filters={"id":["none"]}`, ""),
	{name: "privileged exec", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := own(t, s, to, sleeper)
		send(t, to, "POST", "/containers/"+name+"/start", "")
		return send(t, to, "POST", "/containers/"+name+"/exec", `{"Cmd":["id"],"Privileged":true}`).Status == 201
	}},
	{name: "privileged exec in an old API", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := running(t, s, to, sleeper)
		return send(t, to, "POST", "/v1.18/containers/"+name+"/exec", `{"cmd":["id"],"privileged":true}`).Status == 201
	}},
	{name: "privileged exec that somebody else has made", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := running(t, s, to, sleeper)
		var exec struct{ ID string }
		r := harness.EngineEndpoint.Call(t, "POST", "/containers/"+name+"/exec", `{"Cmd":["id"],"Privileged":true}`)
		json.Unmarshal([]byte(r.Body), &exec)
		// Where the engine runs in a container itself, its runtime may refuse the exec.
		return !strings.HasPrefix(send(t, to, "POST", "/exec/"+exec.ID+"/start", `{"Detach":true}`).Message(), "postern: ")
	}},
	{name: "archive into an own container", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		return send(t, to, "PUT", "/containers/"+own(t, s, to, sleeper)+"/archive?path=/", tarball("x", "x"), "Content-Type: application/x-tar").Status < 400
	}},
	privilegedDoor("a create in the oldest API", "/v1.12", privilegedBody, ""),
	privilegedDoor("a create in an API before start bodies ended", "/v1.23", privilegedBody, ""),
	privilegedDoor("a create in pieces", "", privilegedBody, "Transfer-Encoding: chunked"),
	privilegedDoor("a create after more space than is read", "", strings.Repeat(" ", 2<<20)+privilegedBody, ""),
	{name: "privileged exec, key twice", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := own(t, s, to, sleeper)
		send(t, to, "POST", "/containers/"+name+"/start", "")
		return send(t, to, "POST", "/containers/"+name+"/exec", `{"Cmd":["id"],"Privileged":false,"privileged":true}`).Status == 201
	}},
	{name: "processes of others by the titles of ps", try: othersProcesses},
	{name: "the host's /sys, writable by a tmpfs", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := harness.Unused(t)
		send(t, to, "POST", "/containers/create?name="+name, s.fill(`{"Image":"{image}","Cmd":["touch","/sys/kernel/uevent_seqnum"],"HostConfig":{"Tmpfs":{"/sys/":"remount,rw"}}}`))
		send(t, to, "POST", "/containers/"+name+"/start", "")
		return strings.Contains(send(t, to, "POST", "/containers/"+name+"/wait", "").Body, `"StatusCode":0`)
	}},
	{name: "host configuration in a start", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := own(t, s, to, sleeper)
		send(t, to, "POST", "/v1.23/containers/"+name+"/start", `{"Binds":["/etc:/h:ro"],"Privileged":true}`)
		return len(s.powers(t, s.inspect(t, name))) > 0
	}},
	{name: "host configuration in a start of the newest API", fails: true, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := own(t, s, to, sleeper)
		send(t, to, "POST", "/containers/"+name+"/start", `{"Binds":["/etc:/h:ro"],"Privileged":true}`)
		return len(s.powers(t, s.inspect(t, name))) > 0
	}},
	{name: "name and image by a form", fails: true, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := harness.Unused(t)
		send(t, to, "POST", "/containers/create?name="+name, "HostConfig={}", form)
		return exists(t, name)
	}},
	{name: "kill signal by a form", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := own(t, s, to, sleeper)
		send(t, to, "POST", "/containers/"+name+"/start", "")
		return send(t, to, "POST", "/containers/"+name+"/kill?signal=CONT", "signal=KILL", form).Status < 400
	}},
	{name: "kill signal twice", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		return send(t, to, "POST", "/containers/"+running(t, s, to, sleeper)+"/kill?signal=CONT&signal=KILL", "").Status < 400
	}},
	{name: "commit of another's container by a form", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		victim := harness.Unused(t)
		harness.MustDocker(t, "create", "--name", victim, s.image)
		var made struct{ ID string }
		json.Unmarshal([]byte(send(t, to, "POST", "/commit?container="+own(t, s, to, sleeper), "container="+victim, form).Body), &made)
		t.Cleanup(func() { harness.Remove("/images/" + made.ID + "?force=1") })
		return made.ID != ""
	}, fails: true}, // without a guard, too, the body of a commit is JSON
	{name: "new name by a form", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name, second := own(t, s, to, sleeper), harness.Unused(t)
		send(t, to, "POST", "/containers/"+name+"/rename?name="+harness.Unused(t), "name="+second, form)
		return exists(t, second)
	}},
	{name: "connect to another's network", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		network := harness.Unused(t)
		harness.MustDocker(t, "network", "create", network)
		name := own(t, s, to, sleeper)
		send(t, to, "POST", "/networks/"+network+"/connect", `{"Container":"`+name+`"}`)
		send(t, to, "POST", "/containers/"+name+"/start", "")
		return strings.Contains(harness.MustDocker(t, "network", "inspect", network), name)
	}},
	{name: "connect a running container to another's network", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		network := harness.Unused(t)
		harness.MustDocker(t, "network", "create", network)
		name := own(t, s, to, sleeper)
		send(t, to, "POST", "/containers/"+name+"/start", "")
		send(t, to, "POST", "/networks/"+network+"/connect", `{"Container":"`+name+`"}`)
		return strings.Contains(harness.MustDocker(t, "network", "inspect", network), name)
	}},
	{name: "another's container into an own network", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		network, victim := harness.Unused(t), harness.Unused(t)
		harness.MustDocker(t, "create", "--name", victim, s.image)
		if r := send(t, to, "POST", "/networks/create", `{"Name":"`+network+`"}`); r.Status != 201 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		return send(t, to, "POST", "/networks/"+network+"/connect", `{"Container":"`+victim+`"}`).Status < 400
	}},
	{name: "exec id of another's container", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		victim := harness.Unused(t)
		harness.MustDocker(t, "run", "-d", "--name", victim, s.image, "sleep", "1000")
		var exec struct{ ID string }
		r := harness.EngineEndpoint.Call(t, "POST", "/containers/"+victim+"/exec", `{"Cmd":["touch","/stolen"]}`)
		json.Unmarshal([]byte(r.Body), &exec)
		inspect := send(t, to, "GET", "/exec/"+exec.ID+"/json", "")
		start := send(t, to, "POST", "/exec/"+exec.ID+"/start", `{"Detach":true}`)
		return inspect.Status < 400 || start.Status < 400
	}},
	{name: "another takes the name of a network before the start", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		network := harness.Unused(t)
		if r := send(t, to, "POST", "/networks/create", `{"Name":"`+network+`"}`); r.Status != 201 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		name := own(t, s, to, strings.ReplaceAll(`{"Image":"{image}","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"{n}"},"NetworkingConfig":{"EndpointsConfig":{"{n}":{}}}}`, "{n}", network))
		if r := send(t, to, "DELETE", "/networks/"+network, ""); r.Status >= 300 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		harness.MustDocker(t, "network", "create", network)
		r := send(t, to, "POST", "/containers/"+name+"/start", "")
		id := strings.TrimSpace(harness.MustDocker(t, "network", "inspect", "--format", "{{.Id}}", network))
		return r.Status < 400 && strings.Contains(harness.EngineEndpoint.Get(t, "/containers/"+name+"/json").Body, id)
	}},
	projectDoor("container", "/containers/create", `{"Image":"{image}","Labels":{"com.docker.compose.project":"{project}"}}`),
	projectDoor("network", "/networks/create", `{"Name":"{project}_default","labels":{"com.docker.compose.project":"{project}"}}`),
	projectDoor("volume", "/volumes/create", `{"Name":"{project}_data","Labels":{"com.docker.compose.project":"{project}"}}`),
	projectDoor("inline volume", "/containers/create", `{"Image":"{image}","HostConfig":{"Mounts":[{"Type":"volume","Source":"{project}_data","Target":"/x","VolumeOptions":{"Labels":{"com.docker.compose.project":"{project}"}}}]}}`),
	{name: "stamp from an image's labels", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name, image, victim := own(t, s, to, sleeper), harness.Unused(t), harness.Unused(t)
		harness.MustDocker(t, "commit", name, image)
		harness.MustDocker(t, "create", "--name", victim, "-v", "/etc:/h:ro", image)
		return send(t, to, "GET", "/containers/"+victim+"/json", "").Status < 400
	}},
	{name: "a list shows another's container", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		victim := harness.Unused(t)
		id := strings.TrimSpace(harness.MustDocker(t, "create", "--name", victim, s.image))
		for _, target := range []string{"/containers/json?all=1", "/v1.24/containers/json?all=1&size=1", `/containers/json?all=1&filters={"name":["` + victim + `"]}`,
			`/containers/json?all=1&filters={"label":["postern.client"],"label":{"x":true}}`, `/containers/json?all=1&filters={}&filters={}`, "/containers/json?limit=1000", "/system/df", "/networks", "/networks/bridge",
			`/events?since=0&until=1&filters={"type":{"container":true}}`} {
			if r := send(t, to, "GET", strings.ReplaceAll(target, " ", "%20"), ""); strings.Contains(r.Body, victim) || strings.Contains(r.Body, id) {
				return true
			}
		}
		return false
	}},
	{name: "events of another's container", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		victim := harness.Unused(t)
		harness.MustDocker(t, "create", "--name", victim, s.image)
		harness.MustDocker(t, "rm", victim)
		filters := url.QueryEscape(`{"container":["` + victim + `"]}`)
		return strings.Contains(send(t, to, "GET", "/events?since=1&until="+strconv.FormatInt(time.Now().Unix()+1, 10)+"&filters="+filters, "").Body, victim)
	}},
	{name: "before and since tell that a container exists", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		victim := harness.Unused(t)
		harness.MustDocker(t, "create", "--name", victim, s.image)
		ask := func(name string) int {
			return send(t, to, "GET", "/containers/json?all=1&filters="+url.QueryEscape(`{"before":["`+name+`"]}`), "").Status
		}
		return ask(victim) != ask("no-such-container")
	}},
	{name: "a name in use tells the other's id", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		victim := harness.Unused(t)
		id := strings.TrimSpace(harness.MustDocker(t, "create", "--name", victim, s.image))
		return strings.Contains(send(t, to, "POST", "/containers/create?name="+victim, s.fill(`{"Image":"{image}"}`)).Body, id)
	}},
	{name: "build on a remote context", fails: true, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		return send(t, to, "POST", "/build?remote=http://127.0.0.1:1/x", "").Status < 400
	}},
	{name: "build in the host's network", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		r := send(t, to, "POST", "/build?networkmode=host&version=1&q=1", tarball("Dockerfile", "FROM "+s.image+"\nLABEL x=y\n"), "Content-Type: application/x-tar")
		return r.Status < 400
	}},
	{name: "build with a tag", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		tag := harness.Unused(t)
		r := send(t, to, "POST", "/build?version=1&q=1&t="+tag, tarball("Dockerfile", "FROM "+s.image+"\nLABEL x=y\n"), "Content-Type: application/x-tar")
		return r.Status < 400
	}},
	{name: "commit with a tag", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := own(t, s, to, sleeper)
		return send(t, to, "POST", "/commit?container="+name+"&repo="+harness.Unused(t), "{}").Status < 400
	}},
}

const privilegedBody = `{"Image":"{image}","HostConfig":{"Privileged":true}}`

// privilegedDoor is open when a create sent in some way makes a privileged container.
func privilegedDoor(name, version, body, header string) door {
	return door{name: name, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		container := harness.Unused(t)
		text := s.fill(body)
		headers := []string{"Content-Type: application/json", "Content-Length: " + strconv.Itoa(len(text))}
		if header != "" {
			headers[1], text = header, strconv.FormatInt(int64(len(text)), 16)+"\r\n"+text+"\r\n0\r\n\r\n"
		}
		harness.Send(t, to.Dial(t), harness.Head("POST", version+"/containers/create?name="+container, headers...)+text)
		return exists(t, container) && s.inspect(t, container).HostConfig.Privileged
	}}
}

// projectDoor is open when something can be made that the next docker compose up of
// another's project takes for its own.
func projectDoor(what, target, body string) door {
	return door{name: what + " in another's compose project", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		project := harness.Unused(t)
		harness.MustDocker(t, "create", "--name", project, "--label", "com.docker.compose.project="+project, s.image)
		t.Cleanup(func() {
			harness.RemoveAll(project + "x")
			harness.Remove("/networks/" + project + "_default")
			harness.Remove("/volumes/" + project + "_data")
		})
		return send(t, to, "POST", target+"?name="+project+"x", s.fill(body, "{project}", project)).Status < 400
	}}
}

// othersProcesses has ps write a title of two words, the second of which is PID. The
// engine, which takes for the container's own the rows that have the pid of one of its
// processes there, and rows after these with "-", then looks into another column. A
// process that calls itself by two words, the second its pid, comes first.
func othersProcesses(t *testing.T, s *site, to harness.Endpoint) bool {
	name := running(t, s, to, `{"Image":"{image}","Cmd":["sh","-c","until read pid </pid; do sleep 0.1; done 2>/dev/null; echo -n \"x $pid\" >/proc/1/comm; sleep 1000; true"]}`)
	box := harness.ContainerNamed(t, name)
	harness.MustDocker(t, "exec", name, "sh", "-c", "echo "+strings.TrimSpace(box.Inspect("{{.State.Pid}}"))+" >/new && mv /new /pid && until grep -q x /proc/1/comm; do sleep 0.1; done")
	victim := harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", victim, s.image, "sleep", "1234567")
	query := url.Values{"ps_args": {"-A --sort=start_time -o comm=C\fPID -o rtprio,args"}}
	return strings.Contains(send(t, to, "GET", "/containers/"+name+"/top?"+query.Encode(), "").Body, "1234567")
}

// TestDoors tries each way through an open proxy, where it must lead somewhere, and
// through a guarded one, where it must not.
func TestDoors(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() {
		harness.Remove("/images/postern-test-stolen:1")
		harness.Remove("/images/postern-test-stolen:2")
		harness.Remove("/images/postern-test-stolen:3")
	})
	guarded := newSite(t, nil)
	for _, door := range slices.Concat(requestDoors, otherDoors) {
		t.Run("guarded/"+door.name, func(t *testing.T) {
			if door.try(t, guarded, guarded.guarded) {
				t.Error("it leads through the guard")
			}
		})
	}
	// The open proxy comes last, on a site of its own: its doors do harm.
	open := newSite(t, nil)
	for _, door := range slices.Concat(requestDoors, otherDoors) {
		t.Run("open/"+door.name, func(t *testing.T) {
			if !door.try(t, open, open.open) && !door.fails {
				t.Error("it leads nowhere, even without a guard: this test shows nothing")
			}
		})
	}
}
