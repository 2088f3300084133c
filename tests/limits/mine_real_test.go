//go:build real

package limits

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/tests/internal/harness"
)

// two starts postern with two clients, who each see what they made. Their names are
// new ones: the stamps of two posterns on one engine are the same.
func two(t *testing.T) (ann, bob harness.Endpoint) {
	t.Helper()
	a, b := newName("ann"), newName("bob")
	hosts := through(t, []string{a, b}, "SCOPE=mine")
	return hosts[a], hosts[b]
}

func newName(name string) string { return name + strings.ToLower(rand.Text()[:8]) }

// TestMine asserts that neither of two clients finds, reads, stops, mounts, joins or
// enters what the other made.
func TestMine(t *testing.T) {
	t.Parallel()
	ann, bob := two(t)
	image, name, network, volume, other := harness.Busybox(t), harness.Unused(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	must(t, ann, "network create "+network)
	must(t, ann, "run -d --name "+name+" --network "+network+" -v "+volume+":/data -v /anonymous "+image+" sleep 1000")
	for what, list := range map[string]string{name: "ps -a --format {{.Names}}", network: "network ls --format {{.Name}}", volume: "volume ls -q"} {
		if got := must(t, ann, list); !strings.Contains(got, what) {
			t.Errorf("docker %s does not show its maker %s: %s", list, what, got)
		}
		if got := must(t, bob, list); strings.Contains(got, what) {
			t.Errorf("docker %s shows %s to another client", list, what)
		}
	}
	if got := must(t, ann, "volume ls -q"); len(strings.Fields(got)) != 2 {
		t.Errorf("docker volume ls shows %q to the maker, want the named and the anonymous volume", got)
	}
	anonymous := strings.TrimSpace(strings.ReplaceAll(must(t, ann, "inspect --format {{range.Mounts}}/{{.Name}}{{end}} "+name), "/"+volume, ""))[1:]
	for _, command := range commands {
		fails404(t, bob, strings.ReplaceAll(command, "%s", name), name)
	}
	for _, line := range []string{
		"network inspect " + network, "network rm " + network, "volume inspect " + volume, "volume rm " + volume, "volume inspect " + anonymous,
		"network connect " + network + " " + name, "network disconnect -f " + network + " " + name,
		"create --pull never --name " + other + " --network " + network + " " + image,
		"create --pull never --name " + other + " --network container:" + name + " " + image,
		"create --pull never --name " + other + " --pid container:" + name + " " + image,
		"create --pull never --name " + other + " --ipc container:" + name + " " + image,
		"create --pull never --name " + other + " --volumes-from " + name + " " + image,
		"create --pull never --name " + other + " --link " + name + ":x " + image,
		"create --pull never --name " + other + " -v " + volume + ":/x " + image,
		"create --pull never --name " + other + " -v " + anonymous + ":/x " + image,
		"create --pull never --name " + other + " --mount type=volume,source=" + volume + ",target=/x " + image,
	} {
		absent := strings.NewReplacer(network, "absentn", name, "absentc", volume, "absentv", anonymous, strings.Repeat("ab", 32)).Replace(line)
		if strings.Contains(line, volume) && strings.HasPrefix(line, "create") {
			absent = "" // the engine makes a volume that is absent
		}
		got := docker(t, bob, line)
		if !strings.Contains(got.Stderr, "o such ") && !strings.Contains(got.Stderr, "not found") {
			t.Errorf("docker %s: %v", line, got)
		}
		if absent == "" {
			continue
		}
		want := docker(t, bob, absent)
		if back := strings.NewReplacer("absentn", network, "absentc", name, "absentv", volume, strings.Repeat("ab", 32), anonymous).Replace(want.Stderr); got.Stderr != back {
			t.Errorf("docker %s: %s, of absent ones %s", line, got.Stderr, back)
		}
	}
	// The other's name is taken, and nothing of its volume is shown.
	fails(t, bob, "is taken", "volume create "+volume)
	if r := docker(t, bob, "create --pull never --name "+name+" "+image); strings.Contains(r.Stderr, idOf(t, name)[:12]) || !strings.Contains(r.Stderr, "already in use") {
		t.Errorf("a name that is taken: %v", r)
	}
	if got := usage(t, bob, "--format {{.Type}}:{{.TotalCount}}"); strings.Contains(strings.ReplaceAll(got, ":0", ""), ":") {
		t.Errorf("docker system df counts %s", got)
	}
	must(t, bob, "container prune -f")
	must(t, bob, "network prune -f")
	must(t, bob, "volume prune -f")
	if got := must(t, ann, "exec "+name+" echo alive"); got != "alive" {
		t.Errorf("the container is gone: %s", got)
	}
	must(t, ann, "rm -f -v "+name)
	must(t, ann, "volume rm "+volume)
	must(t, ann, "network rm "+network)
}

// fails404 asserts that a command about a hidden object fails as about an absent one.
func fails404(t *testing.T, e harness.Endpoint, line, name string) {
	t.Helper()
	got := docker(t, e, line)
	want := docker(t, e, strings.ReplaceAll(line, name, "absent"))
	if got.Status != want.Status || got.Stdout != want.Stdout || got.Stderr != strings.ReplaceAll(want.Stderr, "absent", name) {
		t.Errorf("docker %s: %v\nand of an absent one: %v", line, got, want)
	}
}

// TestExecsOfOthers asserts that the id of another client's exec is worth nothing.
func TestExecsOfOthers(t *testing.T) {
	t.Parallel()
	ann, bob := two(t)
	name := harness.Unused(t)
	must(t, ann, "run -d --name "+name+" "+harness.Busybox(t)+" sleep 1000")
	made := ann.Call(t, "POST", "/containers/"+name+"/exec", `{"Cmd":["sleep","100"]}`)
	exec := strings.Split(made.Body, `"`)[3]
	if r := ann.Get(t, "/exec/"+exec+"/json"); r.Status != 200 {
		t.Fatalf("inspect of an own exec: %d %s", r.Status, r.Body)
	}
	for _, request := range []string{"GET /exec/%s/json", "POST /exec/%s/start", "POST /exec/%s/resize?h=1&w=1"} {
		ask := func(id string) harness.Response {
			method, target, _ := strings.Cut(fmt.Sprintf(request, id), " ")
			return harness.Send(t, bob.Dial(t), harness.Head(method, target, "Content-Type: application/json", "Content-Length: 2")+"{}")
		}
		hidden, absent := ask(exec), ask("absent")
		if hidden.Status != absent.Status || hidden.Body != strings.ReplaceAll(absent.Body, "absent", exec) || hidden.Status != 404 {
			t.Errorf("%s: %d %s, absent: %d %s", request, hidden.Status, hidden.Body, absent.Status, absent.Body)
		}
	}
}

// TestComposeOfTwo asserts that docker-compose works for one client while another works
// under the same project name, recreates containers with anonymous volumes, and leaves
// the other's alone.
func TestComposeOfTwo(t *testing.T) {
	t.Parallel()
	program := harness.NeedCommand(t, "docker-compose", "docker-compose")
	ann, bob := two(t)
	image, project := harness.Busybox(t), harness.Unused(t)
	dir := t.TempDir()
	write := func(command string) {
		file := "version: '3'\nservices:\n  box:\n    image: " + image + "\n    volumes: [/anonymous, 'data:/data']\n    command: sh -c '" + command +
			"; exec sleep 1000'\n  side:\n    image: " + image + "\n    command: sleep 1000\nvolumes:\n  data:\n"
		if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	compose := func(e harness.Endpoint, project, line string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append([]string{"-p", project}, strings.Fields(line)...)...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=" + e.Host(), "COMPOSE_HTTP_TIMEOUT=120"}
		r := harness.Finish(t, cmd)
		if r.Status != 0 {
			t.Errorf("docker-compose %s: %v", line, r)
		}
		return r.Stdout
	}
	write("true")
	other := project + "b"
	t.Cleanup(func() { harness.RemoveAll(other + "_data") })
	t.Cleanup(func() { harness.RemoveAll(project + "_data") })
	defer compose(ann, project, "down -v -t 0")
	compose(bob, other, "up -d")
	defer compose(bob, other, "down -v -t 0")
	compose(ann, project, "up -d")
	compose(ann, project, "exec -T box touch /anonymous/kept /data/kept")
	write("echo again") // another command: the container is made anew, with its volumes
	compose(ann, project, "up -d")
	if got := compose(ann, project, "exec -T box ls /anonymous /data"); strings.Count(got, "kept") != 2 {
		t.Errorf("the volumes did not survive: %s", got)
	}
	if got := compose(ann, project, "ps"); !strings.Contains(got, "Up") || strings.Contains(got, other+"_") {
		t.Errorf("docker-compose ps prints %s", got)
	}
	compose(ann, project, "restart -t 0")
	compose(ann, project, "up -d --force-recreate")
	compose(ann, project, "down -t 0")
	if got := must(t, bob, "ps --format {{.Names}}"); strings.Count(got, other) != 2 {
		t.Errorf("the other client's containers: %s", got)
	}
	if got := must(t, ann, "ps -a -q"); got != "" {
		t.Errorf("containers are left: %s", got)
	}
}

// TestForgedStamp asserts that a container that somebody makes outside postern from an
// image that carries a stamp belongs to nobody, however the image got it.
func TestForgedStamp(t *testing.T) {
	t.Parallel()
	client := newName("ann")
	hosts := through(t, []string{client, "bob"}, "CLIENT_"+strings.ToUpper(client)+"_SCOPE=mine", "CLIENT_BOB_SCOPE=label=team="+client)
	ann, bob := hosts[client], hosts["bob"]
	image := harness.Busybox(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+image+"\nLABEL postern.client="+client+" team="+client+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	built, outside, committed, made := harness.Unused(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	// One that was built past postern, one that ann built, one that she committed.
	harness.MustDocker(t, "build", "-q", "-t", outside, dir)
	must(t, ann, "build -q -t "+built+" "+dir)
	must(t, ann, "create --name "+made+" "+image)
	must(t, ann, "commit "+made+" "+committed)
	for _, image := range []string{outside, built, committed} {
		container := harness.Unused(t)
		harness.MustDocker(t, "run", "-d", "--name", container, "-v", "/:/host", "-v", container+":/v", image, "sleep", "1000")
		for _, e := range []harness.Endpoint{ann, bob} {
			for _, line := range []string{"inspect --type container %s", "exec %s true", "cp %s:/host/etc/hostname -", "logs %s", "rm -f %s", "stop %s"} {
				fails404(t, e, strings.ReplaceAll(line, "%s", container), container)
			}
			if got := must(t, e, "ps -a --format {{.Names}}"); strings.Contains(got, container) {
				t.Errorf("docker ps shows %s", container)
			}
			if got := must(t, e, "volume ls -q"); strings.Contains(got, container) {
				t.Errorf("docker volume ls shows the volume of %s", container)
			}
		}
	}
	// ann's own container of each image is hers all the same.
	for _, image := range []string{built, committed} {
		name := harness.Unused(t)
		must(t, ann, "run -d --name "+name+" "+image+" sleep 1000")
		if got := must(t, ann, "exec "+name+" echo mine"); got != "mine" {
			t.Errorf("exec in an own container: %s", got)
		}
	}
	if got := must(t, ann, "inspect --type image "+built); !strings.Contains(got, `"postern.client": ""`) {
		t.Errorf("the labels of an image that was built: %s", got)
	}
}

// TestVolumeRaces asserts that a client never gets another's volume: both make containers
// with a volume of one name, while both make and remove the volume all the time.
func TestVolumeRaces(t *testing.T) {
	t.Parallel()
	clients := []string{newName("ann"), newName("bob")}
	hosts := through(t, clients, "SCOPE=mine")
	image, name := harness.Busybox(t), harness.Unused(t)
	body := fmt.Sprintf(`{"Image":%q,"HostConfig":{"Binds":["%s:/data"]}}`, image, name)
	const rounds = 200 // of each client
	var removed, mounted atomic.Int32
	mount := func(e harness.Endpoint, client string) {
		container := name + client
		for range rounds {
			r := ask(t, e, "POST", "/containers/create?name="+container, body, "")
			if r.Status != 201 {
				continue
			}
			mounted.Add(1)
			// The container holds the volume, so it is still the one that was mounted.
			if v := harness.EngineEndpoint.Get(t, "/volumes/"+name); !strings.Contains(v.Body, `"postern.client":"`+client+`"`) {
				t.Errorf("%s mounts %s", client, v.Body)
			}
			ask(t, e, "DELETE", "/containers/"+container+"?force=1", "", "")
		}
	}
	churn := func(e harness.Endpoint, client string, done <-chan struct{}) {
		for {
			select {
			case <-done:
				return
			default:
			}
			if ask(t, e, "DELETE", "/volumes/"+name, "", "").Status == 204 {
				removed.Add(1)
			}
			if r := ask(t, e, "POST", "/volumes/create", `{"Name":"`+name+`"}`, ""); r.Status == 201 && !strings.Contains(r.Body, `"postern.client":"`+client+`"`) {
				t.Errorf("%s made %s", client, r.Body)
			}
		}
	}
	done := make(chan struct{})
	var mounting, churning sync.WaitGroup
	for client, e := range hosts {
		t.Cleanup(func() { harness.RemoveAll(name + client) })
		mounting.Go(func() { mount(e, client) })
		for range 2 {
			churning.Go(func() { churn(e, client, done) })
		}
	}
	mounting.Wait()
	close(done)
	churning.Wait()
	t.Logf("%d containers with the volume, %d removals of it", mounted.Load(), removed.Load())
	if mounted.Load() == 0 || removed.Load() == 0 {
		t.Errorf("%d containers with the volume, %d removals of it: want some of each", mounted.Load(), removed.Load())
	}
}

// TestPruneOfOwn asserts that a prune removes what the client made and nothing else, and
// that it is refused while a container has the client's stamp from its image.
func TestPruneOfOwn(t *testing.T) {
	t.Parallel()
	client := newName("ann")
	e := through(t, []string{client}, "SCOPE=mine")[client]
	image, own, foreign, forged := harness.Busybox(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	for _, name := range []string{own, foreign} {
		to := e
		if name == foreign {
			to = harness.EngineEndpoint
		}
		must(t, to, "create --name "+name+" "+image)
		must(t, to, "network create "+name)
		must(t, to, "volume create "+name)
	}
	stopped := must(t, e, "ps -a --no-trunc -q")
	harness.MustDocker(t, "create", "--name", forged, "--label", "postern.client="+client, image)
	harness.MustDocker(t, "commit", "--change", "LABEL postern.client="+client, foreign, forged)
	harness.MustDocker(t, "rm", forged)
	harness.MustDocker(t, "create", "--name", forged, forged)
	fails(t, e, "a container has the scope's label from its image", "container prune -f")
	harness.MustDocker(t, "rm", forged)
	if got := must(t, e, "container prune -f"); !strings.Contains(got, stopped) {
		t.Errorf("docker container prune: %s", got)
	}
	for _, line := range []string{"network prune -f", "volume prune -f"} {
		if got := must(t, e, line); !strings.Contains(got, own) || strings.Contains(got, foreign) {
			t.Errorf("docker %s: %s", line, got)
		}
	}
	for _, kind := range []string{"container", "network", "volume"} {
		harness.MustDocker(t, kind, "inspect", foreign)
	}
	fails(t, e, "cannot be held to a scope", "image prune -f")
	// Another's compose project is closed, an own one is not.
	project := harness.Unused(t)
	harness.MustDocker(t, "create", "--name", forged, "--label", "com.docker.compose.project="+project, image)
	fails(t, e, "that the client did not make", "create --label com.docker.compose.project="+project+" "+image)
	must(t, e, "rm -f "+must(t, e, "create --label com.docker.compose.project="+project+"2 "+image))
	fails(t, e, "cannot be held to a scope", "load -i /dev/null")
}
