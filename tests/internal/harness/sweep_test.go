package harness

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSweepRemovesInterruptedRuns makes what an interrupted run leaves: a folder,
// and a process that was started in it. Both belong to a process that is over.
func TestSweepRemovesInterruptedRuns(t *testing.T) {
	t.Parallel()
	over := exec.Command("cat")
	stdin, err := over.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := over.Start(); err != nil {
		t.Fatal(err)
	}
	name := namePrefix + processID(over.Process.Pid)
	folder := filepath.Join(filepath.Dir(workDir), name)
	if err := os.MkdirAll(filepath.Join(folder, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", "1000")
	child.Env = []string{"TMPDIR=" + folder}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}

	sweep(isOver)
	if _, err := os.Stat(folder); err != nil {
		t.Errorf("the folder of a run that goes on: %v, want it left alone", err)
	}
	stdin.Close()
	over.Wait()
	sweep(isOver)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of a run that is over: %v, want it removed", err)
	}
	child.Wait()
	if status := child.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Errorf("the process of a run that is over: %v, want it killed", child.ProcessState)
	}
}
