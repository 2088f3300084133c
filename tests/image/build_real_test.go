//go:build real

package image

import (
	"sync"
	"testing"

	"postern/tests/internal/harness"
)

// What buildImage passes as build arguments.
const (
	imageVersion  = "v1.2.3-test"
	imageRevision = "0123456789abcdef0123456789abcdef01234567"
)

// goImage is the image for the Dockerfile's build stage that .ci/stand-in-base
// makes. It stays for the next run.
const goImage = "postern-ci-go"

// needBaseImage ends the test where that image cannot be made.
func needBaseImage(t testing.TB) {
	t.Helper()
	harness.NeedDocker(t)
	if err := baseImage(); err != nil {
		harness.Missing(t, "image to build with", err, ".ci/stand-in-base makes one")
	}
}

var baseImage = sync.OnceValue(func() error {
	_, err := harness.OnEngine(harness.BuildPatience, ".ci/stand-in-base")
	return err
})

// buildImage returns the name of the image that the project's Dockerfile makes
// of the sources. It is built once for all tests.
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
	name := harness.RunName + "-postern"
	_, err := harness.OnEngine(harness.BuildPatience, "docker", "build", "--tag", name, "--label", harness.Label+"="+harness.RunName,
		"--build-arg", "GO_IMAGE="+goImage, "--build-arg", "VERSION="+imageVersion, "--build-arg", "REVISION="+imageRevision, ".")
	return name, err
})

// launch starts the project's image, with arguments of docker run.
func launch(t *testing.T, args ...string) harness.Container {
	t.Helper()
	return harness.StartContainer(t, buildImage(t), args...)
}
