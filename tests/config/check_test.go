package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

var update = flag.Bool("update", false, "write what postern check prints to testdata/compose")

// check runs postern check with a compose file on stdin.
func check(t *testing.T, file string) harness.Result {
	t.Helper()
	cmd := harness.QuickCommand(t, nil, "check")
	cmd.Stdin = strings.NewReader(file)
	return harness.Finish(t, cmd)
}

// TestCheckPrintsTheNewBlock compares what postern check prints for each compose file
// in testdata/compose with the file of the same name, and asserts that postern takes
// the settings in it.
func TestCheckPrintsTheNewBlock(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/compose/*.yml")
	if err != nil || len(files) < 17 {
		t.Fatalf("testdata/compose has %d files (%v), want at least 17", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := check(t, string(text))
			if r.Status != 0 || r.Stderr != "" {
				t.Fatalf("postern check: %v\nwant status 0 and nothing on stderr", r)
			}
			golden := strings.TrimSuffix(file, "yml") + "txt"
			if *update {
				if err := os.WriteFile(golden, []byte(r.Stdout), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if r.Stdout != string(want) {
				t.Errorf("postern check prints\n%s\nwant\n%s\n(go test ./tests/config -run TestCheckPrints -update writes it)", r.Stdout, want)
			}
			assertSettings(t, r.Stdout)
		})
	}
}

// byDefault matches ${NAME:-value}.
var byDefault = regexp.MustCompile(`\$\{\w+(?::-([^}]*))?\}`)

// assertSettings asserts that a block is YAML and that postern accepts the
// environment of each of its services.
func assertSettings(t *testing.T, block string) {
	t.Helper()
	var file struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal([]byte(block), &file); err != nil {
		t.Fatalf("the block is no YAML: %v", err)
	}
	if len(file.Services) == 0 {
		t.Error("the block has no services")
	}
	for name, service := range file.Services {
		if service.Image != "postern" {
			t.Errorf("the image of %s is %q, want postern", name, service.Image)
		}
		for variable, value := range service.Environment {
			service.Environment[variable] = byDefault.ReplaceAllString(value, "$1")
		}
		if r := harness.Run(t, service.Environment, "explain"); r.Status != 0 {
			t.Errorf("postern does not take the settings of %s: %v", name, r)
		}
	}
}

// TestCheckRefusesOtherFiles asserts that what is no compose file with a proxy ends in
// one line that says so.
func TestCheckRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000)
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		n := string(rune('0' + i))
		m := string(rune('1' + i))
		bomb += "a" + m + ": &a" + m + " [" + strings.TrimSuffix(strings.Repeat("*a"+n+",", 10), ",") + "]\n"
	}
	chain := "a0: &a0 {x: 1}\n"
	for i := range 100 {
		chain += fmt.Sprintf("a%d: &a%[1]d {x: *a%d}\n", i+1, i)
	}
	variables := "services: {p: {image: 11notes/socket-proxy, environment: {"
	for i := range 1000 {
		variables += fmt.Sprintf("CLIENT_A%d_FROM: 10.0.0.1, ", i)
	}
	many := "services:\n"
	for i := range 1000 {
		many += fmt.Sprintf("  p%d: {image: tecnativa/docker-socket-proxy}\n", i)
	}
	for name, test := range map[string]struct{ file, want string }{
		"nothing":            {"", "nothing on stdin: want a compose file, as in docker run --rm -i postern check < docker-compose.yml .*"},
		"only comments":      {"# nothing\n", "stdin is no compose file: want services: .*"},
		"a scalar":           {"hello", "stdin is no compose file: .*"},
		"a list":             {"- a\n- b\n", "stdin is no compose file: .*"},
		"tabs":               {"services:\n\tproxy:\n\t\timage: tecnativa/docker-socket-proxy\n", "stdin is not YAML: line 2: .*; YAML is indented by spaces, not by tabs"},
		"an unclosed quote":  {"services: \"proxy", "stdin is not YAML: .*"},
		"binary":             {"\x7fELF\x00\x01", "stdin is binary: .*"},
		"not UTF-8":          {"services: \xff\xfe", "stdin is not YAML: .*"},
		"too large":          {strings.Repeat("# filling\n", 200_000), "stdin has more than 1024 KiB: .*"},
		"anchors":            {bomb + "services: {a: *a9}", "the anchors in the file expand to too much: .*"},
		"a cycle":            {"services: &a\n  b: *a\n", "the anchors in the file expand to too much: .*"},
		"deep":               {"services: " + deep, "stdin is not YAML: .*|the anchors in the file expand to too much: .*"},
		"a chain":            {chain + "services: *a100\n", "the anchors in the file expand to too much: .*"},
		"many variables":     {variables + "}}}", `service "p" has 1000 variables and arguments: want at most 400`},
		"many proxies":       {many, "the file has more than 20 proxies: split it"},
		"a merge of a list":  {"a: &a [1]\nservices:\n  x:\n    <<: *a\n", "the file merges what is no mapping in line 4"},
		"a key twice":        {"services:\n  x:\n    image: a\n    image: b\n", `stdin is no compose file: the key "image" in line 4 is there already`},
		"a key of a list":    {"services:\n  ? [x]\n  : y\n", "stdin is no compose file: the key in line 2 is no text"},
		"no services":        {"image: tecnativa/docker-socket-proxy\n", "the file has no services: .*"},
		"services in a list": {"services: [a, b]\n", "the file has no services: .*"},
		"no proxy":           {"services:\n  web:\n    image: nginx\n", "no service has the image of a proxy for the Docker socket: looked for tecnativa/docker-socket-proxy, linuxserver/socket-proxy, wollomatic/socket-proxy, 11notes/socket-proxy and codeswhat/sockguard"},
		"another proxy":      {"services:\n  web:\n    image: example/docker-socket-proxy:1\n", `no service .*; "example/docker-socket-proxy:1" of service "web" is none of them`},
		"postern":            {"services:\n  web:\n    image: ghcr.io/x/postern:1\n", `no service .*; service "web" has postern's already: .*`},
		"extends":            {"services:\n  web:\n    extends: {file: a.yml, service: b}\n", `no service .*; extends is not read: docker compose config .*`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := check(t, test.file)
			if whole := regexp.MustCompile("^postern: (?:" + test.want + ")\n$"); r.Status != 2 || r.Stdout != "" || !whole.MatchString(r.Stderr) {
				t.Errorf("%v\nwant status 2 and %q", r, test.want)
			}
		})
	}
	if r := harness.Run(t, nil, "check"); r.Status != 2 || !strings.Contains(r.Stderr, "nothing on stdin") {
		t.Errorf("without stdin: %v\nwant status 2", r)
	}
}
