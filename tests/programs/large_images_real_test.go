//go:build real

package programs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestLargeImagesTakeLittleMemory moves 300 MB out of the engine and back into it
// through the proxy, whose memory must not grow with it.
func TestLargeImagesTakeLittleMemory(t *testing.T) {
	t.Parallel()
	image, name := harness.Busybox(t), harness.Unused(t)
	buildFrom(t, name, "FROM "+image+"\nRUN head -c 300000000 /dev/zero >/large\n")
	// A build without the race detector, which takes memory.
	p := harness.StartQuick(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket}))
	host := "tcp://" + p.Addr
	save := harness.DockerCommand(t, host, "save", name)
	load := harness.DockerCommand(t, host, "load")
	out, err := save.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	load.Stdin = out
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	if r := harness.Finish(t, load); r.Status != 0 || !strings.Contains(r.Stdout, "Loaded image: "+name) {
		t.Errorf("docker load: status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
	if err := save.Wait(); err != nil {
		t.Errorf("docker save: %v", err)
	}
	if peak := harness.ProcStatus(t, p.PID(), "VmHWM"); peak > 30<<20 {
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
	harness.MustDocker(t, "build", "--network", "none", "-t", name, dir)
}
