package tests

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Capabilities in a bounding set, capabilities(7): what is left of it where
// postern may not empty it (that takes SETPCAP) and no_new_privs has to do.
const (
	setIDs       = 1<<7 | 1<<6 // SETUID, SETGID
	dockerGrants = 0xa80425fb  // what a container has by default
)

// TestBecomes starts the image in the ways that users do.
func TestBecomes(t *testing.T) {
	t.Parallel()
	group := engineGroup(t)
	hardened := []string{"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"}
	ids := []string{"--cap-add=SETUID", "--cap-add=SETGID"}
	real := func(args ...string) []string { return append(args, mount(engineSocket)) }
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
			c.holds(test.want)
			c.answers()
			c.holds(test.want)
			if !c.healthy() {
				t.Error("the health check fails")
			}
		})
	}
}

// privileged is the argument for a container that may do everything or, where
// the engine itself may not, everything that the engine may.
func privileged(t *testing.T) []string {
	t.Helper()
	if docker(t, direct, "run", "--rm", "--privileged", busybox(t), "true").status == 0 {
		return []string{"--privileged"}
	}
	return []string{"--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"}
}

// inGroup adds a supplementary group. The kernel sorts them.
func inGroup(group int, p privileges) privileges {
	var other int
	fmt.Sscan(p.groups, &other)
	p.groups = fmt.Sprint(min(group, other), max(group, other))
	return p
}

// TestSockets starts the image as root in front of sockets of all kinds of
// owners.
func TestSockets(t *testing.T) {
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
		"a group nobody has":     {0, 54321, 0o660, nil, becomes(65532, 54321, 0), "started"},
		"open to all":            {0, 0, 0o666, nil, becomes(65532, 65532, 0), "started"},
		"closed to its group":    {0, 65532, 0o606, []string{"--env=RUN_AS=1234"}, becomes(1234, 1234, 0), "started"},
		"another user's":         {1000, 1000, 0o600, []string{"--env=RUN_AS=1000"}, becomes(1000, 1000, 0), "started"},
		"root's alone":           {0, 0, 0o600, []string{"--env=RUN_AS=0"}, becomes(0, 0, 0), "running as root, as RUN_AS=0 asks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := launch(t, append(test.args, mount(serveSocket(t, test.uid, test.gid, test.mode).path))...)
			c.holds(test.want)
			c.answers()
			if len(c.entries(test.logged)) != 1 {
				t.Errorf("the log does not say once %q: %s", test.logged, c.logs().stdout)
			}
		})
	}
}

// TestCannotStart asserts that a start which cannot work ends with what to do.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	group := engineGroup(t)
	file := filepath.Join(socketDir(t), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	socket := func(uid, gid int, mode os.FileMode) string { return mount(serveSocket(t, uid, gid, mode).path) }
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
			[]string{"--user=65532", mount(engineSocket)},
			[]string{fmt.Sprintf("belongs to 0:%d with mode 0660, and postern runs as 65532:0;", group), fmt.Sprintf(`group_add: ["%d"], or user: "65532:%d"`, group, group)},
		},
		"mode that opens to nobody": {
			[]string{socket(0, 998, 0o440)},
			[]string{"mode 0440", "chmod 0660 /var/run/docker.sock on the host"},
		},
		"denied though the mode allows": {
			[]string{mount(denied.path)},
			[]string{"belongs to 0:998 with mode 0660, and postern runs as 65532:998;", "SELinux", "security_opt: [label=disable]"},
		},
		"closed directory": {
			[]string{"--volume=" + filepath.Dir(closed.path) + ":/run/engine", "--env=SOCKET_PATH=/run/engine/docker.sock"},
			[]string{"no permission to reach /run/engine/docker.sock", "may not enter /run/engine;"},
		},
		"root without capabilities": {
			[]string{"--cap-drop=ALL", mount(engineSocket)},
			[]string{"started as root without SETUID and SETGID,", "cap_add: [SETUID, SETGID]", fmt.Sprintf(`user: "65532:%d"`, group)},
		},
		"root without SETGID": {
			[]string{"--cap-drop=ALL", "--cap-add=SETUID", mount(engineSocket)},
			[]string{"started as root without SETGID,"},
		},
		"directory": {
			[]string{mount(filepath.Join(socketDir(t), "dokcer.sock"))},
			[]string{`SOCKET_PATH="/var/run/docker.sock" is a directory`, "Docker makes one", "spelling, and remove the directory"},
		},
		"file":   {[]string{mount(file)}, []string{`SOCKET_PATH="/var/run/docker.sock" is not a socket: mount the engine's with -v /var/run/docker.sock:`}},
		"absent": {nil, []string{`no socket at SOCKET_PATH="/var/run/docker.sock"`, "-v /var/run/docker.sock:/var/run/docker.sock"}},
		"bad RUN_AS": {
			[]string{"--env=RUN_AS=nobody", mount(engineSocket)},
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
	const readWrite, nobody = 6, ^uint32(0)
	list := binary.LittleEndian.AppendUint32(nil, 2) // the format's version
	for _, e := range []struct {
		tag, permissions uint16
		id               uint32
	}{
		{0x01, readWrite, nobody}, // the owner
		{0x02, 0, uid},
		{0x04, readWrite, nobody}, // the group
		{0x10, readWrite, nobody}, // the mask
		{0x20, 0, nobody},         // others
	} {
		list = binary.LittleEndian.AppendUint16(list, e.tag)
		list = binary.LittleEndian.AppendUint16(list, e.permissions)
		list = binary.LittleEndian.AppendUint32(list, e.id)
	}
	if err := syscall.Setxattr(path, "system.posix_acl_access", list, 0); err != nil {
		t.Fatalf("setting an access control list: %v", err)
	}
}

