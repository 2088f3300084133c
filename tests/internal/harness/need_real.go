//go:build real

package harness

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// Missing ends a test that needs a component which this machine lacks; install
// is the line that installs it. Under CI=true that is a failure: a test that is
// skipped there would never run.
func Missing(t testing.TB, component string, err error, install string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("no %s: %v: %s", component, err, install)
	}
	t.Skipf("no %s: %v: %s", component, err, install)
}

// NeedCommand returns the path of a command, which a Debian package has.
func NeedCommand(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name, err, "apt-get install "+debianPackage)
	}
	return path
}

// NeedDockerPy returns Debian's Python, whose package python3-docker is.
func NeedDockerPy(t testing.TB) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import docker").Run(); err != nil {
		Missing(t, "docker-py", err, "apt-get install python3-docker")
	}
	return python
}

// NeedRoot ends a test that takes root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root", errors.New("running as another user"), "run the tests as root")
	}
}

// NeedDocker ends the test where no Docker Engine answers on its usual socket.
func NeedDocker(t testing.TB) {
	t.Helper()
	if err := engineAnswers(); err != nil {
		Missing(t, "Docker Engine", err, ".ci/engine installs and starts one")
	}
}

// NeedCompose returns the words that docker compose begins with here.
func NeedCompose(t testing.TB) []string {
	t.Helper()
	NeedDocker(t)
	if _, err := OnEngine(Patience, "docker", "compose", "version"); err == nil {
		return []string{"docker", "compose"}
	}
	return []string{NeedCommand(t, "docker-compose", "docker-compose")}
}
