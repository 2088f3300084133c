//go:build real

package image

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// refuses runs postern in a container in which it must not start and returns
// what it says.
func refuses(t *testing.T, args ...string) string {
	t.Helper()
	name := harness.Unused(t)
	r := harness.Docker(t, harness.EngineHost, append(append([]string{"run", "--name", name}, args...), buildImage(t))...)
	if r.Status != 2 || !strings.HasPrefix(r.Stderr, "postern: cannot start:\n") {
		t.Errorf("docker run %q: status %d, want 2\nstdout: %s\nstderr: %s", args, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stderr
}

// TestFailedStartNamesTheRemedy asserts that a start which cannot work ends with
// what to do.
func TestFailedStartNamesTheRemedy(t *testing.T) {
	t.Parallel()
	group := engineGroup(t)
	file := filepath.Join(harness.SocketDir(t), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	socket := func(uid, gid int, mode os.FileMode) string { return harness.Mount(serveSocket(t, uid, gid, mode).path) }
	denied := serveSocket(t, 0, 998, 0o660)
	denyUser(t, denied.path, 65532)
	closed := serveSocket(t, 0, 998, 0o660)
	if err := os.Chmod(filepath.Dir(closed.path), 0o700); err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"root's alone": {
			[]string{socket(0, 0, 0o600)},
			[]string{"docker.sock belongs to 0:0 with mode 0600, and postern runs as 65532:65532;", "environment: [RUN_AS=0]"},
		},
		"another user's alone": {
			[]string{socket(1000, 1001, 0o600)},
			[]string{"belongs to 1000:1001 with mode 0600", `add user: "1000:1001"`},
		},
		"user without the group": {
			[]string{"--user=65532", harness.Mount(harness.EngineSocket)},
			[]string{fmt.Sprintf("belongs to 0:%d with mode 0660, and postern runs as 65532:0;", group), fmt.Sprintf(`group_add: ["%d"], or user: "65532:%d"`, group, group)},
		},
		"mode that lets no user connect": {
			[]string{socket(0, 998, 0o440)},
			[]string{"mode 0440", "chmod 0660 /var/run/docker.sock on the host"},
		},
		"denied though the mode allows": {
			[]string{harness.Mount(denied.path)},
			[]string{"belongs to 0:998 with mode 0660, and postern runs as 65532:998;", "SELinux", "security_opt: [label=disable]"},
		},
		"closed directory": {
			[]string{"--volume=" + filepath.Dir(closed.path) + ":/run/engine", "--env=SOCKET_PATH=/run/engine/docker.sock"},
			[]string{"no permission to reach /run/engine/docker.sock", "may not enter /run/engine;"},
		},
		"root without capabilities": {
			[]string{"--cap-drop=ALL", harness.Mount(harness.EngineSocket)},
			[]string{"started as root without SETUID and SETGID,", "cap_add: [SETUID, SETGID]", fmt.Sprintf(`user: "65532:%d"`, group)},
		},
		"root without SETGID": {
			[]string{"--cap-drop=ALL", "--cap-add=SETUID", harness.Mount(harness.EngineSocket)},
			[]string{"started as root without SETGID,"},
		},
		"directory": {
			[]string{harness.Mount(filepath.Join(harness.SocketDir(t), "dokcer.sock"))},
			[]string{`SOCKET_PATH="/var/run/docker.sock" is a directory`, "Docker makes one", "spelling, and remove the directory"},
		},
		"file":   {[]string{harness.Mount(file)}, []string{`SOCKET_PATH="/var/run/docker.sock" is not a socket: mount the engine's with -v /var/run/docker.sock:`}},
		"absent": {nil, []string{`no socket at SOCKET_PATH="/var/run/docker.sock"`, "-v /var/run/docker.sock:/var/run/docker.sock"}},
		"bad RUN_AS": {
			[]string{"--env=RUN_AS=nobody", harness.Mount(harness.EngineSocket)},
			[]string{`invalid RUN_AS="nobody": want the number of a user`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := refuses(t, test.args...)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("want %q in: %s", want, got)
				}
			}
		})
	}
}

// denyUser takes a user's access to a file away with an access control list,
// acl(5): as with SELinux, the mode does not show it.
func denyUser(t *testing.T, path string, uid uint32) {
	t.Helper()
	const readWrite, noID = 6, ^uint32(0)
	list := binary.LittleEndian.AppendUint32(nil, 2) // the format's version
	for _, e := range []struct {
		tag, permissions uint16
		id               uint32
	}{
		{0x01, readWrite, noID}, // the owner
		{0x02, 0, uid},
		{0x04, readWrite, noID}, // the group
		{0x10, readWrite, noID}, // the mask
		{0x20, 0, noID},         // others
	} {
		list = binary.LittleEndian.AppendUint16(list, e.tag)
		list = binary.LittleEndian.AppendUint16(list, e.permissions)
		list = binary.LittleEndian.AppendUint32(list, e.id)
	}
	if err := syscall.Setxattr(path, "system.posix_acl_access", list, 0); err != nil {
		t.Fatalf("setting an access control list: %v", err)
	}
}
