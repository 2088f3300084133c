//go:build real

package programs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// podmanConf lets Podman run containers as root in a sandbox whose limits and
// cgroups are not its own to set.
const podmanConf = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`

// podmanService starts Podman's API service with a storage of its own and an
// image called box in it, and returns its socket.
func podmanService(t *testing.T) string {
	t.Helper()
	harness.NeedRoot(t) // its service takes root in a container
	harness.NeedBusybox(t)
	for _, name := range []string{"podman", "runc", "catatonit"} {
		harness.NeedCommand(t, name, name)
	}
	dir := harness.SocketDir(t)
	conf, socket := filepath.Join(dir, "containers.conf"), filepath.Join(dir, "podman.sock")
	if err := os.WriteFile(conf, []byte(podmanConf), 0o644); err != nil {
		t.Fatal(err)
	}
	storage := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}
	podman := func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "podman", append(storage, args...)...)
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+conf)
		return cmd
	}
	service := podman(context.Background(), "system", "service", "--time=0", "unix://"+socket)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		podman(context.Background(), "rm", "--all", "--force", "--time=0").Run()
		service.Process.Kill()
		service.Wait()
	})
	harness.Await(t, "response of Podman", func() bool {
		return exec.Command("podman", "--remote", "--url", "unix://"+socket, "version").Run() == nil
	})
	// As podman.socket has it, Podman's unit for systemd.
	if err := os.Chmod(socket, 0o660); err != nil {
		t.Fatal(err)
	}
	files, err := harness.BusyboxFiles()
	if err != nil {
		t.Fatal(err)
	}
	load := podman(t.Context(), "import", "-", "box")
	load.Stdin = files
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("podman import: %v\n%s", err, out)
	}
	return socket
}

// podmanRemote runs podman against an API at host.
func podmanRemote(t *testing.T, host, stdin string, args ...string) harness.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "podman", append([]string{"--remote", "--url", host}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	return harness.Finish(t, cmd)
}

// TestPodmanClientsWork runs Podman's own client, on Podman's own API, and the docker
// command on Podman's Docker API, with the toggles that each needs.
func TestPodmanClientsWork(t *testing.T) {
	t.Parallel()
	socket := podmanService(t)
	libpod := harness.Start(t, map[string]string{
		"SOCKET_PATH": socket, "POST": "1",
		"LIBPOD_CONTAINERS": "1", "LIBPOD_IMAGES": "1", "LIBPOD_EXEC": "1", "LIBPOD_PODS": "1", "LIBPOD_INFO": "1", "LIBPOD_EVENTS": "1",
	})
	host := "tcp://" + libpod.Addr
	for _, step := range []struct{ command, stdin, want string }{
		{"version --format {{.Server.APIVersion}}", "", "4"},
		{"run --rm --network none box echo hi", "", "hi\n"},
		{"run --rm -i --network none box cat", "from standard input\n", "from standard input\n"},
		{"run -d --name web --network none box sleep 1000", "", ""},
		{"ps --format {{.Names}}", "", "web\n"},
		{"exec web echo in", "", "in\n"},
		{"exec -i web cat", "to exec\n", "to exec\n"},
		{"images --format {{.Repository}}", "", "localhost/box\n"},
		{"inspect --format {{.State.Status}} web", "", "running\n"},
		{"pod create --network none --name pod", "", ""},
		{"pod ps --format {{.Name}}", "", "pod\n"},
	} {
		r := podmanRemote(t, host, step.stdin, strings.Fields(step.command)...)
		if r.Status != 0 || !strings.HasPrefix(r.Stdout, step.want) {
			t.Fatalf("podman %s: status %d, printed %q, want %q\n%s", step.command, r.Status, r.Stdout, step.want, r.Stderr)
		}
	}

	compat := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1"})
	if r := harness.Docker(t, "tcp://"+compat.Addr, "ps", "--format", "{{.Names}}"); r.Status != 0 || !strings.Contains(r.Stdout, "web\n") {
		t.Errorf("docker ps on Podman with CONTAINERS=1: status %d, %q\n%s", r.Status, r.Stdout, r.Stderr)
	}
	if r := harness.Docker(t, "tcp://"+compat.Addr, "stop", "web"); r.Status == 0 || !strings.Contains(r.Stderr, "ALLOW_STOP=1") {
		t.Errorf("docker stop on Podman with POST=0: status %d, %q, want a refusal", r.Status, r.Stderr)
	}

	verbs := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "ALLOW": "ContainerListLibpod,ContainerInspectLibpod,ContainerExistsLibpod,PodListLibpod,PodInspectLibpod,PodExistsLibpod", "ALLOW_STOP": "1"})
	host = "tcp://" + verbs.Addr
	for _, refused := range []struct{ command, remedy string }{
		{"images", "set LIBPOD_IMAGES=1, or ALLOW=ImageListLibpod"},
		{"healthcheck run web", "it runs the health check's command in the container"},
		{"top web", "it may run the container's own ps"},
		{"exec web true", "LIBPOD_CONTAINERS=1 and LIBPOD_EXEC=1 and POST=1"},
		{"kill web", "ALLOW_RESTARTS=1"},
		{"pod kill pod", "ALLOW_RESTARTS=1"},
		{"pod start pod", "ALLOW_START=1"},
	} {
		r := podmanRemote(t, host, "", strings.Fields(refused.command)...)
		if r.Status == 0 || !strings.Contains(r.Stderr, refused.remedy) {
			t.Errorf("podman %s: status %d, %q, want a refusal with %q", refused.command, r.Status, r.Stderr, refused.remedy)
		}
	}
	if r := podmanRemote(t, host, "", "stop", "--time=0", "web"); r.Status != 0 {
		t.Errorf("podman stop with ALLOW_STOP=1: status %d\n%s", r.Status, r.Stderr)
	}
}
