package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// learnedProgram uses the engine at an address and reports whether that worked.
type learnedProgram func(t *testing.T, host string) (worked bool, said string)

// check lets the program use the real engine under LEARN=1, starts with
// each of the two environments that postern reports, and runs it again: it
// works. With one item less it does not. A run takes seconds, so that most items
// are asked for with the requests that the program sent: one has to be refused.
func (program learnedProgram) check(t *testing.T, removals int) {
	t.Helper()
	try := func(environ map[string]string) (p *postern, worked bool, said string) {
		p = start(t, with(environ, map[string]string{"SOCKET_PATH": engineSocket}))
		worked, said = program(t, "tcp://"+p.addr)
		return p, worked, said
	}
	p, worked, said := try(map[string]string{"LEARN": "1"})
	if !worked {
		t.Fatalf("under LEARN=1: %s", said)
	}
	sent := p.requests()
	learned := p.learned()
	t.Logf("learned %v from %d requests", learned, len(sent))
	replay := forwardedEngine(t)
	for _, settings := range []map[string]string{learned.toggles, learned.exact} {
		if _, worked, said := try(settings); !worked {
			t.Errorf("with %v: %s", settings, said)
		}
		less := thinned(settings)
		if len(less) < 4 {
			t.Errorf("%v: only %d items", settings, len(less))
		}
		for i, less := range less {
			p := start(t, with(less, map[string]string{"SOCKET_PATH": replay}))
			if !slices.Contains(p.forwarded(sent), false) {
				t.Errorf("%v refuses nothing: %v has more than is needed", less, settings)
			}
			if i >= removals {
				continue
			}
			if _, worked, _ := try(less); worked {
				t.Errorf("the program can do with %v", less)
			}
		}
	}
}

// requests lists what a proxy has forwarded, as its log has it.
func (p *postern) requests() (all []modelRequest) {
	p.t.Helper()
	// What is in the log has to be all.
	p.get("/v1.41/last")
	p.awaitLog(func(e entry) bool { return e["message"] == "refused" && e["path"] == "/v1.41/last" })
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.log {
		if e["message"] != "learned" || e["decision"] != "allowed" {
			continue
		}
		all = append(all, modelRequest{method: e["method"].(string), target: e["path"].(string)})
	}
	return all
}

func TestLearnDockerPy(t *testing.T) {
	t.Parallel()
	image := busybox(t)
	const python = "/usr/bin/python3" // Debian's, whose package python3-docker is
	if err := exec.Command(python, "-c", "import docker").Run(); err != nil {
		missing(t, "python3-docker", err)
	}
	learnedProgram(func(t *testing.T, host string) (bool, string) {
		t.Helper()
		name := unused(t)
		defer remove(name)
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		r := finish(t, exec.CommandContext(ctx, python, "testdata/learn.py", host, image, name))
		return r.status == 0, r.String()
	}).check(t, 3)
}

func TestLearnDockerCompose(t *testing.T) {
	t.Parallel()
	image := busybox(t)
	const program = "/usr/bin/docker-compose"
	if _, err := os.Stat(program); err != nil {
		missing(t, "docker-compose 1.29", err)
	}
	learnedProgram(func(t *testing.T, host string) (bool, string) {
		t.Helper()
		project, dir := unused(t), t.TempDir()
		file := "version: '3'\nservices:\n  box:\n    image: " + image + "\n    network_mode: none\n    command: sleep 1000\n"
		if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		compose := func(host string, args ...string) result {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, append([]string{"-p", project}, args...)...)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=" + host}
			return finish(t, cmd)
		}
		for _, command := range []string{"up -d", "exec -T box echo hello", "down -t 0"} {
			if r := compose(host, strings.Fields(command)...); r.status != 0 {
				compose(direct, "down", "-t", "0")
				return false, command + ": " + r.String()
			}
		}
		return true, ""
	}).check(t, 1)
}

// TestLearnInContainer follows README: a signal to the container, and the
// report is in its log, apart from the log's lines.
func TestLearnInContainer(t *testing.T) {
	t.Parallel()
	c := launch(t, "--read-only", "-v", engineSocket+":"+engineSocket, "-e", "LEARN=1")
	if r := docker(t, c.host(), "ps"); r.status != 0 {
		t.Errorf("docker ps under LEARN=1: %v", r)
	}
	prepare(t, "kill", "-s", "USR1", c.name)
	await(t, "report", func() bool { return strings.Contains(c.logs().stderr, "      ALLOW: ContainerList,SystemPing") })
	if len(c.entries("learned")) == 0 || c.inspect("{{.State.Running}}") != "true" {
		t.Errorf("no line of the log, or not running any longer: %s", c.logs().stdout)
	}
	reports := readReports(t, c.logs().stderr)
	for _, settings := range []map[string]string{reports[0].toggles, reports[0].exact} {
		args := []string{"--read-only", "-v", engineSocket + ":" + engineSocket}
		for name, value := range settings {
			args = append(args, "-e", name+"="+value)
		}
		c := launch(t, args...)
		if r := docker(t, c.host(), "ps"); r.status != 0 {
			t.Errorf("docker ps with %v: %v", settings, r)
		}
		if r := docker(t, c.host(), "images"); !strings.Contains(r.stderr, "set IMAGES=1, or ALLOW=ImageList") {
			t.Errorf("docker images with %v: %v, want a refusal", settings, r)
		}
		if text := c.logs().stderr; text != "" {
			t.Errorf("the container's stderr has %q", text)
		}
	}
}
