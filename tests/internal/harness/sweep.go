package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

const namePrefix = "postern-test-"

// named finds the process of a run in the name of something that it made.
var named = regexp.MustCompile(`postern-test-([0-9]+)-([0-9]+)`)

// processID identifies a process of this machine, also after its number has
// been used again.
func processID(pid int) string { return fmt.Sprint(pid, "-", startTime(pid)) }

// startTime is when a process began, proc_pid_stat(5), or "" if there is none.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The command's name, in parentheses, may have spaces and more parentheses.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return fields[19]
}

// isOwn reports whether this process made what has the name or path.
func isOwn(name string) bool {
	return named.FindString(name) == RunName
}

// isOver reports whether a process that no longer runs made it.
func isOver(name string) bool {
	m := named.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	pid, err := strconv.Atoi(m[1])
	return err == nil && startTime(pid) != m[2]
}

// sweep removes everything whose name matches: processes first, for they go on
// making the rest.
func sweep(match func(name string) bool) {
	killProcesses(match)
	sweepReal(match)
	folders, _ := filepath.Glob(filepath.Join(filepath.Dir(workDir), namePrefix+"*"))
	for _, folder := range folders {
		if match(filepath.Base(folder)) {
			removeFolder(folder)
		}
	}
}

// killProcesses kills the processes that a run started: the path of their
// program or a variable of their environment has the run's folder in it.
func killProcesses(match func(name string) bool) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == os.Getpid() {
			continue
		}
		program, _ := os.Readlink(filepath.Join(dir, "exe"))
		// A process that is not dumpable shows its arguments and nothing else.
		arguments, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		command, _, _ := strings.Cut(string(arguments), "\x00")
		environment, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if match(program) || match(command) || match(string(environment)) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// removeFolder removes a run's folder. Another user's stays.
func removeFolder(folder string) {
	err := os.RemoveAll(folder)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		fmt.Fprintln(os.Stderr, "harness: a leftover of the tests stays:", err)
	}
}
