//go:build real

package learn

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// TestReportIsValidCompose pastes what a proxy reports into a compose file.
func TestReportIsValidCompose(t *testing.T) {
	t.Parallel()
	program := harness.NeedCommand(t, "docker-compose", "docker-compose")
	p := harness.Start(t, map[string]string{"SOCKET_PATH": harness.MarkingEngine(t), "LEARN": "1", "DENY": "*Prune"})
	p.Get("/containers/json")
	harness.Send(t, p.Dial(), harness.Head("POST", "/containers/web/restart"))
	learned := p.Learned()
	for i, document := range strings.Split(p.Stderr.String(), "---\n") {
		file := filepath.Join(t.TempDir(), "docker-compose.yml")
		text := "version: '3'\nservices:\n  postern:\n    image: postern\n" + document + "    read_only: true\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, complaint bytes.Buffer
		cmd := exec.CommandContext(t.Context(), program, "-f", file, "config")
		cmd.Stdout, cmd.Stderr = &out, &complaint
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, complaint.String(), text)
		}
		var config struct {
			Services map[string]struct{ Environment map[string]string }
		}
		if err := yaml.Unmarshal(out.Bytes(), &config); err != nil {
			t.Fatal(err)
		}
		want := []map[string]string{learned.Shortest, learned.Exact, learned.Toggles}[i]
		if got := config.Services["postern"].Environment; !maps.Equal(got, want) {
			t.Errorf("docker-compose reads %v, want %v", got, want)
		}
	}
}
