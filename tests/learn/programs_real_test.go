//go:build real

package learn

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// learnedProgram uses the engine at an address and reports whether that worked.
type learnedProgram func(t *testing.T, host string) (worked bool, said string)

// requests lists what a proxy has forwarded, as its log has it.
func requests(t *testing.T, p *harness.Postern) (all []harness.Request) {
	t.Helper()
	// What is in the log has to be all.
	p.Get("/v1.41/last")
	p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "refused" && e["path"] == "/v1.41/last" })
	for _, e := range p.Log() {
		if e["message"] != "learned" || e["decision"] != "allowed" {
			continue
		}
		all = append(all, harness.Request{Method: e["method"].(string), Target: e["path"].(string)})
	}
	return all
}

func TestLearnedSettingsSufficeForDockerPy(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	python := harness.NeedDockerPy(t)
	learnedProgram(func(t *testing.T, host string) (bool, string) {
		t.Helper()
		name := harness.Unused(t)
		defer harness.RemoveAll(name)
		ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Patience)
		defer cancel()
		r := harness.Finish(t, exec.CommandContext(ctx, python, "testdata/learn.py", host, image, name))
		return r.Status == 0, r.String()
	}).check(t, 3)
}

func TestLearnedSettingsSufficeForDockerCompose(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	program := harness.NeedCommand(t, "docker-compose", "docker-compose")
	learnedProgram(func(t *testing.T, host string) (bool, string) {
		t.Helper()
		project, dir := harness.Unused(t), t.TempDir()
		file := "version: '3'\nservices:\n  box:\n    image: " + image + "\n    network_mode: none\n    command: sleep 1000\n"
		if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		compose := func(host string, args ...string) harness.Result {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, append([]string{"-p", project}, args...)...)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=" + host}
			return harness.Finish(t, cmd)
		}
		for _, command := range []string{"up -d", "exec -T box echo hello", "down -t 0"} {
			if r := compose(host, strings.Fields(command)...); r.Status != 0 {
				compose(harness.EngineHost, "down", "-t", "0")
				return false, command + ": " + r.String()
			}
		}
		return true, ""
	}).check(t, 1)
}

// check lets the program use the real engine under LEARN=1, starts with
// each of the two environments that postern reports, and runs it again: it
// works. With one item less it does not. A run takes seconds, so that most items
// are tried with the requests that the program sent: one has to be refused.
func (program learnedProgram) check(t *testing.T, removals int) {
	t.Helper()
	try := func(environ map[string]string) (p *harness.Postern, worked bool, said string) {
		p = harness.Start(t, harness.With(environ, map[string]string{"SOCKET_PATH": harness.EngineSocket}))
		worked, said = program(t, "tcp://"+p.Addr)
		return p, worked, said
	}
	p, worked, said := try(map[string]string{"LEARN": "1"})
	if !worked {
		t.Fatalf("under LEARN=1: %s", said)
	}
	sent := requests(t, p)
	learned := p.Learned()
	t.Logf("learned %v from %d requests", learned, len(sent))
	replay := harness.MarkingEngine(t)
	for _, settings := range []map[string]string{learned.Toggles, learned.Exact} {
		if _, worked, said := try(settings); !worked {
			t.Errorf("with %v: %s", settings, said)
		}
		less := thinned(settings)
		if len(less) < 4 {
			t.Errorf("%v: only %d items", settings, len(less))
		}
		for i, less := range less {
			p := harness.Start(t, harness.With(less, map[string]string{"SOCKET_PATH": replay}))
			if !slices.Contains(p.Forwarded(sent), false) {
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
