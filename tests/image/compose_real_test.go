//go:build real

package image

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestComposeFileServes brings the project's compose file up as the README says, on a
// free port, and tries the README's first two commands.
func TestComposeFileServes(t *testing.T) {
	t.Parallel()
	compose := harness.NeedCompose(t)
	needBaseImage(t)
	name := harness.Unused(t)
	file := editCompose(t,
		"build: .\n", "build: {context: ., args: {GO_IMAGE: "+goImage+"}}\n",
		"image: postern\n", "image: "+name+"\n",
		"127.0.0.1:2375:2375", "127.0.0.1::2375")
	run := func(args ...string) string {
		t.Helper()
		all := slices.Concat(compose[1:], []string{"--project-name", name, "--project-directory", ".", "--file", file}, args)
		out, err := harness.OnEngine(harness.BuildPatience, compose[0], all...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	t.Cleanup(func() { run("down") })
	run("up", "--detach")

	id := strings.TrimSpace(run("ps", "--quiet", "postern"))
	assertHardened(t, id)
	harness.Await(t, "successful health check", func() bool {
		return harness.Docker(t, harness.EngineHost, "exec", id, "/postern", "healthcheck").Status == 0
	})
	var c struct {
		NetworkSettings struct {
			Ports map[string][]struct{ HostPort string }
		}
	}
	inspect(t, "container", id, &c)
	host := "tcp://127.0.0.1:" + c.NetworkSettings.Ports["2375/tcp"][0].HostPort

	if r := harness.Docker(t, host, "version"); r.Status != 0 || !strings.Contains(r.Stdout, "Server:") {
		t.Errorf("docker version: status %d, want 0 and the server's\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
	if r := harness.Docker(t, host, "ps"); r.Status != 1 || !strings.Contains(r.Stderr, "set CONTAINERS=1") {
		t.Errorf("docker ps: status %d, want 1 and what to set\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
}

func assertHardened(t *testing.T, id string) {
	t.Helper()
	var c struct {
		HostConfig struct {
			ReadonlyRootfs, Privileged   bool
			CapAdd, CapDrop, SecurityOpt []string
			RestartPolicy                struct{ Name string }
			PortBindings                 map[string][]struct{ HostIP string }
		}
		NetworkSettings struct{ Networks map[string]struct{} }
	}
	inspect(t, "container", id, &c)
	h := c.HostConfig
	for i, name := range h.CapAdd {
		h.CapAdd[i] = strings.TrimPrefix(name, "CAP_") // which newer engines add
	}
	slices.Sort(h.CapAdd)
	if !h.ReadonlyRootfs || h.Privileged {
		t.Errorf("read-only %v, privileged %v: want true, false", h.ReadonlyRootfs, h.Privileged)
	}
	if !slices.Equal(h.CapDrop, []string{"ALL"}) || !slices.Equal(h.CapAdd, []string{"SETGID", "SETUID"}) {
		t.Errorf("cap_drop %q, cap_add %q: want ALL, SETGID and SETUID", h.CapDrop, h.CapAdd)
	}
	if !slices.Contains(h.SecurityOpt, "no-new-privileges:true") {
		t.Errorf("security_opt %q, want no-new-privileges:true", h.SecurityOpt)
	}
	if h.RestartPolicy.Name != "unless-stopped" {
		t.Errorf("restart %q, want unless-stopped", h.RestartPolicy.Name)
	}
	if ports := h.PortBindings["2375/tcp"]; len(h.PortBindings) != 1 || len(ports) != 1 || ports[0].HostIP != "127.0.0.1" {
		t.Errorf("ports %v, want 2375 on 127.0.0.1 alone", h.PortBindings)
	}
	internal := false
	for name := range c.NetworkSettings.Networks {
		internal = internal || harness.MustDocker(t, "network", "inspect", "--format", "{{.Internal}}", name) == "true\n"
	}
	if !internal {
		t.Errorf("none of the networks %v is internal, want one for consumers", c.NetworkSettings.Networks)
	}
}

// TestComposeFileWithConsumerIsValid asserts that the file stays valid when its
// user takes the comment signs off the consumer.
func TestComposeFileWithConsumerIsValid(t *testing.T) {
	t.Parallel()
	compose := harness.NeedCompose(t)
	file := editCompose(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^  # (traefik:|  .*)$`).ReplaceAll(text, []byte("  $1"))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := slices.Concat(compose[1:], []string{"--project-directory", ".", "--file", file, "config"})
	out, err := harness.OnEngine(harness.Patience, compose[0], args...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "--providers.docker.endpoint=tcp://postern:2375") {
		t.Errorf("the consumer is not in what is left of the file:\n%s", out)
	}
}

// editCompose writes a copy of the project's compose file with each old text
// replaced by the new one that follows it, and returns its name.
func editCompose(t *testing.T, oldNew ...string) string {
	t.Helper()
	text, err := os.ReadFile(harness.File("docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(oldNew, 2) {
		if n := strings.Count(string(text), pair[0]); n != 1 {
			t.Fatalf("docker-compose.yml has %q %d times, want once", pair[0], n)
		}
	}
	file := filepath.Join(t.TempDir(), "docker-compose.yml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(oldNew...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
