//go:build real

package limits

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// guarded starts postern with one guarded client of a new name, all toggles on, and
// GUARD variables of the form GUARD_VOLUME=/srv.
func guarded(t *testing.T, variables ...string) harness.Endpoint {
	t.Helper()
	harness.NeedDocker(t)
	name := newName("ci")
	settings := []string{"CLIENT_" + strings.ToUpper(name) + "_GUARD=1"}
	for _, v := range variables {
		settings = append(settings, "CLIENT_"+strings.ToUpper(name)+"_"+v)
	}
	return through(t, []string{name}, settings...)[name]
}

// TestGuardedDocker asserts that a guarded client can do with docker what needs nothing
// of the host, and the rest with one line each.
func TestGuardedDocker(t *testing.T) {
	t.Parallel()
	image, box, volume, network := harness.Busybox(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	ci := guarded(t)
	if got := must(t, ci, "run --rm -e A=hi "+image+" sh -c", "echo $A"); got != "hi" {
		t.Errorf("docker run prints %q", got)
	}
	must(t, ci, "network create "+network)
	must(t, ci, "run -d --init --restart on-failure --name "+box+" --network "+network+" --network-alias db -v "+volume+":/data --tmpfs /tmp -P --expose 80 --cap-drop ALL "+
		"--security-opt no-new-privileges --memory 64m --add-host a:1.2.3.4 --label a=b "+image+" sleep 1000")
	if got := must(t, ci, "run --rm --network "+network+" "+image+" ping -c 1 db"); !strings.Contains(got, "1 packets received") {
		t.Errorf("a container of the client's own network: %s", got)
	}
	if got := must(t, ci, "exec "+box+" cat /proc/1/comm"); got == "" {
		t.Error("docker exec prints nothing")
	}
	cmd := harness.DockerCommand(t, ci.Host(), "exec", "-i", box, "cat")
	cmd.Stdin = strings.NewReader("stdin")
	if r := harness.Finish(t, cmd); r.Stdout != "stdin" {
		t.Errorf("docker exec -i: %v", r)
	}
	for _, line := range []string{"logs " + box, "top " + box, "inspect " + box, "update --memory 32m " + box, "restart -t 0 " + box, "volume inspect " + volume, "ps -a", "images", "info", "version"} {
		must(t, ci, line)
	}
	fails(t, ci, "ContainerArchive is refused: the operation asks for files in a container (docker cp): set", "cp "+box+":/bin/busybox -")
	fails(t, ci, "HostConfig.PortBindings asks for 8080 (-p): set", "run --rm -p 8080:80 "+image+" true")
	fails(t, ci, "HostConfig.Binds asks for /srv (-v): set", "run --rm -v /srv:/srv "+image+" true")
	fails(t, ci, "HostConfig.Privileged asks for true (--privileged): set", "run --rm --privileged "+image+" true")
	fails(t, ci, "Privileged asks for true (--privileged): set", "exec --privileged "+box+" true")
	must(t, ci, "rm -f "+box)
	must(t, ci, "volume rm "+volume)
	must(t, ci, "network rm "+network)
}

// TestGuardedDockerWithItsLines asserts that the lines of several uses of docker suffice
// together, and what they do not permit.
func TestGuardedDockerWithItsLines(t *testing.T) {
	t.Parallel()
	image, box, tag, shared, network := harness.Busybox(t), harness.Unused(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	harness.MustDocker(t, "volume", "create", shared)
	harness.MustDocker(t, "network", "create", network)
	ci := guarded(t, "GUARD_VOLUME="+dir+","+shared+":ro", "GUARD_PUBLISH=0,127.0.0.1:40000-40999", "GUARD_ARCHIVE=1", "GUARD_TAG=new", "GUARD_NETWORK=bridge,"+network,
		"GUARD_CAP_ADD=NET_ADMIN", "GUARD_DEVICE=/dev/fuse", "GUARD_MEMORY=256m", "GUARD_PIDS_LIMIT=50")
	must(t, ci, "run -d --name "+box+" -v "+dir+":/out -v "+shared+":/shared:ro -p 127.0.0.1:40123:80 -p 81 --network "+network+" --cap-add NET_ADMIN --device /dev/fuse "+image+" sleep 1000")
	if got := harness.ContainerNamed(t, box).Inspect("{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"); got != "268435456 50" {
		t.Errorf("the container has the limits %s", got)
	}
	must(t, ci, "exec "+box+" sh -c", "echo written > /out/file")
	if text, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(text) != "written\n" {
		t.Errorf("the host has %q, %v", text, err)
	}
	must(t, ci, "cp "+filepath.Join(dir, "file")+" "+box+":/copied")
	must(t, ci, "commit "+box+" "+tag)
	must(t, ci, "run --rm "+tag+" cat /copied")
	must(t, ci, "rmi "+tag)
	harness.MustDocker(t, "tag", image, tag)
	fails(t, ci, "add "+tag+" to", "rmi "+tag)
	fails(t, ci, "add "+tag+":latest to", "tag "+image+" "+tag)
	fails(t, ci, "add localhost/"+tag+":latest to", "tag "+image+" localhost/"+tag) // which Podman takes for the tag
	fails(t, ci, "HostConfig.Binds asks for the volume "+shared+" writable", "run --rm -v "+shared+":/shared "+image+" true")
	fails(t, ci, "only on networks of the client's own", "run --rm --network "+network+" --ip 10.9.9.9 "+image+" true")
	must(t, ci, "rm -f "+box)
	harness.RemoveAll(tag)
}

// TestGuardedCompose asserts that a compose project with a network, a volume and a
// published port comes up, is changed, made again, and goes down.
func TestGuardedCompose(t *testing.T) {
	t.Parallel()
	for i, scope := range []string{"SCOPE=mine", "SCOPE=*"} {
		t.Run(scope, func(t *testing.T) { t.Parallel(); guardedCompose(t, scope, fmt.Sprint(40321+i)) })
	}
}

func guardedCompose(t *testing.T, scope, port string) {
	compose := harness.NeedCompose(t)
	image, project := harness.Busybox(t), harness.Unused(t)
	file := filepath.Join(t.TempDir(), "compose.yaml")
	write := func(value string) {
		t.Helper()
		text := "version: '3.7'\nservices:\n  web:\n    image: " + image + "\n    command: sleep 1000\n    init: true\n    environment: {A: '" + value + "'}\n" +
			"    ports: ['127.0.0.1:" + port + ":80']\n    volumes: ['data:/data', '/anonymous']\n    depends_on: [db]\n  db:\n    image: " + image + "\n    command: sleep 1000\n    init: true\n    networks: {default: {aliases: [store]}}\nvolumes: {data: {}}\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ci := guarded(t, scope, "GUARD_PUBLISH="+port)
	run := func(args ...string) {
		t.Helper()
		words := append(append([]string{}, compose...), append([]string{"-p", project, "-f", file}, args...)...)
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+ci.Host())
		if r := harness.Finish(t, cmd); r.Status != 0 {
			t.Fatalf("compose %q: %v", args, r)
		}
	}
	write("1")
	run("up", "-d")
	write("2") // makes the container again, with the anonymous volume that it had
	run("up", "-d")
	run("exec", "-T", "web", "ping", "-c", "1", "store")
	run("ps")
	run("logs")
	run("down", "-v", "-t", "0")
}

// TestGuardedBuild asserts that the classic build needs GUARD_TAG alone, and that
// BuildKit is refused with the way out.
func TestGuardedBuild(t *testing.T) {
	t.Parallel()
	image, tag := harness.Busybox(t), harness.Unused(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+image+"\nLABEL postern.client=root\nRUN true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ci := guarded(t, "GUARD_TAG=new", "GUARD_MEMORY=128m")
	build := func(buildkit string) harness.Result {
		t.Helper()
		cmd := harness.DockerCommand(t, ci.Host(), "build", "-t", tag, dir)
		cmd.Env = append(cmd.Environ(), "DOCKER_BUILDKIT="+buildkit)
		return harness.Finish(t, cmd)
	}
	for range 2 { // the second time the tag is there, and the client's own
		if r := build("0"); r.Status != 0 {
			t.Fatalf("a classic build: %v", r)
		}
	}
	if got := strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", `{{index .Config.Labels "postern.client"}}`, tag)); got != "" {
		t.Errorf("the image has the stamp %s", got)
	}
	must(t, ci, "rmi "+tag)
}
