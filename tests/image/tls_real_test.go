//go:build real

package image

import (
	"fmt"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestTLSAloneTurnsHealthy asserts that a container whose only listener is tls:// turns
// healthy, also in the host's network with another one beside.
func TestTLSAloneTurnsHealthy(t *testing.T) {
	t.Parallel()
	image := harness.StaticImage(t)
	ca := harness.NewCA(t, "ca")
	certs := ca.Files(ca.Server())
	for _, args := range []string{"", "--network host", "--network host --pid host", fmt.Sprint("--user 65532 --group-add ", engineGroup(t))} {
		for second := range 2 { // with the same settings as the first
			name := harness.Unused(t)
			harness.MustDocker(t, append(harness.Words("run -d --name "+name+" "+args+" --cap-drop ALL --cap-add SETUID --cap-add SETGID --read-only --health-interval 1s"),
				"--health-cmd", "/postern healthcheck", "-v", harness.EngineSocket+":"+harness.EngineSocket, "-v", certs+":/certs:ro", "-e", "LISTEN=tls://127.0.0.1:0", image)...)
			if strings.Contains(args, "--pid") && second > 0 {
				continue // nothing tells it from the first, so the first answers its check
			}
			harness.Await(t, "health of postern with "+args, func() bool {
				state := harness.MustDocker(t, "inspect", "--format", "{{.State.Status}} {{.State.Health.Status}} {{json .State.Health.Log}}", name)
				if strings.HasPrefix(state, "exited") || strings.Contains(state, "unhealthy") {
					t.Fatalf("%s: %s\n%s", args, state, harness.Docker(t, harness.EngineHost, "logs", name))
				}
				return strings.HasPrefix(state, "running healthy")
			})
		}
	}
}
