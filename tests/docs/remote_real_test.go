//go:build real

package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestRemoteCommands runs the five commands of docs/remote.md: those of procyon on this
// machine, with postern in a container, and those of the laptop in the network of
// another container, which reaches postern by its name alone.
func TestRemoteCommands(t *testing.T) {
	t.Parallel()
	harness.NeedRoot(t)
	image := harness.StaticImage(t)
	text, err := os.ReadFile(harness.File("docs/remote.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^(procyon|laptop)\$ (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(commands) != 5 {
		t.Fatalf("docs/remote.md has %d commands, want 5", len(commands))
	}
	procyon, laptop, name, network := t.TempDir(), t.TempDir(), harness.Unused(t), harness.Unused(t)
	harness.MustDocker(t, "network", "create", "--internal", network)
	other := harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", other, "--network", network, harness.Busybox(t), "sleep", "1000")
	t.Cleanup(func() { harness.RemoveAll(name); harness.RemoveAll(other) }) // before the network
	replacements := strings.NewReplacer(
		" postern certs ", " "+image+" certs ",
		"CONTAINERS=1 postern", "CONTAINERS=1 "+image,
		"--name postern", "--name "+name+" --network "+network,
		"-p 2376:2376 ", "", // another program may have the port
		"--restart unless-stopped", "--cap-drop ALL --cap-add SETUID --cap-add SETGID",
		"scp -r certs/gerard gerard@laptop:procyon", "cp -r certs/gerard "+laptop+"/procyon",
	)
	for _, c := range commands {
		machine, command := c[1], replacements.Replace(c[2])
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = procyon
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + procyon, "PWD=" + procyon}
		if machine == "laptop" {
			address := strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", fmt.Sprintf("{{(index .NetworkSettings.Networks %q).IPAddress}}", network), name))
			hosts := filepath.Join(laptop, "hosts")
			if err := os.WriteFile(hosts, []byte(address+" procyon.lan\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			pid := strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", "{{.State.Pid}}", other))
			cmd = exec.CommandContext(t.Context(), "nsenter", "--target", pid, "--net", "unshare", "--mount",
				"sh", "-c", "mount --bind "+hosts+" /etc/hosts && cd "+laptop+" && "+command)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + laptop}
		}
		r := harness.Finish(t, cmd)
		if r.Status != 0 {
			t.Fatalf("%s$ %s\n%v", machine, command, r)
		}
		if strings.Contains(command, "run -d") {
			harness.Await(t, "start of postern", func() bool {
				return strings.Contains(harness.Docker(t, harness.EngineHost, "logs", name).Stdout, `"message":"started"`)
			})
		}
		if strings.HasSuffix(command, " ps") && !strings.Contains(r.Stdout, name) {
			t.Errorf("%s$ %s\n%v\nwant postern's own container", machine, command, r)
		}
	}
}
