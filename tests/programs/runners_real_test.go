//go:build real

package programs

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/tests/internal/harness"
)

// testcontainersProgram builds testdata/testcontainers, a module of its own.
func testcontainersProgram(t *testing.T) string {
	t.Helper()
	return filepath.Join(testcontainersPrograms(t), "testcontainers")
}

// ryukProgram is Ryuk, if PROGRAMS has it, or its stand-in: the Go module proxy does not
// have its source.
func ryukProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(os.Getenv("PROGRAMS"), "ryuk")
	if _, err := os.Stat(program); err != nil {
		return filepath.Join(testcontainersPrograms(t), "ryuk")
	}
	return program
}

// testcontainersPrograms returns a folder with the programs of testdata/testcontainers.
func testcontainersPrograms(t *testing.T) string {
	t.Helper()
	dir, err := testcontainersModule()
	if err != nil {
		harness.Missing(t, "testcontainers-go", err, "go mod download in tests/programs/testdata/testcontainers needs a network")
	}
	return dir
}

var testcontainersModule = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", ""); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir, "./...")
	cmd.Dir = harness.File("tests/programs/testdata/testcontainers")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // Ryuk runs in a container without libraries
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func useTestcontainers(t *testing.T, program, host string) {
	if err := tryTestcontainers(t, program, host, "TESTCONTAINERS_RYUK_DISABLED=true", "PASSWORD="+password); err != nil {
		t.Error(err)
	}
}

func tryTestcontainers(t *testing.T, program, host string, environ ...string) error {
	cmd := command(t, host, program, harness.Busybox(t), harness.Unused(t))
	cmd.Env = append(append(cmd.Env, onThisHost), environ...)
	return tried(t, cmd)
}

// onThisHost says where published ports are: in a container Testcontainers guesses.
const onThisHost = "TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1"

// tryRyuk lets a program that ends without removing anything start Ryuk, and waits until
// Ryuk has removed all.
func tryRyuk(t *testing.T, host string, environ ...string) error {
	image, name, prefix := harness.Busybox(t), harness.Unused(t), harness.Unused(t)
	// The name that Testcontainers has for Ryuk's image, behind the prefix of the user's registry.
	ryuk, own := prefix+"/testcontainers/ryuk:0.14.0", prefix+"/"+image
	container := harness.Unused(t)
	harness.MustDocker(t, "create", "--name", container, image)
	harness.MustDocker(t, "cp", ryukProgram(t), container+":/ryuk")
	harness.MustDocker(t, "commit", "--change", `ENTRYPOINT ["/ryuk"]`, "--change", "CMD []", container, ryuk)
	harness.MustDocker(t, "tag", image, own)
	t.Cleanup(func() { harness.RemoveAll(own); harness.RemoveAll(ryuk) })

	cmd := command(t, host, testcontainersProgram(t), image, name, "leave")
	cmd.Env = append(append(cmd.Env, onThisHost, "TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX="+prefix, "RYUK_RECONNECTION_TIMEOUT=1s"), environ...)
	if err := tried(t, cmd); err != nil {
		return err
	}
	harness.Await(t, "end of Ryuk", func() bool { return harness.MustDocker(t, "ps", "-aq", "--filter", "ancestor="+ryuk) == "" })
	for _, list := range []string{"ps -aq --filter name=", "volume ls -q --filter name="} {
		if left := harness.MustDocker(t, strings.Fields(list+name)...); left != "" {
			return fmt.Errorf("docker %s%s: Ryuk has left %s", list, name, left)
		}
	}
	return nil
}

func useAct(t *testing.T, program, host string) {
	if err := tryAct(t, program, host, "--container-daemon-socket", "-", "--network", "bridge"); err != nil {
		t.Error(err)
	}
}

// toolCache is a volume of all jobs of act on an engine.
const toolCache = "act-toolcache"

// actTurn is held by the one test that runs act, and so makes the volume.
var actTurn sync.Mutex

// hasToolCache reports whether somebody used act on this engine before these tests.
var hasToolCache = sync.OnceValue(func() bool {
	_, err := harness.OnEngine(harness.Patience, "docker", "volume", "inspect", toolCache)
	return err == nil
})

// tryAct runs a workflow with a service, a step, and an action that is built.
func tryAct(t *testing.T, program, host string, args ...string) error {
	actTurn.Lock()
	defer actTurn.Unlock()
	image, name := harness.Busybox(t), harness.Unused(t)
	cmd := command(t, host, program, append([]string{"push", "--pull=false", "-P", "ubuntu-latest=" + image, "-W", "test.yml"}, args...)...)
	for file, text := range map[string]string{
		"test.yml": "name: " + name + "\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    container: " + image + "\n" +
			"    services:\n      server:\n        image: " + image + "\n        options: --tty --interactive\n" + // or its shell would end
			"    steps:\n      - uses: actions/checkout@v4\n      - run: ping -c 1 server && echo it-$((40 + 2))\n        shell: sh\n      - uses: ./" + name + "\n",
		name + "/action.yml": "runs: {using: docker, image: Dockerfile}\n",
		name + "/Dockerfile": "FROM " + image + "\nCMD echo action-$((40 + 3))\n",
	} {
		path := filepath.Join(cmd.Dir, file)
		if err := cmp.Or(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", cmd.Dir).CombinedOutput(); err != nil {
		harness.Missing(t, "git", fmt.Errorf("%w: %s", err, out), "apt-get install git")
	}
	keep := hasToolCache()
	defer func() {
		for id := range strings.FieldsSeq(harness.MustDocker(t, "ps", "-aq", "--filter", "name="+name)) {
			harness.Remove("/containers/" + id + "?force=1&v=1")
		}
		harness.Remove("/images/act-" + name + "-dockeraction")
		if !keep {
			harness.Remove("/volumes/" + toolCache)
		}
	}()
	r := harness.Finish(t, cmd)
	if r.Status != 0 || !strings.Contains(r.Stdout, "it-42") || !strings.Contains(r.Stdout, "action-43") {
		return fmt.Errorf("act: %v", r)
	}
	return nil
}
