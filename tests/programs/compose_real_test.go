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

// TestDockerComposeWorks asserts that docker-compose 1.29, a Python program on an
// old version of the API, works through a unix listener.
// TestLearnedSettingsSufficeForDockerCompose uses a TCP listener.
func TestDockerComposeWorks(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	program := harness.NeedCommand(t, "docker-compose", "docker-compose")
	host := harness.ThroughProxy(t)[1].Host()
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
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=" + host}
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
			t.Fatalf("docker-compose %s: status %d, want 0 and %q\n%s%s", test.command, r.Status, test.want, r.Stdout, r.Stderr)
		}
	}
}
