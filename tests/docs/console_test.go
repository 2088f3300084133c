package docs

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestConsoleBlocks runs what the pages show of a terminal. The comment before a
// block says how: "run CONTAINERS=1" types the commands with these settings, and else
// with the image's, in front of a stand-in engine and compares what they print; "tested by TestX" names
// the test that does it with real parts.
func TestConsoleBlocks(t *testing.T) {
	t.Parallel()
	tests := testNames(t)
	for _, p := range readPages(t) {
		for _, b := range p.blocks {
			if b.language != "console" {
				continue
			}
			t.Run(p.name+":"+strings.ReplaceAll(b.lines[0], "/", "_"), func(t *testing.T) {
				t.Parallel()
				verb, rest, _ := strings.Cut(b.comment, " ")
				switch {
				case verb == "run":
					newTerminal(t, rest).play(b)
				case strings.HasPrefix(b.comment, "tested by "):
					for _, name := range strings.Split(strings.TrimPrefix(b.comment, "tested by "), ", ") {
						if !tests[name] {
							t.Errorf("%s:%d: no test is called %s", p.name, b.line, name)
						}
					}
				default:
					t.Errorf("%s:%d: the block has the comment %q, want run ... or tested by ...", p.name, b.line, b.comment)
				}
			})
		}
	}
}

// testNames are the names of all tests of the project.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob(harness.File("tests/*/*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}

// terminal types commands for a proxy, which it starts when one needs it.
type terminal struct {
	*testing.T
	settings map[string]string
	start    func() *running
	sent     int // requests to the proxy
	files    map[string]string
}

// running is a proxy and what it has printed.
type running struct {
	cmd            *exec.Cmd
	stdout, stderr harness.Output
	addr, metrics  string
}

func newTerminal(t *testing.T, settings string) *terminal {
	term := &terminal{T: t, settings: imageEnvironment(t), files: map[string]string{}}
	delete(term.settings, "SOCKET_PATH") // the harness has one where nothing listens
	for field := range strings.FieldsSeq(settings) {
		name, value, _ := strings.Cut(field, "=")
		term.settings[name] = value
	}
	term.start = sync.OnceValue(term.run)
	return term
}

func (t *terminal) run() *running {
	t.Helper()
	_, socket := harness.StandIn(t.T)
	settings := harness.With(t.settings, harness.AnyPort, map[string]string{"SOCKET_PATH": socket})
	if settings["METRICS_LISTEN"] != "" {
		settings["METRICS_LISTEN"] = "127.0.0.1:0"
	}
	r := &running{cmd: harness.Command(t.T, settings)}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.cmd.Process.Signal(syscall.SIGTERM)
		if err := r.cmd.Wait(); err != nil {
			t.Errorf("postern: %v\n%s", err, r.stderr.String())
		}
	})
	started := regexp.MustCompile(`(?m)listen"?[:=]\["tcp://([^"]*)"\].*?metrics"?[:=]\[(?:"tcp://([^"]*)")?\]`)
	harness.Await(t.T, "start", func() bool {
		if m := started.FindStringSubmatch(r.stdout.String()); m != nil {
			r.addr, r.metrics = m[1], m[2]
			return true
		}
		return false
	})
	return r
}

