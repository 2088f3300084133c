//go:build real

package programs

import (
	"context"
	"crypto/rand"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// buildx returns what runs docker buildx through a host. It is the program
// that go install github.com/docker/buildx/cmd/buildx@v0.38.2 makes.
func buildx(t *testing.T, host, dir string) func(args ...string) *exec.Cmd {
	t.Helper()
	harness.NeedDocker(t)
	program, err := exec.LookPath("buildx")
	if err != nil {
		program = filepath.Join(build.Default.GOPATH, "bin", "buildx")
		if _, err := os.Stat(program); err != nil {
			harness.Missing(t, "buildx", err, "go install github.com/docker/buildx/cmd/buildx@v0.38.2")
		}
	}
	config := t.TempDir()
	if err := os.Mkdir(filepath.Join(config, "cli-plugins"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(config, "cli-plugins", "docker-buildx")); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Patience)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, "docker", append([]string{"--config", config, "-H", host}, args...)...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + config, "DOCKER_BUILDKIT=1"}
		return cmd
	}
}

// TestBuildx asserts that BuildKit's session and control connection work with
// the four sections that it needs and no other: the context goes up, a secret
// is asked for, the result comes down, and the cache is used.
func TestBuildx(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	image := harness.Busybox(t)
	files := map[string]string{
		"Dockerfile": "FROM " + image + " AS made\nCOPY blob /blob\n" +
			"RUN --mount=type=secret,id=s cat /run/secrets/s /blob | md5sum >/sum\nFROM scratch\nCOPY --from=made /sum /sum\n",
		"blob":   megabytes + rand.Text(),
		"secret": "hunter2",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := harness.Start(t, map[string]string{"SOCKET_PATH": harness.EngineSocket, "BUILD": "1", "SESSION": "1", "GRPC": "1", "POST": "1", "IMAGES": "1", "INFO": "1"})
	docker := buildx(t, "tcp://"+p.Addr, dir)
	for i, command := range []string{"buildx build", "build"} {
		r := harness.Finish(t, docker(append(harness.Words(command), harness.Words("--network none --progress plain --secret id=s,src=secret -o out .")...)...))
		if r.Status != 0 {
			t.Fatalf("docker %s: status %d\n%s%s", command, r.Status, r.Stdout, r.Stderr)
		}
		step := regexp.MustCompile(`(?m)^(#\d+) .* RUN --mount`).FindStringSubmatch(r.Stderr)
		if cached := step != nil && strings.Contains(r.Stderr, step[1]+" CACHED"); cached != (i > 0) {
			t.Errorf("docker %s: cache used: %v, want it the second time only\n%s", command, cached, r.Stderr)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "out", "sum"))
	if err != nil {
		t.Fatal(err)
	}
	sum := exec.Command("md5sum")
	sum.Stdin = strings.NewReader(files["secret"] + files["blob"])
	if want := harness.Finish(t, sum).Stdout; string(got) != want {
		t.Errorf("the build made %q, want %q", got, want)
	}
}

// TestCancelledBuildxStops asserts that a build stops when its client does.
func TestCancelledBuildxStops(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	marker := rand.Text()
	dockerfile := "FROM " + harness.Busybox(t) + "\nRUN echo running; exec sh -c 'while :; do sleep 0.1; done' " + marker + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, map[string]string{"SOCKET_PATH": harness.EngineSocket, "BUILD": "1", "SESSION": "1", "GRPC": "1", "POST": "1", "IMAGES": "1", "INFO": "1"})
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		cmd := buildx(t, "tcp://"+p.Addr, dir)("buildx", "build", "--no-cache", "--network", "none", "--progress", "plain", ".")
		// The plugin is a child of docker and gets the signal from the terminal.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		harness.Await(t, "start of the build's command", func() bool { return runs(t, marker) })
		syscall.Kill(-cmd.Process.Pid, signal)
		cmd.Wait()
		harness.Await(t, "end of the build's command", func() bool { return !runs(t, marker) })
	}
}

// runs reports whether the engine, which is on this machine, runs a shell with
// an argument.
func runs(t *testing.T, argument string) bool {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range commands {
		command, _ := os.ReadFile(path)
		if strings.HasPrefix(string(command), "sh\x00") && strings.Contains(string(command), "\x00"+argument+"\x00") {
			return true
		}
	}
	return false
}

// TestCancelledBuildStops asserts that a build stops when its client is killed.
func TestCancelledBuildStops(t *testing.T) {
	t.Parallel()
	image, dir := harness.Busybox(t), t.TempDir()
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket}))
	dockerfile := "FROM " + image + "\nRUN echo running; sleep 1000\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	build := follow(t, "tcp://"+p.Addr, "build", "--network", "none", dir)
	id := build.until("Running in ([0-9a-f]{12})")[1]
	t.Cleanup(func() { harness.Remove("/containers/" + id + "?force=1") })
	build.until("^running$")
	build.cmd.Process.Kill()
	harness.Await(t, "end of the container that the build ran", func() bool {
		r := harness.Docker(t, harness.EngineHost, "inspect", "-f", "{{.State.Running}}", id)
		return strings.TrimSpace(r.Stdout) != "true"
	})
}
