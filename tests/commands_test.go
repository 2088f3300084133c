package tests

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

	"postern/acl"
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

// words splits fields at spaces and appends more as they are.
func words(fields string, more ...string) []string {
	return append(strings.Fields(fields), more...)
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

var dockerTests = []dockerTest{
	{name: "version", args: words("version"), needs: "VERSION", shows: "Server:"},
	{name: "ps", args: words("ps -a --no-trunc --filter name={box}"), needs: "CONTAINERS", shows: "{box}", varies: age},
	{name: "images", args: words("images {image}"), needs: "IMAGES", shows: "latest", varies: age},
	{name: "info", args: words("info"), needs: "INFO", shows: "Server Version:",
		varies: `(Containers|Running|Paused|Stopped|Images): \d+|Runtimes: .*`},
	{name: "inspect", args: words("inspect {box}"), needs: "CONTAINERS", shows: `"Hostname": "box"`,
		varies: `"ExecIDs": (null|\[[^\]]*\])`}, // which come and go with the tests of exec
	{name: "inspect of nothing", args: words("container inspect {new}"), needs: "CONTAINERS", status: 1},
	{name: "logs", args: words("logs --timestamps {box}"), needs: "CONTAINERS", shows: " one\n"},
	{name: "logs tail", args: words("logs --tail 1 {box}"), needs: "CONTAINERS"},
	{name: "stats", args: words("stats --no-stream --no-trunc {box}"), needs: "CONTAINERS", shows: "{box}",
		varies: `[0-9.]+(%|[kMG]?i?B)|\s\s+`},
	{name: "top", args: words("top {new} -o pid,args"), needs: "CONTAINERS", shows: "sleep 1000", varies: `[1-9]\d* +`,
		before: [][]string{words("run -d --name {new} {image} sleep 1000")}},
	{name: "diff", args: words("diff {box}"), needs: "CONTAINERS", shows: "A /data/text\n", unordered: true},

	{name: "run", args: words("run --rm --name {new} {image} sh -c", "echo out; echo err >&2; exit 3"),
		needs: "CONTAINERS POST", status: 3, shows: "out\n"},
	{name: "run in the background", args: words("run -d --name {new} {image} echo hi"),
		needs: "CONTAINERS POST", after: [][]string{words("wait {new}"), words("logs {new}")}, shows: "0\nhi\n", varies: long},
	{name: "run with input", args: words("run --rm -i --name {new} {image} cat"),
		needs: "CONTAINERS POST", stdin: "hi\n", shows: "hi\n"},
	{name: "run with no input", args: words("run --rm -i --name {new} {image} sh -c", "cat; echo end"),
		needs: "CONTAINERS POST", shows: "end\n"},
	{name: "run with much input", args: words("run --rm -i --name {new} {image} cat"),
		needs: "CONTAINERS POST", stdin: megabytes, shows: "xyz\n"},
	{name: "run that answers at the end of input", args: words("run --rm -i --name {new} {image} sha256sum"),
		needs: "CONTAINERS POST", stdin: allBytes, shows: fmt.Sprintf("%x", sha256.Sum256([]byte(allBytes)))},

	{name: "exec", args: words("exec {box} sh -c", "echo out; echo err >&2; exit 4"),
		needs: "CONTAINERS EXEC POST", status: 4, shows: "out\n"},
	{name: "exec with input", args: words("exec -i {box} cat"), needs: "CONTAINERS EXEC POST", stdin: allBytes, shows: "ABC"},
	{name: "exec that answers at the end of input", args: words("exec -i {box} wc -c"),
		needs: "CONTAINERS EXEC POST", stdin: megabytes, shows: fmt.Sprintln(len(megabytes))},
	{name: "exec on a terminal", args: words("exec -t {box} sh -c", "tty; echo two"),
		needs: "CONTAINERS EXEC POST", shows: "two\r\n", varies: `/dev/pts/\d+`},
	{name: "exec in the background", args: words("exec -d {box} true"), needs: "CONTAINERS EXEC POST"},

	{name: "cp of a file out", args: words("cp {box}:/data/text {out}/text"), needs: "CONTAINERS ALLOW_ARCHIVE"},
	{name: "cp of a directory out", args: words("cp {box}:/data {out}/data"), needs: "CONTAINERS ALLOW_ARCHIVE"},
	{name: "cp to stdout", args: words("cp {box}:/data -"), needs: "CONTAINERS ALLOW_ARCHIVE", shows: "99999\n100000\n"},
	{name: "cp in", args: words("cp {in}/bytes {new}:/tmp/in"), needs: "CONTAINERS POST",
		before: [][]string{words("create --name {new} {image}")}, after: [][]string{words("cp {new}:/tmp/in -")}},

	{name: "save", args: words("save -o {out}/saved {image}"), needs: "IMAGES"},
	{name: "load", args: words("load -i {tmp}/image"), needs: "IMAGES POST", shows: "{new}",
		before: [][]string{words("tag {image} {new}"), words("save -o {tmp}/image {new}"), words("rmi {new}")},
		after:  [][]string{words("image inspect --format {{.Id}} {new}")}},
	{name: "import", args: words("import - {new}"), stdin: strings.Repeat("\x00", 10240), needs: "IMAGES POST", varies: long,
		after: [][]string{words("image inspect --format {{.Os}} {new}")}, shows: "linux\n"},
	{name: "build", args: words("build --no-cache -t {new} {in}/context"), needs: "BUILD POST", shows: "Successfully tagged",
		varies: `[0-9a-f]{12}`, after: [][]string{words("run --rm {new} cat /in /made")}},
	{name: "build that fails", args: words("build --no-cache --force-rm -t {new} {in}/failing"), needs: "BUILD POST",
		status: 5, shows: "building\n", varies: `[0-9a-f]{12}`},
	{name: "commit", args: words("commit --pause=false -m made {box} {new}"), needs: "COMMIT POST", varies: long, shows: "made",
		after: [][]string{words("image inspect --format {{.Comment}} {new}"), words("run --rm {new} sha256sum /data/text")}},

	{name: "network create", args: words("network create --label a=b {new}"), needs: "NETWORKS POST", varies: long,
		after: [][]string{words("network inspect --format {{.Labels}} {new}")}, shows: "map[a:b]"},
	{name: "network rm", args: words("network rm {new}"), needs: "NETWORKS POST", shows: "{new}",
		before: [][]string{words("network create {new}")}, after: [][]string{words("network ls -q --filter name={new}")}},
	{name: "volume create", args: words("volume create --label a=b {new}"), needs: "VOLUMES POST", shows: "{new}",
		after: [][]string{words("volume inspect --format {{.Labels}} {new}")}},
	{name: "volume rm", args: words("volume rm {new}"), needs: "VOLUMES POST", shows: "{new}",
		before: [][]string{words("volume create {new}")}, after: [][]string{words("volume ls -q --filter name={new}")}},
}

// TestDockerCommands compares docker through postern, with nothing on but what
// the command needs, with docker on the socket.
func TestDockerCommands(t *testing.T) {
	t.Parallel()
	box, image, in := box(t), busybox(t), t.TempDir()
	writeInput(t, in, image)
	for _, test := range dockerTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			environ := map[string]string{"SOCKET_PATH": engineSocket}
			for name := range strings.FieldsSeq(test.needs) {
				environ[name] = "1"
			}
			shared := []string{"{box}", box, "{image}", image, "{in}", in}
			want := test.run(t, direct, shared)
			got := test.run(t, "tcp://"+start(t, environ).addr, shared)
			if want.status != test.status || !strings.Contains(want.stdout, test.shows) {
				t.Errorf("docker %q on the socket: status %d, want %d and output with %q\n%.2000s", test.args, want.status, test.status, test.shows, want)
			}
			if got != want {
				t.Errorf("docker %q through postern:\n%.2000s\non the socket:\n%.2000s", test.args, got, want)
			}
		})
	}
}

