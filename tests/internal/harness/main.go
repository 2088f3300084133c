// Package harness runs the postern binary for tests, in front of a stand-in
// engine or, in files with the build tag real, in front of this machine's
// Docker Engine.
//
// Everything that a test run makes carries the run's name: its folder under the
// temporary directory, and the containers, images, networks and volumes in the
// engine. [Main] removes them at the end, and what an interrupted run has left
// at the start of the next one.
package harness

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// RunName begins the name of everything that this process makes. The process's
// number and start time are in it, so that a later run can tell that this one
// is over.
var RunName = namePrefix + processID(os.Getpid())

// workDir is the folder of everything that this process writes, t.TempDir
// included. Every user can enter it, because postern started as root becomes
// another one.
var workDir = filepath.Join(os.TempDir(), RunName)

// Main runs the tests of a package, which calls it in TestMain. It does not
// return.
func Main(m *testing.M) {
	sweep(isOver)
	if err := os.Mkdir(workDir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(1)
	}
	os.Setenv("TMPDIR", workDir)

	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		sweep(isOwn)
		os.Exit(1)
	}()
	status := m.Run()
	sweep(isOwn)
	os.Exit(status)
}
