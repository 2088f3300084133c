package tests

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/moby/moby/client"
)

// host is the way as DOCKER_HOST has it.
func (w wire) host() string { return w.network + "://" + w.addr }

// TestDockerPy asserts that a docker-py program sees the same through the
// proxy as on the socket.
func TestDockerPy(t *testing.T) {
	t.Parallel()
	image := busybox(t)
	// Debian's python3, whose package python3-docker is.
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import docker").Run(); err != nil {
		missing(t, "python3-docker", err)
	}
	run := func(host string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, python, "testdata/docker_py.py", host, image, unused(t))
		r := finish(t, cmd)
		if r.status != 0 {
			t.Fatalf("through %s: status %d\n%s%s", host, r.status, r.stdout, r.stderr)
		}
		return r.stdout
	}
	want := run(direct)
	for _, w := range throughProxy(t) {
		if got := run(w.host()); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", w.network, got, want)
		}
	}
}

// TestDockerCompose asserts that docker-compose 1.29, a Python program on an
// old version of the API, works through the proxy.
func TestDockerCompose(t *testing.T) {
	t.Parallel()
	image := busybox(t)
	const program = "/usr/bin/docker-compose"
	if _, err := os.Stat(program); err != nil {
		missing(t, "docker-compose 1.29", err)
	}
	for _, w := range throughProxy(t) {
		project, dir := unused(t), t.TempDir()
		file := "version: '3'\nservices:\n  box:\n    image: " + image +
			"\n    network_mode: none\n    command: sh -c 'echo started; exec sleep 1000'\n"
		if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		compose := func(args ...string) result {
			t.Helper()
			ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, append([]string{"-p", project}, args...)...)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=" + w.host()}
			return finish(t, cmd)
		}
		defer compose("down", "-t", "0")
		for _, test := range []struct{ command, want string }{
			{"up -d", ""},
			{"exec -T box echo hello", "hello"},
			{"logs --no-color box", "started"},
			{"ps", "Up"},
			{"down -t 0", ""},
		} {
			r := compose(strings.Fields(test.command)...)
			if r.status != 0 || !strings.Contains(r.stdout, test.want) {
				t.Fatalf("%s: docker-compose %s: status %d, want 0 and %q\n%s%s",
					w.network, test.command, r.status, test.want, r.stdout, r.stderr)
			}
		}
	}
}

// TestGoClient asserts that programs on Docker's Go client work: it upgrades,
// takes connections over and half-closes by itself.
func TestGoClient(t *testing.T) {
	t.Parallel()
	container := box(t)
	for _, w := range throughProxy(t) {
		c, err := client.New(client.WithHost(w.host()))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		created, err := c.ExecCreate(ctx, container, client.ExecCreateOptions{
			AttachStdin: true, AttachStdout: true, Cmd: []string{"tr", "a-z", "A-Z"},
		})
		if err != nil {
			t.Fatal(err)
		}
		attached, err := c.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer attached.Close()
		io.WriteString(attached.Conn, "hello")
		attached.CloseWrite()
		all, err := io.ReadAll(attached.Reader)
		if want := "\x01\x00\x00\x00\x00\x00\x00\x05HELLO"; string(all) != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", w.network, all, err, want)
		}
	}
}

// TestAttachWebsocket talks to a container over a websocket.
func TestAttachWebsocket(t *testing.T) {
	t.Parallel()
	image, name := busybox(t), unused(t)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": engineSocket}))
	prepare(t, "run", "-di", "--name", name, image, "cat")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	url := "ws://" + p.addr + "/containers/" + name + "/attach/ws?stream=1&stdin=1&stdout=1"
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPHeader: map[string][]string{"Origin": {"http://" + p.addr}}, // the engine insists on one
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, said := range []string{"hello\n", strings.Repeat("long ", 1000) + "\n"} {
		if err := c.Write(ctx, websocket.MessageBinary, []byte(said)); err != nil {
			t.Fatal(err)
		}
		var heard strings.Builder
		for heard.Len() < len(said) {
			_, b, err := c.Read(ctx)
			if err != nil {
				t.Fatalf("after %q: %v", heard.String(), err)
			}
			heard.Write(b)
		}
		if heard.String() != said {
			t.Errorf("said %q and heard %q", said, heard.String())
		}
	}
	prepare(t, "kill", name)
	if _, b, err := c.Read(ctx); err == nil {
		t.Errorf("heard %q from a container that is gone", b)
	}
}

// TestSaveIntoLoad moves 1 GB out of the engine and back into it through the
// proxy, whose memory must not grow with it.
func TestSaveIntoLoad(t *testing.T) {
	t.Parallel()
	image, name := busybox(t), unused(t)
	buildFrom(t, name, "FROM "+image+"\nRUN head -c 1000000000 /dev/zero >/large\n")
	var environ []string
	for toggle, value := range everything() {
		environ = append(environ, "--env="+toggle+"="+value)
	}
	// The image, because the race detector takes memory.
	c := launch(t, append(environ, mount(engineSocket))...)
	save := dockerCommand(t, c.host(), "save", name)
	load := dockerCommand(t, c.host(), "load")
	out, err := save.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	load.Stdin = out
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	if r := finish(t, load); r.status != 0 || !strings.Contains(r.stdout, "Loaded image: "+name) {
		t.Errorf("docker load: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if err := save.Wait(); err != nil {
		t.Errorf("docker save: %v", err)
	}
	if peak := status(t, c.inspect("{{.State.Pid}}"), "VmHWM"); peak > 30<<20 {
		t.Errorf("the proxy took %d MB, want at most 30", peak>>20)
	}
}

// buildFrom builds an image on the engine's own socket.
func buildFrom(t *testing.T, name, dockerfile string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	prepare(t, "build", "--network", "none", "-t", name, dir)
}

// TestCancelledBuild asserts that a build stops when its client is killed.
func TestCancelledBuild(t *testing.T) {
	t.Parallel()
	image, dir := busybox(t), t.TempDir()
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": engineSocket}))
	dockerfile := "FROM " + image + "\nRUN echo running; sleep 1000\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	build := follow(t, "tcp://"+p.addr, "build", "--network", "none", dir)
	id := build.until("Running in ([0-9a-f]{12})")[1]
	t.Cleanup(func() { remove(id) })
	build.until("^running$")
	build.cmd.Process.Kill()
	await(t, "end of the container that the build ran", func() bool {
		r := docker(t, direct, "inspect", "-f", "{{.State.Running}}", id)
		return strings.TrimSpace(r.stdout) != "true"
	})
}

// TestSilentLogs asserts that a stream on which nothing happens for longer
// than the proxy waits for a request's headers, ten seconds, is left alone.
func TestSilentLogs(t *testing.T) {
	t.Parallel()
	image, name := busybox(t), unused(t)
	prepare(t, "run", "-d", "--network", "none", "--name", name, image, "sh", "-c", "sleep 12; echo late; exec sleep 1000")
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": engineSocket}))
	begin := time.Now()
	if got := follow(t, "tcp://"+p.addr, "logs", "-f", name).next(); got != "late" {
		t.Errorf("got %q after %v, want late", got, time.Since(begin))
	}
}
