//go:build real

package harness

import (
	"sync"
	"testing"
)

// What PosternImage passes as build arguments.
const (
	ImageVersion  = "v1.2.3-test"
	ImageRevision = "0123456789abcdef0123456789abcdef01234567"
)

// GoImage is the image for the Dockerfile's build stage that .ci/stand-in-base
// makes. It stays for the next run.
const GoImage = "postern-ci-go"

// NeedGoImage ends the test where that image cannot be made.
func NeedGoImage(t testing.TB) {
	t.Helper()
	NeedDocker(t)
	if err := madeGoImage(); err != nil {
		Missing(t, "image to build with", err, ".ci/stand-in-base makes one")
	}
}

var madeGoImage = sync.OnceValue(func() error {
	_, err := OnEngine(BuildPatience, ".ci/stand-in-base")
	return err
})

// PosternImage returns the name of the image that the project's Dockerfile makes
// of the sources. All tests of a package share it.
func PosternImage(t testing.TB) string {
	t.Helper()
	NeedGoImage(t)
	name, err := posternImage()
	if err != nil {
		t.Fatalf("building the image: %v", err)
	}
	return name
}

var posternImage = sync.OnceValues(func() (string, error) {
	name := RunName + "-postern"
	_, err := OnEngine(BuildPatience, "docker", "build", "--tag", name, "--label", Label+"="+RunName,
		"--build-arg", "GO_IMAGE="+GoImage, "--build-arg", "VERSION="+ImageVersion, "--build-arg", "REVISION="+ImageRevision, ".")
	return name, err
})
