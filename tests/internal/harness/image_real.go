//go:build real

package harness

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// PosternImage returns the name of an image that the project's Dockerfile makes of a
// program that this machine's Go has built. That takes seconds; package image builds
// all of the Dockerfile. All tests of a package share the image.
func PosternImage(t testing.TB) string {
	t.Helper()
	NeedDocker(t)
	NeedBusybox(t)
	name, err := posternImage()
	if err != nil {
		t.Fatalf("making an image of postern: %v", err)
	}
	return name
}

var posternImage = sync.OnceValues(func() (string, error) {
	base, err := busyboxImage()
	if err != nil {
		return "", err
	}
	program, err := staticProgram()
	if err != nil {
		return "", err
	}
	dockerfile, err := os.ReadFile(File("Dockerfile"))
	if err != nil {
		return "", err
	}
	build, last, found := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	if !found {
		return "", errors.New("the Dockerfile has no stage FROM scratch")
	}
	stages := "FROM " + base + " AS build\nCOPY postern /postern\n"
	for _, run := range instruction.FindAllString(build, -1) {
		if !strings.Contains(run, "go ") {
			stages += run + "\n"
		}
	}
	context := filepath.Dir(program)
	if err := os.WriteFile(filepath.Join(context, "Dockerfile"), []byte(stages+"FROM scratch\n"+last), 0o600); err != nil {
		return "", err
	}
	name := RunName + "-postern"
	_, err = OnEngine(BuildPatience, "docker", "build", "--tag", name, "--label", Label+"="+RunName, context)
	return name, err
})

// instruction finds RUN in a Dockerfile, with the lines that go on with it.
var instruction = regexp.MustCompile(`(?m)^RUN (?:.*\\\n)*.*$`)
