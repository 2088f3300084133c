//go:build real

package programs

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// dockerTest is a docker command. In its words {box} is a running container,
// {image} an image of busybox, {new} a name that nothing has yet, {in} a
// directory with input (see writeInput), {tmp} and {out} directories of its
// own. The files in {out} are part of the outcome.
type dockerTest struct {
	name string
	args []string
	// needs names all that has to be on, besides the three defaults.
	needs string
	stdin string
	// before and after run on the engine's own socket. What after prints is
	// part of the outcome.
	before, after [][]string
	// status is the exit status that is expected, and shows is part of what
	// the command and after print: two equal failures prove nothing.
	status int
	shows  string
	// varies matches what differs from run to run on the socket itself: ids,
	// ages, readings.
	varies string
	// unordered is set where the engine itself prints the lines in any order.
	unordered bool
}

var (
	megabytes = strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz\n", 100_000)
	allBytes  = func() string {
		var b strings.Builder
		for i := range 256 * 100 {
			b.WriteByte(byte(i))
		}
		return b.String()
	}()
)

// What varies in the docker command's output: ages, the width of their column,
// ids.
const (
	age  = `(About )?([0-9]+|an?) (second|minute)s?( ago)?|Less than a second( ago)?|\s\s+`
	long = `[0-9a-f]{64}`
)

// TestDockerCommandsActAsOnTheSocket compares docker through postern, with nothing
// on but what the command needs, with docker on the socket.
func TestDockerCommandsActAsOnTheSocket(t *testing.T) {
	t.Parallel()
	box, image, in := harness.Box(t), harness.Busybox(t), t.TempDir()
	writeInput(t, in, image)
	for _, test := range dockerTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			environ := map[string]string{"SOCKET_PATH": harness.EngineSocket}
			for name := range strings.FieldsSeq(test.needs) {
				environ[name] = "1"
			}
			shared := []string{"{box}", box, "{image}", image, "{in}", in}
			want := test.run(t, harness.EngineHost, shared)
			got := test.run(t, "tcp://"+harness.Start(t, environ).Addr, shared)
			if want.Status != test.status || !strings.Contains(want.Stdout, test.shows) {
				t.Errorf("docker %q on the socket: status %d, want %d and output with %q\n%.2000s", test.args, want.Status, test.status, test.shows, want)
			}
			if got != want {
				t.Errorf("docker %q through postern:\n%.2000s\non the socket:\n%.2000s", test.args, got, want)
			}
		})
	}
}

// run runs the command and gives its outcome with all that was made up for the
// run taken out: output, then what after prints, then the files in {out}.
func (test dockerTest) run(t *testing.T, host string, shared []string) harness.Result {
	t.Helper()
	own := []string{"{new}", harness.Unused(t), "{tmp}", t.TempDir(), "{out}", t.TempDir()}
	names := slices.Concat(own, shared)
	replacer := strings.NewReplacer(names...)
	fill := func(args []string) []string {
		args = slices.Clone(args)
		for i := range args {
			args[i] = replacer.Replace(args[i])
		}
		return args
	}
	for _, args := range test.before {
		harness.MustDocker(t, fill(args)...)
	}
	cmd := harness.DockerCommand(t, host, fill(test.args)...)
	if test.stdin != "" {
		cmd.Stdin = strings.NewReader(test.stdin)
	}
	r := harness.Finish(t, cmd)

	slices.Reverse(names)
	restorer := strings.NewReplacer(names...)
	varies := regexp.MustCompile(cmp.Or(test.varies, "^$"))
	neutral := func(s string) string {
		return varies.ReplaceAllLiteralString(restorer.Replace(s), "~")
	}
	r.Stdout, r.Stderr = neutral(r.Stdout), neutral(r.Stderr)
	if test.unordered {
		lines := slices.Sorted(strings.Lines(r.Stdout))
		r.Stdout = strings.Join(lines, "")
	}
	for _, args := range test.after {
		r.Stdout += neutral(harness.MustDocker(t, fill(args)...))
	}
	r.Stdout += listFiles(t, own[5])
	return r
}

// writeInput puts the files into dir that commands read.
func writeInput(t *testing.T, dir, image string) {
	t.Helper()
	for name, content := range map[string]string{
		"bytes":              allBytes,
		"context/in":         "in the context\n",
		"context/Dockerfile": "FROM " + image + "\nCOPY in /in\nRUN cat /in >/made && echo building\n",
		"waiting/Dockerfile": "FROM " + image + "\nRUN " + waiting + "\n",
		"failing/Dockerfile": "FROM " + image + "\nRUN echo building && exit 5\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// listFiles gives a line for each file below dir: name, mode, content.
func listFiles(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		digest := sha256.New()
		if link, err := os.Readlink(path); err == nil {
			io.WriteString(digest, link)
		} else if f, err := os.Open(path); err != nil {
			return err
		} else {
			defer f.Close()
			io.Copy(digest, f)
		}
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %v %x\n", name, info.Mode(), digest.Sum(nil))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
