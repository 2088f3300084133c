//go:build real

package image

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestStartInUserNamespaces starts postern where numbers of users are not the
// machine's: as in a container of a rootless engine, or of Podman's keep-id.
// It runs no image, only the namespace that such a container has.
func TestStartInUserNamespaces(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	harness.NeedRoot(t)            // a map of many users takes it
	const user, sub = 4711, 200000 // the user's own number and the first of its subordinate ones
	one := func(inside, outside int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: inside, HostID: outside, Size: 1}}
	}
	rootless := append(one(0, user), syscall.SysProcIDMap{ContainerID: 1, HostID: sub, Size: 65536})
	keepID := append(one(1000, user), syscall.SysProcIDMap{ContainerID: 0, HostID: sub, Size: 1000})
	// A user who is not root cannot empty its bounding set, which a new
	// namespace fills.
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(last)))
	all := uint64(1)<<(n+1) - 1
	alone := func(p privileges) privileges {
		p.groups = ""
		return p
	}
	for name, test := range map[string]struct {
		ids   []syscall.SysProcIDMap
		uid   uint32 // who it is started as
		owner int    // of the engine's socket, a number of the machine
		runAs string
		want  privileges // in numbers of the machine
		says  string     // instead of a start
	}{
		"rootless engine": {rootless, 0, user, "65532", becomes(sub+65532-1, user, 0), ""},
		"keep-id":         {keepID, 1000, user, "65532", alone(becomes(user, user, all)), ""},
		"one user, root":  {one(0, user), 0, user, "0", alone(becomes(user, user, 0)), ""},
		"one user": {one(0, user), 0, user, "65532", privileges{},
			"cannot become 65532:0 in this user namespace: invalid argument; set RUN_AS to a user that it has, or RUN_AS=0"},
		"root's engine": {rootless, 0, 0, "65532", privileges{}, "65534 stands for numbers that this user namespace does not have"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := harness.Command(t, map[string]string{
				"SOCKET_PATH": serveSocket(t, test.owner, test.owner, 0o660).path, "LISTEN": "tcp://127.0.0.1:0", "RUN_AS": test.runAs,
			})
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags: syscall.CLONE_NEWUSER, UidMappings: test.ids, GidMappings: test.ids, GidMappingsEnableSetgroups: true,
				Credential: &syscall.Credential{Uid: test.uid, Gid: test.uid},
			}
			if test.says != "" {
				if r := harness.Finish(t, cmd); r.Status != 2 || !strings.Contains(r.Stderr, test.says) {
					t.Errorf("got %+v, want status 2 and %q", r, test.says)
				}
				return
			}
			p := harness.StartCommand(t, cmd)
			if a := p.Get("/version"); a.Status != 200 {
				t.Errorf("GET /version: %d %s", a.Status, a.Body)
			}
			holds(t, p.PID(), test.want)
		})
	}
}