func (r result) String() string {
	return fmt.Sprintf("status %d\nstdout: %s\nstderr: %s", r.status, r.stdout, r.stderr)
}

// run runs the command and gives its outcome with all that was made up for the
// run taken out: output, then what after prints, then the files in {out}.
func (test dockerTest) run(t *testing.T, host string, shared []string) result {
	t.Helper()
	own := []string{"{new}", unused(t), "{tmp}", t.TempDir(), "{out}", t.TempDir()}
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
		prepare(t, fill(args)...)
	}
	cmd := dockerCommand(t, host, fill(test.args)...)
	if test.stdin != "" {
		cmd.Stdin = strings.NewReader(test.stdin)
	}
	r := finish(t, cmd)

	slices.Reverse(names)
	restorer := strings.NewReplacer(names...)
	varies := regexp.MustCompile(cmp.Or(test.varies, "^$"))
	neutral := func(s string) string {
		return varies.ReplaceAllLiteralString(restorer.Replace(s), "~")
	}
	r.stdout, r.stderr = neutral(r.stdout), neutral(r.stderr)
	if test.unordered {
		lines := slices.Sorted(strings.Lines(r.stdout))
		r.stdout = strings.Join(lines, "")
	}
	for _, args := range test.after {
		r.stdout += neutral(prepare(t, fill(args)...))
	}
	r.stdout += listFiles(t, own[5])
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

// everything is all toggles on.
func everything() map[string]string {
	all := map[string]string{}
	for _, toggle := range acl.AllToggles() {
		all[toggle.Var] = "1"
	}
	return all
}
