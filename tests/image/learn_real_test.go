//go:build real

package image

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestLearnReportIsInTheContainersLog follows docs/learn.md: a signal to the container,
// and the report is in its log, apart from the log's lines.
func TestLearnReportIsInTheContainersLog(t *testing.T) {
	t.Parallel()
	c := launch(t, "--read-only", "-v", harness.EngineSocket+":"+harness.EngineSocket, "-e", "LEARN=1")
	if r := harness.Docker(t, c.Host(), "ps"); r.Status != 0 {
		t.Errorf("docker ps under LEARN=1: %v", r)
	}
	harness.MustDocker(t, "kill", "-s", "USR1", c.Name)
	harness.Await(t, "report", func() bool { return strings.Contains(c.Logs().Stderr, "      ALLOW: ContainerList\n") })
	if len(c.Entries("learned")) == 0 || c.Inspect("{{.State.Running}}") != "true" {
		t.Errorf("no line of the log, or not running any longer: %s", c.Logs().Stdout)
	}
	reports := harness.ReadReports(t, c.Logs().Stderr)
	for _, settings := range []map[string]string{reports[0].Toggles, reports[0].Exact} {
		args := []string{"--read-only", "-v", harness.EngineSocket + ":" + harness.EngineSocket}
		for name, value := range settings {
			args = append(args, "-e", name+"="+value)
		}
		c := launch(t, args...)
		if r := harness.Docker(t, c.Host(), "ps"); r.Status != 0 {
			t.Errorf("docker ps with %v: %v", settings, r)
		}
		if r := harness.Docker(t, c.Host(), "images"); !strings.Contains(r.Stderr, "set IMAGES=1") {
			t.Errorf("docker images with %v: %v, want a refusal", settings, r)
		}
		if text := c.Logs().Stderr; text != "" {
			t.Errorf("the container's stderr has %q", text)
		}
	}
}
