package harness

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
)

// program has the race detector if the tests have it: a race in postern then
// fails the test that runs it.
var program = sync.OnceValues(func() (string, error) {
	return goBuild("postern", RaceDetector())
})

// quickProgram is without the race detector, which takes time and memory.
var quickProgram = sync.OnceValues(func() (string, error) { return goBuild("postern", false) })

// goBuild builds a program of this module into a new folder and returns its
// path. What go run links stays in Go's build cache, unlike what go build links,
// so that each of the test packages does not link it again.
func goBuild(name string, race bool, environ ...string) (string, error) {
	dir, err := os.MkdirTemp(workDir, "")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	if err := noteSources(); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "run", "-buildvcs=false", fmt.Sprintf("-race=%v", race), "-exec", "cp -t "+dir, name)
	cmd.Env = append(os.Environ(), environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return filepath.Join(dir, path.Base(name)), nil
}

// noteSources looks at every source file. go test repeats a result from its cache
// unless a file has changed at which the test looked; it knows nothing of what go
// run compiles.
func noteSources() error {
	return filepath.WalkDir(Root(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".go", ".css", ".mod"}, filepath.Ext(path)) {
			_, err = os.Stat(path)
		}
		return err
	})
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
