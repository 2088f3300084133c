//go:build real

package programs

import (
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestFirstLineOfLearnSuffices lets programs use the real engine under LEARN=1, sets
// what the first line of the report says and nothing else, and lets them use it again:
// they work, and nothing is refused.
func TestFirstLineOfLearnSuffices(t *testing.T) {
	t.Parallel()
	docker := presetProgram{name: "docker", cheap: true, use: useDocker}
	for _, program := range append([]presetProgram{docker}, presetPrograms...) {
		t.Run(program.name+"/"+program.preset, func(t *testing.T) {
			t.Parallel()
			harness.NeedDocker(t)
			path := program.find(t)
			var settings map[string]string
			t.Run("learn", func(t *testing.T) {
				p := harness.Start(t, map[string]string{"SOCKET_PATH": harness.EngineSocket, "LEARN": "1"})
				program.use(t, path, "tcp://"+p.Addr)
				settings = firstLine(t, p.Learned().First)
			})
			t.Run("set", func(t *testing.T) {
				p := harness.Start(t, harness.With(settings, map[string]string{"SOCKET_PATH": harness.EngineSocket}))
				program.use(t, path, "tcp://"+p.Addr)
				for _, e := range p.Log() {
					if e["message"] == "refused" {
						t.Errorf("with %v refused: %v", settings, e)
					}
				}
			})
		})
	}
}

// firstLine reads the settings in the first line of a report.
func firstLine(t *testing.T, first string) map[string]string {
	t.Helper()
	line := regexp.MustCompile(`^(.*?) covers? all of it`).FindStringSubmatch(first)
	if line == nil {
		t.Fatalf("the first line of the report names no settings: %q", first)
	}
	settings := map[string]string{}
	for setting := range strings.SplitSeq(line[1], " and ") {
		name, value, _ := strings.Cut(setting, "=")
		settings[name] = value
	}
	return settings
}

func useDocker(t *testing.T, _, host string) {
	name, image := harness.Unused(t), harness.Busybox(t)
	for _, args := range [][]string{
		{"ps"}, {"run", "-d", "--name", name, image, "sh", "-c", "echo ready; exec sleep 1000"}, {"logs", name}, {"exec", name, "true"}, {"rm", "-f", name},
	} {
		if r := harness.Docker(t, host, args...); r.Status != 0 {
			t.Errorf("docker %q: %v", args, r)
		}
	}
}