// TestOddHosts starts the image where the kernel or the engine gives less, or
// more, than usual.
func TestOddHosts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		listen string
	}{
		"IPv6":                      {[]string{"--sysctl=net.ipv6.conf.all.disable_ipv6=0"}, "tcp://[::]:2375"},
		"IPv6 disabled":             {[]string{"--sysctl=net.ipv6.conf.all.disable_ipv6=1"}, "tcp://[::]:2375"},
		"a kernel without IPv6":     {[]string{seccomp(t, `{"names":["socket"],"action":"SCMP_ACT_ERRNO","errnoRet":97,"args":[{"index":0,"value":10,"op":"SCMP_CMP_EQ"}]}`)}, "tcp://0.0.0.0:2375"},
		"a kernel without Landlock": {[]string{seccomp(t, `{"names":["landlock_create_ruleset"],"action":"SCMP_ACT_ERRNO","errnoRet":38}`)}, "tcp://[::]:2375"},
		"few files":                 {[]string{"--ulimit=nofile=64:64"}, "tcp://[::]:2375"},
		"all files":                 {[]string{mostFiles(t)}, "tcp://[::]:2375"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := launch(t, append(test.args, mount(engineSocket))...)
			c.answers()
			c.holds(becomes(65532, engineGroup(t), 0))
			if got := c.entries("started")[0]["listen"].([]any)[0]; got != test.listen {
				t.Errorf("it listens on %s, want %s", got, test.listen)
			}
			if got := c.entries("confined")[0]["landlock"]; strings.Contains(name, "Landlock") && got != 0.0 {
				t.Errorf("Landlock %v is in force, want none", got)
			}
			if got := status(t, c.inspect("{{.State.Pid}}"), "VmRSS"); got > 40<<20 {
				t.Errorf("it takes %d MB of memory, want at most 40", got>>20)
			}
		})
	}
}

// mostFiles is the argument for the highest limit on open files that can be
// had here: the one that containerd's unlimited service has on many machines,
// which made programs with a table of that size run out of memory, or else the
// engine's own.
func mostFiles(t *testing.T) string {
	t.Helper()
	const unlimited = "--ulimit=nofile=1073741816"
	if docker(t, direct, "run", "--rm", unlimited, busybox(t), "true").status == 0 {
		return unlimited
	}
	return "--ulimit=nofile=" + strings.TrimSpace(prepare(t, "run", "--rm", busybox(t), "sh", "-c", "ulimit -Hn"))
}

// seccomp is the argument for a profile that allows everything but one rule.
func seccomp(t *testing.T, rule string) string {
	t.Helper()
	path := filepath.Join(socketDir(t), "seccomp.json")
	profile := `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_AARCH64"],"syscalls":[` + rule + `]}`
	if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--security-opt=seccomp=" + path
}

// TestListenerFile asserts who a listener's file belongs to when root made it
// and another serves, that the health check passes without PING, and that the
// file is removed at exit where the directory lets it.
func TestListenerFile(t *testing.T) {
	t.Parallel()
	group := engineGroup(t)
	hardened := []string{"--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID"}
	for name, test := range map[string]struct {
		args     []string
		options  string
		dir      os.FileMode
		uid, gid int
		mode     os.FileMode
		removed  bool
	}{
		"root's directory":    {nil, "", 0o755, 65532, group, 0o660, false},
		"anybody's directory": {nil, "", 0o777 | os.ModeSticky, 65532, group, 0o660, true},
		"asked for":           {nil, "?uid=1000&gid=1001&mode=0600", 0o777, 1000, 1001, 0o600, true},
		"hardened":            {hardened, "", 0o755, 0, 0, 0o660, false},
		"hardened, asked for": {append(hardened, "--cap-add=CHOWN"), "?uid=1000&gid=1001", 0o755, 1000, 1001, 0o660, false},
		"user":                {[]string{fmt.Sprintf("--user=65532:%d", group)}, "", 0o777, 65532, group, 0o660, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := socketDir(t)
			if err := os.Chmod(dir, test.dir); err != nil {
				t.Fatal(err)
			}
			c := launch(t, append(test.args, mount(engineSocket), "--volume="+dir+":/run/postern",
				"--env=PING=0", "--env=LISTEN=unix:///run/postern/api.sock"+test.options)...)
			path := filepath.Join(dir, "api.sock")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			stat := info.Sys().(*syscall.Stat_t)
			if int(stat.Uid) != test.uid || int(stat.Gid) != test.gid || info.Mode().Perm() != test.mode {
				t.Errorf("the socket belongs to %d:%d with mode %o, want %d:%d and %o", stat.Uid, stat.Gid, info.Mode().Perm(), test.uid, test.gid, test.mode)
			}
			if !c.healthy() {
				t.Error("the health check fails")
			}
			if a := send(t, dial(t, "unix", path), head("GET", "/version")); a.status != 200 {
				t.Errorf("GET /version on the socket: %d %s", a.status, a.body)
			}
			prepare(t, "stop", c.name)
			if got := c.inspect("{{.State.ExitCode}}"); got != "0" {
				t.Errorf("exit status %s, want 0", got)
			}
			_, err = os.Lstat(path)
			if removed := os.IsNotExist(err); removed != test.removed {
				t.Errorf("the socket file is removed: %v, want %v", removed, test.removed)
			}
			if said := len(c.entries("stays behind")) > 0; said == test.removed {
				t.Errorf("the log says that the file stays: %v, want %v", said, !test.removed)
			}
			// Left behind or not, the next start serves there.
			prepare(t, "start", c.name)
			await(t, "second start", func() bool {
				conn, err := net.Dial("unix", path)
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
		})
	}
}