// play types the commands of a block and compares what each prints with the lines
// below it. Below cat are the lines of a file.
func (t *terminal) play(b block) {
	t.Helper()
	var command string
	var shown []string
	finish := func() {
		t.Helper()
		if command == "" {
			return
		}
		if file, isFile := strings.CutPrefix(command, "cat "); isFile {
			t.files[file] = strings.Join(shown, "\n") + "\n" // for a command that reads it
			return
		}
		if printed, compared := t.output(command); compared {
			compare(t.T, command, shown, printed)
		} else if len(shown) > 0 {
			t.Errorf("%s: no test compares what it prints, %q", command, shown)
		}
	}
	for _, line := range b.lines {
		if next, isCommand := strings.CutPrefix(line, "$ "); isCommand {
			finish()
			command, shown = next, nil
		} else if strings.HasSuffix(command, `\`) {
			command = strings.TrimSuffix(command, `\`) + strings.TrimSpace(line)
		} else {
			shown = append(shown, line)
		}
	}
	finish()
}

// A command of the docker client sends a request.
var requests = map[string]string{
	"ps": "GET /v1.41/containers/json", "images": "GET /v1.41/images/json", "version": "GET /v1.41/version", "info": "GET /v1.41/info",
	"stop": "POST /v1.41/containers/%/stop", "restart": "POST /v1.41/containers/%/restart", "logs": "GET /v1.41/containers/%/logs",
	"exec": "POST /v1.41/containers/%/exec", "rm": "DELETE /v1.41/containers/%", "network": "GET /v1.41/networks", "volume": "GET /v1.41/volumes",
}

var (
	dockerCommand = regexp.MustCompile(`^docker -H tcp://127\.0\.0\.1:2375 (\w+) ?(\S*)`)
	ownCommand    = regexp.MustCompile(`^docker (?:run --rm((?: -e \S+)*) postern|(?:compose )?exec postern /postern)((?: .*)?)$`)
	accessLine    = regexp.MustCompile(`\boperation"?[:=]"?[A-Z]`)
	curlCommand   = regexp.MustCompile(`^curl(?: -s)?(?: -X (\w+))? (?:http://)?127\.0\.0\.1:(\d+)(/\S*)$`)
)

// output runs a command and returns what it prints, unless that is not compared.
func (t *terminal) output(command string) (printed string, compared bool) {
	t.Helper()
	if m := dockerCommand.FindStringSubmatch(command); m != nil {
		request := requests[m[1]]
		if request == "" {
			t.Fatalf("docker %s sends an unknown request", m[1])
		}
		method, path, _ := strings.Cut(strings.ReplaceAll(request, "%", m[2]), " ")
		// The docker command asks for the API's version first.
		t.send("HEAD", t.start().addr, "/_ping")
		status, body := t.send(method, t.start().addr, path)
		t.sent += 2
		var refusal struct{ Message string }
		if status < 400 {
			return "", false
		}
		if err := json.Unmarshal([]byte(body), &refusal); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		return "Error response from daemon: " + refusal.Message + "\n", true
	}
	if m := ownCommand.FindStringSubmatch(command); m != nil {
		settings := t.settings
		for _, s := range setting.FindAllStringSubmatch(m[1], -1) {
			settings = harness.With(settings, map[string]string{s[1]: s[2]})
		}
		r := harness.Run(t.T, settings, strings.Fields(m[2])...)
		return r.Stdout + r.Stderr, true
	}
	if file, isCheck := strings.CutPrefix(command, "docker run --rm -i postern check < "); isCheck {
		if t.files[file] == "" {
			t.Fatalf("%s: the block shows no %s", command, file)
		}
		cmd := harness.QuickCommand(t.T, nil, "check")
		cmd.Stdin = strings.NewReader(t.files[file])
		r := harness.Finish(t.T, cmd)
		return r.Stdout + r.Stderr, true
	}
	if m := curlCommand.FindStringSubmatch(command); m != nil {
		address := t.start().addr
		if m[2] == "9323" {
			address = t.start().metrics
		}
		method := m[1]
		if method == "" {
			method = "GET"
		}
		_, body := t.send(method, address, m[3])
		return body, true
	}
	switch {
	case strings.HasPrefix(command, "docker kill -s USR1 postern"):
		r := t.start()
		r.cmd.Process.Signal(syscall.SIGUSR1)
		harness.Await(t.T, "report", func() bool { return strings.Contains(r.stderr.String(), "# 2. ") })
		return r.stderr.String(), strings.Contains(command, "docker logs")
	case strings.HasPrefix(command, "docker logs postern"):
		r := t.start()
		harness.Await(t.T, "line of each request", func() bool { return len(accessLine.FindAllString(r.stdout.String(), -1)) == t.sent })
		return r.stdout.String(), true
	}
	t.Fatalf("the test cannot run %q", command)
	return "", false
}

func (t *terminal) send(method, address, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	all, err := io.ReadAll(bufio.NewReader(response.Body))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(all)
}

// What differs from run to run: moments, durations, ports, versions.
var varying = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][\d:.]+Z?|\bv?\d+(\.\d+)+\b|:\d{4,5}\b|\b(ms|bytes|landlock|gid|groups)"?[=:]"?[\d.]+|(\d+\.)?\d+e[+-]\d+`)

// compare asserts that the lines shown are in what is printed, in this order. "..."
// stands for any lines, at the end of a line for the rest of it.
func compare(t *testing.T, command string, shown []string, printed string) {
	t.Helper()
	rest := strings.Split(varying.ReplaceAllString(printed, "N"), "\n")
	next := true // the line shown has to be the next one printed
	for _, line := range shown {
		line = strings.TrimSpace(varying.ReplaceAllString(line, "N"))
		prefix, cut := strings.CutSuffix(line, "...")
		if line == "..." || line == "" {
			next = false
			continue
		}
		found := -1
		for i, p := range rest {
			p = strings.TrimSpace(p)
			if p == line || cut && strings.HasPrefix(p, prefix) {
				found = i
				break
			}
		}
		if found < 0 || next && found > 0 {
			t.Errorf("%s prints\n%.3000s\nand the page shows, not there or not next:\n%s", command, printed, line)
			return
		}
		rest, next = rest[found+1:], true
	}
}
