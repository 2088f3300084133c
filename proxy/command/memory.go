package command

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// LimitMemory tells the garbage collector the container's memory limit, less a tenth
// for memory that it does not count. It does nothing if the environment has a
// GOMEMLIMIT.
func LimitMemory(environ map[string]string) {
	if environ["GOMEMLIMIT"] != "" {
		return
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// "max", or cgroup v1's number of 2^63 less a page, mean no limit.
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit < 1<<60 {
			debug.SetMemoryLimit(limit / 10 * 9)
		}
		return
	}
}
