//go:build real

package image

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestListenerFileBelongsToItsUser asserts the owner of a listener's file that
// root made and another user serves, that the health check passes with PING=0, and
// that the file is removed at exit if the directory allows that.
func TestListenerFileBelongsToItsUser(t *testing.T) {
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
			dir := harness.SocketDir(t)
			if err := os.Chmod(dir, test.dir); err != nil {
				t.Fatal(err)
			}
			c := launch(t, append(test.args, harness.Mount(harness.EngineSocket), "--volume="+dir+":/run/postern",
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
			if !c.Healthy() {
				t.Error("the health check fails")
			}
			if a := harness.Send(t, harness.Dial(t, "unix", path), harness.Head("GET", "/version")); a.Status != 200 {
				t.Errorf("GET /version on the socket: %d %s", a.Status, a.Body)
			}
			harness.MustDocker(t, "stop", c.Name)
			if got := c.Inspect("{{.State.ExitCode}}"); got != "0" {
				t.Errorf("exit status %s, want 0", got)
			}
			_, err = os.Lstat(path)
			if removed := os.IsNotExist(err); removed != test.removed {
				t.Errorf("the socket file is removed: %v, want %v", removed, test.removed)
			}
			if said := len(c.Entries("stays behind")) > 0; said == test.removed {
				t.Errorf("the log says that the file stays: %v, want %v", said, !test.removed)
			}
			// Left behind or not, the next start serves there.
			harness.MustDocker(t, "start", c.Name)
			harness.Await(t, "second start", func() bool {
				conn, err := net.Dial("unix", path)
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
		})
	}
}
