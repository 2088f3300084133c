//go:build real

package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// privileges is what /proc says of a thread, proc_pid_status(5).
type privileges struct {
	uid, gid                                   string // real, effective, saved, file system
	groups                                     string
	inheritable, permitted, effective, ambient string
	bounding                                   string
	noNewPrivs                                 string
}

// becomes is a user with one group and no capabilities; bounding is the
// bounding set.
func becomes(uid, gid int, bounding uint64) privileges {
	four := func(id int) string { return strings.TrimSpace(strings.Repeat(strconv.Itoa(id)+" ", 4)) }
	none := fmt.Sprintf("%016x", 0)
	return privileges{
		uid: four(uid), gid: four(gid), groups: strconv.Itoa(gid),
		inheritable: none, permitted: none, effective: none, ambient: none,
		bounding: fmt.Sprintf("%016x", bounding), noNewPrivs: "1",
	}
}

// holds asserts what every thread of a process may do, in the machine's numbers.
func holds(t *testing.T, pid string, want privileges) {
	t.Helper()
	paths, err := filepath.Glob("/proc/" + pid + "/task/*/status")
	if err != nil || len(paths) < 2 {
		t.Fatalf("%d threads found, want several; %v", len(paths), err)
	}
	told := map[privileges]bool{want: true}
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{}
		for line := range strings.Lines(string(status)) {
			key, value, _ := strings.Cut(line, ":")
			fields[key] = strings.Join(strings.Fields(value), " ")
		}
		got := privileges{
			fields["Uid"], fields["Gid"], fields["Groups"],
			fields["CapInh"], fields["CapPrm"], fields["CapEff"], fields["CapAmb"],
			fields["CapBnd"], fields["NoNewPrivs"],
		}
		if !told[got] {
			told[got] = true
			t.Errorf("%s:\n got %+v\nwant %+v", path, got, want)
		}
	}
}

// inGroup adds a supplementary group. The kernel sorts them.
func inGroup(group int, p privileges) privileges {
	var other int
	fmt.Sscan(p.groups, &other)
	p.groups = fmt.Sprint(min(group, other), max(group, other))
	return p
}

// TestImageBecomesItsUser starts the image in the ways that users do.
func TestImageBecomesItsUser(t *testing.T) {
	t.Parallel()
	group := engineGroup(t)
	hardened := []string{"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"}
	ids := []string{"--cap-add=SETUID", "--cap-add=SETGID"}
	real := func(args ...string) []string { return append(args, harness.Mount(harness.EngineSocket)) }
	for name, test := range map[string]struct {
		args []string
		want privileges
	}{
		"root":                  {real(), becomes(65532, group, 0)},
		"root, hardened":        {real(append(ids, hardened...)...), becomes(65532, group, setIDs)},
		"root, privileged":      {real(privileged(t)...), becomes(65532, group, 0)},
		"root, no-new-privs":    {real("--security-opt=no-new-privileges"), becomes(65532, group, 0)},
		"root, RUN_AS":          {real("--env=RUN_AS=1234"), becomes(1234, group, 0)},
		"root, RUN_AS=0":        {real("--env=RUN_AS=0"), becomes(0, 0, 0)},
		"user:group":            {real(append(hardened, fmt.Sprintf("--user=65532:%d", group))...), becomes(65532, group, 0)},
		"user and group_add":    {real("--user=1000:1000", fmt.Sprintf("--group-add=%d", group)), inGroup(group, becomes(1000, 1000, dockerGrants))},
		"root with files of 64": {real("--ulimit=nofile=64:64"), becomes(65532, group, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := launch(t, test.args...)
			holds(t, c.PID(), test.want)
			c.CheckVersion()
			holds(t, c.PID(), test.want)
			// Else a container with the same user and PID namespace could use them.
			info, err := os.Stat("/proc/" + c.PID() + "/fd")
			if err != nil {
				t.Fatal(err)
			}
			if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
				t.Errorf("its open files belong to user %d, want root", uid)
			}
			if !c.Healthy() {
				t.Error("the health check fails")
			}
		})
	}
}

// Capabilities in a bounding set, capabilities(7): what is left of it where
// postern may not empty it (that takes SETPCAP) and no_new_privs has to do.
const (
	setIDs       = 1<<7 | 1<<6 // SETUID, SETGID
	dockerGrants = 0xa80425fb  // what a container has by default
)

// privileged is the argument for a container that may do everything or, where
// the engine itself may not, everything that the engine may.
func privileged(t *testing.T) []string {
	t.Helper()
	if harness.Docker(t, harness.EngineHost, "run", "--rm", "--privileged", harness.Busybox(t), "true").Status == 0 {
		return []string{"--privileged"}
	}
	return []string{"--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"}
}

// TestImageKeepsTheSocketsGroup starts the image as root in front of sockets of
// all kinds of owners.
func TestImageKeepsTheSocketsGroup(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uid, gid int
		mode     os.FileMode
		args     []string
		want     privileges
		logged   string
	}{
		"root:docker":            {0, 998, 0o660, nil, becomes(65532, 998, 0), "started"},
		"root:root, as Synology": {0, 0, 0o660, nil, becomes(65532, 0, 0), "running with group 0, because the engine's socket belongs to root's group"},
		"a group without users":  {0, 54321, 0o660, nil, becomes(65532, 54321, 0), "started"},
		"open to all":            {0, 0, 0o666, nil, becomes(65532, 65532, 0), "started"},
		"closed to its group":    {0, 65532, 0o606, []string{"--env=RUN_AS=1234"}, becomes(1234, 1234, 0), "started"},
		"another user's":         {1000, 1000, 0o600, []string{"--env=RUN_AS=1000"}, becomes(1000, 1000, 0), "started"},
		"root's alone":           {0, 0, 0o600, []string{"--env=RUN_AS=0"}, becomes(0, 0, 0), "running as root, because RUN_AS=0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := launch(t, append(test.args, harness.Mount(serveSocket(t, test.uid, test.gid, test.mode).path))...)
			holds(t, c.PID(), test.want)
			c.CheckVersion()
			if len(c.Entries(test.logged)) != 1 {
				t.Errorf("the log does not say once %q: %s", test.logged, c.Logs().Stdout)
			}
		})
	}
}
