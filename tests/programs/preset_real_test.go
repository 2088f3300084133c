//go:build real

package programs

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestReadonlyPresetAllowsReadsOnly tries docker-cli-readonly with the docker
// command on the real engine: what looks works, what changes is refused.
func TestReadonlyPresetAllowsReadsOnly(t *testing.T) {
	t.Parallel()
	container, image := harness.Box(t), harness.Busybox(t)
	p := harness.Start(t, harness.With(harness.DefaultsOff, map[string]string{"SOCKET_PATH": harness.EngineSocket, "PRESET": "docker-cli-readonly"}))
	for _, test := range []struct {
		command string
		works   bool
	}{
		{"version", true}, {"info", true}, {"ps -a", true}, {"images", true}, {"system df -v", true},
		{"inspect " + container, true}, {"image inspect " + image, true}, {"history " + image, true},
		{"logs " + container, true}, {"top " + container, true}, {"stats --no-stream " + container, true},
		{"diff " + container, true}, {"port " + container, true}, {"events --since 1 --until 2", true},
		{"network ls", true}, {"network inspect bridge", true}, {"volume ls", true},
		{"exec " + container + " true", false}, {"run --rm " + image + " true", false}, {"cp " + container + ":/bin/busybox -", false},
		{"kill " + container, false}, {"rm -f " + container, false}, {"tag " + image + " " + harness.Unused(t), false}, {"save " + image, false},
		{"export " + container, false}, {"pull " + image, false}, {"network create " + harness.Unused(t), false},
	} {
		r := harness.Docker(t, "tcp://"+p.Addr, strings.Fields(test.command)...)
		if refused := strings.Contains(r.Stderr, "postern: "); (r.Status == 0) != test.works || refused == test.works {
			t.Errorf("docker %s: %.500s\nworks should be %v", test.command, r, test.works)
		}
	}
}
