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

// TestGuardedDockerWithItsLines asserts that each line of the table of honest clients
// suffices.
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

// TestGuardedDockerPy asserts that docker-py's own way to send a request passes.
func TestGuardedDockerPy(t *testing.T) {
	t.Parallel()
	python := harness.NeedDockerPy(t)
	image, box, network, volume := harness.Busybox(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	ci := guarded(t, "GUARD_PUBLISH=0", "GUARD_ARCHIVE=1", "GUARD_TAG=new")
	program := `
import docker, io, sys, tarfile
image, box, network, volume = sys.argv[1:]
c = docker.from_env()
assert c.containers.run(image, ["echo", "hi"], remove=True) == b"hi\n"
n = c.networks.create(network, driver="bridge", check_duplicate=True, labels={"a": "b"})
c.volumes.create(volume)
b = c.containers.run(image, ["sleep", "1000"], name=box, detach=True, network=network, volumes={volume: {"bind": "/data", "mode": "rw"}},
    ports={"80/tcp": None}, environment={"A": "1"}, mem_limit="64m", restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}, init=True)
assert b.exec_run(["echo", "hi"]).output == b"hi\n"
tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode="w") as t:
    info = tarfile.TarInfo("file"); info.size = 2
    t.addfile(info, io.BytesIO(b"hi"))
assert b.put_archive("/data", tar.getvalue())
assert b.exec_run(["cat", "/data/file"]).output == b"hi"
b.update(mem_limit="32m", memswap_limit="64m")
n.disconnect(b); n.connect(b, aliases=["db"])
b.restart(timeout=0)
for bad in [dict(privileged=True), dict(volumes=["/etc:/h"]), dict(pid_mode="host"), dict(cap_add=["SYS_ADMIN"]), dict(network_mode="host")]:
    try:
        c.containers.create(image, **bad)
    except docker.errors.APIError as e:
        assert e.status_code == 403 and "ContainerCreate is refused" in str(e), e
    else:
        raise AssertionError(bad)
b.remove(force=True)
n.remove()
c.volumes.get(volume).remove()
print("done")
`
	cmd := exec.Command(python, "-c", program, image, box, network, volume)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+ci.Host())
	if r := harness.Finish(t, cmd); r.Stdout != "done\n" {
		t.Errorf("docker-py: %v", r)
	}
}

// TestGuardedBuildx asserts that a build with buildx needs GUARD_BUILDKIT.
func TestGuardedBuildx(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	program, err := exec.LookPath("buildx")
	if err != nil {
		harness.Missing(t, "buildx", err, "go install github.com/docker/buildx/cmd/buildx@v0.38.2")
	}
	config, dir := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(config, "cli-plugins"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(config, "cli-plugins", "docker-buildx")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+harness.Busybox(t)+"\nCOPY Dockerfile /file\nRUN cat /file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := func(e harness.Endpoint, tag string) harness.Result {
		t.Helper()
		cmd := exec.Command("docker", "--config", config, "-H", e.Host(), "buildx", "build", "-t", tag, dir)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + config}
		return harness.Finish(t, cmd)
	}
	tag := harness.Unused(t)
	// Buildx then turns to its other driver, which asks for a privileged container.
	if r := build(guarded(t, "GUARD_TAG=new"), tag); r.Status == 0 {
		t.Errorf("without GUARD_BUILDKIT: %v", r)
	}
	ci := guarded(t, "GUARD_BUILDKIT=1")
	if r := build(ci, tag); r.Status != 0 {
		t.Errorf("with GUARD_BUILDKIT=1: %v", r)
	}
	must(t, ci, "run --rm "+tag+" cat /file")
}
