//go:build real

package programs

import (
	"context"
	"os/exec"
	"testing"

	"postern/tests/internal/harness"
)

// TestDockerPyActsAsOnTheSocket asserts that a docker-py program sees the same
// through the proxy as on the socket.
func TestDockerPyActsAsOnTheSocket(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	python := harness.NeedDockerPy(t)
	run := func(host string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*harness.Patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, python, "testdata/docker_py.py", host, image, harness.Unused(t))
		r := harness.Finish(t, cmd)
		if r.Status != 0 {
			t.Fatalf("through %s: status %d\n%s%s", host, r.Status, r.Stdout, r.Stderr)
		}
		return r.Stdout
	}
	want := run(harness.EngineHost)
	for _, w := range harness.ThroughProxy(t) {
		if got := run(w.Host()); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", w.Network, got, want)
		}
	}
}
