//go:build real

package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestStartOnUnusualHosts starts the image where the kernel or the engine gives
// less, or more, than usual.
func TestStartOnUnusualHosts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		listen string
	}{
		"IPv6":                      {[]string{"--sysctl=net.ipv6.conf.all.disable_ipv6=0"}, "tcp://[::]:2375"},
		"IPv6 disabled":             {[]string{"--sysctl=net.ipv6.conf.all.disable_ipv6=1"}, "tcp://[::]:2375"},
		"a kernel without IPv6":     {[]string{seccomp(t, `{"names":["socket"],"action":"SCMP_ACT_ERRNO","errnoRet":97,"args":[{"index":0,"value":10,"op":"SCMP_CMP_EQ"}]}`)}, "tcp://0.0.0.0:2375"},
		"a kernel without Landlock": {[]string{seccomp(t, `{"names":["landlock_create_ruleset"],"action":"SCMP_ACT_ERRNO","errnoRet":38}`)}, "tcp://[::]:2375"},
		"a kernel without seccomp":  {[]string{seccomp(t, `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":38}`)}, "tcp://[::]:2375"},
		"few files":                 {[]string{"--ulimit=nofile=64:64"}, "tcp://[::]:2375"},
		"all files":                 {[]string{mostFiles(t)}, "tcp://[::]:2375"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := launch(t, append(test.args, harness.Mount(harness.EngineSocket))...)
			c.CheckVersion()
			holds(t, c.PID(), becomes(65532, engineGroup(t), 0))
			if got := c.Entries("started")[0]["listen"].([]any)[0]; got != test.listen {
				t.Errorf("it listens on %s, want %s", got, test.listen)
			}
			confined := c.Entries("confined")[0]
			if got := confined["landlock"]; strings.Contains(name, "Landlock") && got != 0.0 {
				t.Errorf("Landlock %v is in force, want none", got)
			}
			if got, want := confined["seccomp"], !strings.Contains(name, "without seccomp"); got != want {
				t.Errorf("the seccomp filter is in force: %v, want %v", got, want)
			}
			if got := harness.ProcStatus(t, c.PID(), "VmRSS"); got > 40<<20 {
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
	if harness.Docker(t, harness.EngineHost, "run", "--rm", unlimited, harness.Busybox(t), "true").Status == 0 {
		return unlimited
	}
	return "--ulimit=nofile=" + strings.TrimSpace(harness.MustDocker(t, "run", "--rm", harness.Busybox(t), "sh", "-c", "ulimit -Hn"))
}

// seccomp is the argument for a profile that allows everything but one rule.
func seccomp(t *testing.T, rule string) string {
	t.Helper()
	path := filepath.Join(harness.SocketDir(t), "seccomp.json")
	profile := `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_AARCH64"],"syscalls":[` + rule + `]}`
	if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--security-opt=seccomp=" + path
}
