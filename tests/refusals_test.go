package tests

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// refusedTests are commands that only a refusal ends, or that send far more
// than a refusal waits for: the answer must reach the user all the same.
var refusedTests = []dockerTest{
	{name: "events", args: words("events"), needs: "EVENTS"},
	{name: "logs -f", args: words("logs -f {box}"), needs: "CONTAINERS"},
	{name: "stats", args: words("stats {box}"), needs: "CONTAINERS"},
	{name: "load of a big file", args: words("load -i {in}/big/file"), needs: "IMAGES POST"},
	{name: "import of a big file", args: words("import {in}/big/file {new}"), needs: "IMAGES POST"},
	{name: "build with a big context", args: words("build -t {new} {in}/big"), needs: "BUILD POST"},
	{name: "cp of a big file in", args: words("cp {in}/big/file {box}:/tmp/file"), needs: "CONTAINERS ALLOW_ARCHIVE POST"},
}

// TestRefusedDockerCommands takes away each thing that a command needs, with
// all else on, and asserts that docker prints the variable to set.
func TestRefusedDockerCommands(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	writeInput(t, in, busybox(t))
	writeBig(t, in)
	shared := []string{"{box}", box(t), "{image}", busybox(t), "{in}", in}

	commands := slices.Concat(dockerTests, refusedTests)
	var needed []string
	for _, test := range commands {
		needed = append(needed, strings.Fields(test.needs)...)
	}
	slices.Sort(needed)
	for _, off := range slices.Compact(needed) {
		unix := filepath.Join(socketDir(t), "postern.sock")
		p := start(t, with(everything(), map[string]string{
			off:           "0",
			"SOCKET_PATH": engineSocket,
			"LISTEN":      "tcp://127.0.0.1:0,unix://" + unix,
		}))
		for _, host := range []string{"tcp://" + p.addr, "unix://" + unix} {
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
func checkRefusal(t *testing.T, r result, off string) {
	t.Helper()
	if r.status == 0 {
		t.Errorf("the command succeeded with %s=0\n%v", off, r)
	}
	const fromDaemon = "Error response from daemon: "
	_, message, _ := strings.Cut(r.stderr, fromDaemon)
	line, _, _ := strings.Cut(message, "\n")
	want := " is not allowed: set " + off + "=1, or ALLOW="
	if !strings.HasPrefix(line, "postern: ") || !strings.Contains(line, want) || strings.Contains(message, fromDaemon) {
		t.Errorf("the command printed %q, want one line with %q\n%v", line, want, r)
	}
	for _, garbage := range []string{"broken pipe", "connection reset", "EOF"} {
		if strings.Contains(r.stderr, garbage) {
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
