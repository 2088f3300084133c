//go:build real

package docs

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestBenchmarkPrintsItsTable measures as docs/performance.md says, as little as can be.
func TestBenchmarkPrintsItsTable(t *testing.T) {
	harness.NeedCommand(t, "wrk", "wrk")
	harness.NeedCommand(t, "haproxy", "haproxy")
	ctx, cancel := context.WithTimeout(t.Context(), harness.BuildPatience)
	defer cancel()
	bench := func(args ...string) harness.Result {
		return harness.Finish(t, exec.CommandContext(ctx, harness.File("tests/bench/run"), append([]string{"-rounds", "1", "-seconds", "1", "-only", "version` (200), connections: 1"}, args...)...))
	}
	if r := bench(); r.Status != 0 || !strings.Contains(r.Stdout, "| medians of 1 rounds | postern | HAProxy | postern / HAProxy |") {
		t.Errorf("no table: %v", r)
	}
	profile := filepath.Join(t.TempDir(), "cpu.out")
	if r := bench("-profile", profile); r.Status != 0 {
		t.Fatalf("-profile: %v", r)
	}
	if r := harness.Finish(t, exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", profile)); r.Status != 0 || !strings.Contains(r.Stdout, "postern/proxy") {
		t.Errorf("the profile has nothing of postern: %v", r)
	}
}
