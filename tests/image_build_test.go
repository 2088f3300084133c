package tests

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// buildPatience is how long a test waits for a build on a slow machine.
const buildPatience = 10 * time.Minute

// What buildImage passes as build arguments.
const (
	imageVersion  = "v1.2.3-test"
	imageRevision = "0123456789abcdef0123456789abcdef01234567"
)

// needDocker ends the test where no Docker Engine answers on its usual socket.
func needDocker(t testing.TB) {
	t.Helper()
	if err := engineAnswers(); err != nil {
		missing(t, "Docker Engine", err)
	}
}

var engineAnswers = sync.OnceValue(func() error {
	_, err := onEngine(patience, "docker", "version", "--format", "{{.Server.Version}}")
	return err
})

// missing ends a test that needs what this machine lacks. go test ./... has to
// pass for a user who has Go alone, so such a test steps aside, unless
// POSTERN_TEST_REQUIRE=all says that nothing may be missing.
func missing(t testing.TB, component string, err error) {
	t.Helper()
	if os.Getenv("POSTERN_TEST_REQUIRE") == "all" {
		t.Fatalf("no %s: %v", component, err)
	}
	t.Skipf("no %s: %v", component, err)
}

// onEngine runs a command in the project's directory, with the real engine as
// its Docker Engine, and returns what it prints.
func onEngine(patience time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+direct)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%q: %w: %s", cmd.Args, err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// needBaseImage ends the test where the image of the Dockerfile's build stage
// can be neither had nor replaced.
func needBaseImage(t testing.TB) {
	t.Helper()
	needDocker(t)
	if err := baseImage(); err != nil {
		missing(t, "image to build with", err)
	}
}

var baseImage = sync.OnceValue(func() error {
	script, err := filepath.Abs("../.ci/stand-in-base")
	if err == nil {
		_, err = onEngine(buildPatience, script)
	}
	return err
})

// buildImage returns the name of the image that the project's Dockerfile makes
// of the sources. It is built once, for all tests, and removed after the last.
func buildImage(t testing.TB) string {
	t.Helper()
	needBaseImage(t)
	name, err := image()
	if err != nil {
		t.Fatalf("building the image: %v", err)
	}
	return name
}

var image = sync.OnceValues(func() (string, error) {
	name := "postern-test-" + strings.ToLower(rand.Text())
	deferToEnd(func() { remove(name) })
	_, err := onEngine(buildPatience, "docker", "build", "--tag", name,
		"--build-arg", "VERSION="+imageVersion, "--build-arg", "REVISION="+imageRevision, ".")
	return name, err
})

// needCompose returns the words that docker compose begins with here.
func needCompose(t testing.TB) []string {
	t.Helper()
	needDocker(t)
	if _, err := onEngine(patience, "docker", "compose", "version"); err == nil {
		return []string{"docker", "compose"}
	}
	if _, err := exec.LookPath("docker-compose"); err != nil {
		missing(t, "Docker Compose", errors.New("neither docker compose nor docker-compose is a command here"))
	}
	return []string{"docker-compose"}
}
