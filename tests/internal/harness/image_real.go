//go:build real

package harness

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// PosternImage returns the name of an image that the last stage of the project's
// Dockerfile makes, of a program that this machine's Go has built. That takes
// seconds; package image builds all of the Dockerfile. All tests of a package share
// the image.
func PosternImage(t testing.TB) string {
	t.Helper()
	NeedDocker(t)
	name, err := posternImage()
	if err != nil {
		t.Fatalf("making an image of postern: %v", err)
	}
	return name
}

var posternImage = sync.OnceValues(func() (string, error) {
	program, err := staticProgram()
	if err != nil {
		return "", err
	}
	dockerfile, err := os.ReadFile(File("Dockerfile"))
	if err != nil {
		return "", err
	}
	_, last, found := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	if !found {
		return "", errors.New("the Dockerfile has no stage FROM scratch")
	}
	context := filepath.Dir(program)
	stages := "FROM scratch AS build\nCOPY postern /postern\nFROM scratch\n" + last
	if err := os.WriteFile(filepath.Join(context, "Dockerfile"), []byte(stages), 0o600); err != nil {
		return "", err
	}
	name := RunName + "-postern"
	_, err = OnEngine(BuildPatience, "docker", "build", "--tag", name, "--label", Label+"="+RunName, context)
	return name, err
})
