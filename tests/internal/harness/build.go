package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
)

// program has the race detector if the tests have it: a race in postern then
// fails the test that runs it.
var program = sync.OnceValues(func() (string, error) {
	return goBuild("postern", "postern", fmt.Sprintf("-race=%v", RaceDetector()))
})

// quickProgram is without the race detector, which takes time and memory, and
// runs in a container that has no libraries.
var quickProgram = sync.OnceValues(func() (string, error) { return goBuild("quick/postern", "postern") })

// goBuild builds a package of this module to a file in the run's folder.
func goBuild(file, name string, flags ...string) (string, error) {
	path := filepath.Join(workDir, file)
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, name)...)
	if !slices.Contains(flags, "-race=true") {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build %s: %w\n%s", name, err, out)
	}
	return path, err
}

// RaceDetector reports whether the tests have it, and so the program.
func RaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// Root is the project's folder.
var Root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	panic("harness: no go.mod above the test's folder")
})

// File is the path of a file of the project.
func File(name string) string { return filepath.Join(Root(), name) }
