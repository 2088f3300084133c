package privilege

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// readState returns the credentials of this process, or an error if its threads
// differ in them.
func readState() (State, error) {
	const pattern = "/proc/self/task/*/status"
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return State{}, err
	}
	var state State
	threads := 0
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		s, err := parse(string(status))
		if err != nil {
			return s, fmt.Errorf("cannot read %s: %w", path, err)
		}
		if threads > 0 && s != state {
			return s, fmt.Errorf("threads differ in privileges: %+v and %+v", state, s)
		}
		state = s
		threads++
	}
	if threads == 0 {
		return state, fmt.Errorf("cannot tell the privileges of this process: nothing to read in %s", pattern)
	}
	state.Threads = threads
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return state, fmt.Errorf("cannot tell whether other processes may trace this one: %w", err)
	}
	state.Dumpable = dumpable == 1
	return state, nil
}

// parse reads the text of /proc/<pid>/status, proc_pid_status(5).
//
// The file has the ambient capabilities since Linux 4.3, the first version that
// knows them, and no_new_privs since 4.10. On the older kernels that some network
// storage devices run, no_new_privs is read by prctl, which reports the calling
// thread's only.
func parse(status string) (State, error) {
	var s State
	sets := map[string]*uint64{
		"CapInh": &s.Inheritable, "CapPrm": &s.Permitted, "CapEff": &s.Effective,
		"CapBnd": &s.Bounding, "CapAmb": &s.Ambient,
	}
	required := 0
	hasNoNewPrivs := false
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		var err error
		switch set := sets[key]; {
		case set != nil:
			*set, err = strconv.ParseUint(value, 16, 64)
		case key == "Uid":
			err = parseIDs(&s.UID, value)
		case key == "Gid":
			err = parseIDs(&s.GID, value)
		case key == "Groups":
			s.Groups = value
		case key == "NoNewPrivs":
			s.NoNewPrivs, hasNoNewPrivs = value == "1", true
		default:
			continue
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", key, err)
		}
		if key != "CapAmb" && key != "NoNewPrivs" {
			required++
		}
	}
	if required != 7 {
		return s, fmt.Errorf("%d of 7 fields found", required)
	}
	if !hasNoNewPrivs {
		set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		if err != nil {
			return s, fmt.Errorf("no_new_privs: %w", err)
		}
		s.NoNewPrivs = set == 1
	}
	return s, nil
}

func parseIDs(ids *[4]int, value string) error {
	fields := strings.Fields(value)
	if len(fields) != len(ids) {
		return fmt.Errorf("%q is not %d ids", value, len(ids))
	}
	for i, field := range fields {
		id, err := strconv.Atoi(field)
		if err != nil {
			return err
		}
		ids[i] = id
	}
	return nil
}
