//go:build real

package programs

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// refusedTests are commands that only a refusal ends, or that send far more
// than postern reads before it refuses: the refusal must reach the user all the
// same.
var refusedTests = []dockerTest{
	{name: "events", args: harness.Words("events"), needs: "EVENTS"},
	{name: "logs -f", args: harness.Words("logs -f {box}"), needs: "CONTAINERS"},
	{name: "stats", args: harness.Words("stats {box}"), needs: "CONTAINERS"},
	{name: "load of a big file", args: harness.Words("load -i {in}/big/file"), needs: "IMAGES POST"},
	{name: "import of a big file", args: harness.Words("import {in}/big/file {new}"), needs: "IMAGES POST"},
	{name: "build with a big context", args: harness.Words("build -t {new} {in}/big"), needs: "BUILD POST"},
	{name: "cp of a big file in", args: harness.Words("cp {in}/big/file {box}:/tmp/file"), needs: "CONTAINERS ALLOW_ARCHIVE POST"},
}

// TestRefusedDockerCommandsPrintTheRemedy takes away each thing that a command
// needs, with all else on, and asserts that docker prints the variable to set.
func TestRefusedDockerCommandsPrintTheRemedy(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	writeInput(t, in, harness.Busybox(t))
	writeBig(t, in)
	shared := []string{"{box}", harness.Box(t), "{image}", harness.Busybox(t), "{in}", in}

	commands := slices.Concat(dockerTests, refusedTests)
	var needed []string
	for _, test := range commands {
		needed = append(needed, strings.Fields(test.needs)...)
	}
	slices.Sort(needed)
	for _, off := range slices.Compact(needed) {
		unix := filepath.Join(harness.SocketDir(t), "postern.sock")
		p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{
			off:           "0",
			"SOCKET_PATH": harness.EngineSocket,
			"LISTEN":      "tcp://127.0.0.1:0,unix://" + unix,
		}))
		for _, host := range []string{"tcp://" + p.Addr, "unix://" + unix} {
			for _, test := range commands {
				if slices.Contains(strings.Fields(test.needs), off) {
					network, _, _ := strings.Cut(host, ":")
					t.Run(off+"=0/"+network+"/"+test.name, func(t *testing.T) {
						t.Parallel()
						test.after = nil
						checkRefusal(t, test.run(t, host, shared), off)
					})
				}
			}
		}
	}
}

// checkRefusal asserts one readable line that says what to set. What docker
// adds of its own accord is not postern's: that the info or the rest of a
// build context is missing, which it says of the engine's refusals too.
func checkRefusal(t *testing.T, r harness.Result, off string) {
	t.Helper()
	if r.Status == 0 {
		t.Errorf("the command succeeded with %s=0\n%v", off, r)
	}
	const fromDaemon = "Error response from daemon: "
	_, message, _ := strings.Cut(r.Stderr, fromDaemon)
	line, _, _ := strings.Cut(message, "\n")
	want := " is not allowed: set " + off + "=1, or ALLOW="
	if !strings.HasPrefix(line, "postern: ") || !strings.Contains(line, want) || strings.Contains(message, fromDaemon) {
		t.Errorf("the command printed %q, want one line with %q\n%v", line, want, r)
	}
	for _, garbage := range []string{"broken pipe", "connection reset", "EOF"} {
		if strings.Contains(r.Stderr, garbage) {
			t.Errorf("the command printed %q\n%v", garbage, r)
		}
	}
}

// writeBig makes a build context with a file of 50 MB.
func writeBig(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "big"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"file": 50 << 20, "Dockerfile": 0} {
		f, err := os.Create(filepath.Join(dir, "big", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		io.WriteString(f, "FROM scratch\n")
		if err := f.Truncate(max(size, int64(len("FROM scratch\n")))); err != nil {
			t.Fatal(err)
		}
	}
}
