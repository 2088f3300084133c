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

// TestDockerCompose asserts that docker-compose 1.29, a Python program on an
// old version of the API, works through the proxy.
func TestDockerCompose(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	program := harness.NeedCommand(t, "docker-compose", "docker-compose")
	for _, w := range harness.ThroughProxy(t) {
		project, dir := harness.Unused(t), t.TempDir()
		file := "version: '3'\nservices:\n  box:\n    image: " + image +
			"\n    network_mode: none\n    command: sh -c 'echo started; exec sleep 1000'\n"
		if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		compose := func(args ...string) harness.Result {
			t.Helper()
			ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, append([]string{"-p", project}, args...)...)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=" + w.Host()}
			return harness.Finish(t, cmd)
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
			if r.Status != 0 || !strings.Contains(r.Stdout, test.want) {
				t.Fatalf("%s: docker-compose %s: status %d, want 0 and %q\n%s%s",
					w.Network, test.command, r.Status, test.want, r.Stdout, r.Stderr)
			}
		}
	}
}
