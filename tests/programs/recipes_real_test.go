//go:build real

package programs

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// recipeTest says what a recipe of docs/presets.md is for: docker commands, in
// order, that work with it and that do not. In their words {box} is a running
// container, {new} a stopped one, {image} an image, {tag} and {old} names that
// nothing has, {net} a network.
type recipeTest struct {
	title           string // how the sentence before it begins
	label           string // of {new}
	works, isClosed []string
	// wanted are operations that it is for and that no test here can run.
	wanted string
}

var recipeTests = []recipeTest{
	{
		title:    "A dashboard that lists and inspects",
		works:    []string{"version", "ps", "inspect {box}", "stats --no-stream {box}"},
		isClosed: []string{"logs {box}", "cp {box}:/data -", "export {box}", "diff {box}", "top {box}", "exec {box} true", "stop {box}", "rm {new}", "images"},
	},
	{
		title:    "A restart button",
		works:    []string{"ps", "restart --time 0 {new}"},
		isClosed: []string{"stop {new}", "kill {new}", "start {new}", "logs {box}", "inspect {box}", "rm {new}"},
	},
	{
		title:    "The same for two containers",
		works:    []string{"ps"},
		isClosed: []string{"restart --time 0 {new}", "stop {new}", "inspect {box}"},
	},
	{
		title:    "A dashboard that sees the containers with one label",
		label:    "dashboard=yes",
		works:    []string{"ps -a", "inspect --type container {new}"},
		isClosed: []string{"logs {new}", "stop {new}", "rm {new}"},
	},
	{
		title: "An updater of images",
		label: "com.centurylinklabs.watchtower.enable=true",
		works: []string{"ps -a", "inspect --type container {new}", "inspect --type image {image}", "pull {tag}", "start {new}", "kill {new}", "start {new}", "stop --time 0 {new}",
			"rename {new} {old}", "create --name {new} --network {net} {image} true", "network disconnect {net} {new}", "network connect {net} {new}", "start {old}",
			"rm {new}", "rename {old} {new}"},
		isClosed: []string{"exec {new} true", "logs {new}", "cp {new}:/data -", "network rm {net}", "volume ls", "commit {new} {tag}", "save {image}"},
	},
	{
		title:    "A CI runner that cannot reach the host",
		works:    []string{"info"},
		isClosed: []string{"run -v /:/host {image} true", "run --privileged {image} true", "images"},
	},
	{
		title:    "A CI runner that builds",
		works:    []string{"info", "build --network none -t {tag} {context}", "image inspect {tag}", "tag {tag} {tag}:next", "push {tag}"},
		isClosed: []string{"ps", "rmi {tag}", "save {image}", "run {image} true", "volume ls", "network ls"},
	},
	{
		title:    "A backup tool",
		works:    []string{"ps", "inspect {new}", "start {new}", "stop --time 0 {new}"},
		isClosed: []string{"restart {new}", "kill {new}", "rm {new}", "logs {box}", "exec {box} true", "cp {box}:/data -"},
	},
	{
		title:    "A view of a Swarm's manager",
		works:    []string{"info", "network ls"},
		isClosed: []string{"swarm join-token worker", "swarm unlock-key", "swarm init", "network rm {net}", "ps", "secret ls", "config ls"},
		wanted:   "NodeList NodeInspect ServiceList ServiceInspect TaskList TaskInspect NetworkInspect",
	},
}

// TestRecipes does with each of the recipes in docs/presets.md what it is for, and what
// it promises to keep closed.
func TestRecipes(t *testing.T) {
	t.Parallel()
	recipes := readRecipes(t)
	if len(recipes) != len(recipeTests) {
		t.Errorf("docs/presets.md has %d recipes, want one for each of the %d tests", len(recipes), len(recipeTests))
	}
	for _, test := range recipeTests {
		t.Run(test.title, func(t *testing.T) {
			t.Parallel()
			for sentence, environ := range recipes {
				if strings.HasPrefix(sentence, test.title) {
					test.check(t, environ)
					return
				}
			}
			t.Error("docs/presets.md has no such recipe")
		})
	}
}

// readRecipes returns the recipes by the sentence before each.
func readRecipes(t *testing.T) map[string]map[string]string {
	t.Helper()
	page, err := os.ReadFile(harness.File("docs/presets.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Recipes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	recipes := map[string]map[string]string{}
	for _, m := range regexp.MustCompile("(?s)\n([^\n`]+:)\n\n```yaml\n(.*?)```").FindAllStringSubmatch(section, -1) {
		if lines := strings.Count(m[2], "\n"); lines > 15 {
			t.Errorf("%s the recipe has %d lines, want at most 15", m[1], lines)
		}
		var service struct{ Environment map[string]string }
		if err := yaml.Unmarshal([]byte(m[2]), &service); err != nil || len(service.Environment) == 0 {
			t.Errorf("%s %v in\n%s", m[1], err, m[2])
		}
		recipes[m[1]] = service.Environment
	}
	return recipes
}

func (test recipeTest) check(t *testing.T, environ map[string]string) {
	image, dir := harness.Busybox(t), t.TempDir()
	names := []string{"{box}", harness.Box(t), "{new}", harness.Unused(t), "{image}", image, "{tag}", harness.Unused(t), "{old}", harness.Unused(t), "{net}", harness.Unused(t), "{context}", dir,
		"{file}", filepath.Join(dir, "file")}
	fill := strings.NewReplacer(names...).Replace
	for name, content := range map[string]string{"Dockerfile": "FROM " + image + "\nRUN true\n", "file": strings.Repeat("\x00", 10240)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	harness.MustDocker(t, harness.Words(fill("create --name {new} --label "+cmp.Or(test.label, "any=label")+" {image} sleep 1000"))...)
	harness.MustDocker(t, harness.Words(fill("network create {net}"))...)

	p := harness.Start(t, harness.With(environ, map[string]string{"SOCKET_PATH": harness.EngineSocket}))
	host := "tcp://" + p.Addr
	command := func(line string) harness.Result {
		line = fill(line)
		if strings.HasPrefix(line, "build ") {
			return harness.Finish(t, buildx(t, host, dir)(harness.Words(line)...))
		}
		return harness.Docker(t, host, harness.Words(line)...)
	}
	for _, line := range test.works {
		r := command(line)
		// There is no registry to push to or pull from: that the engine tried is enough.
		if failed := r.Status != 0 && !strings.HasPrefix(line, "push ") && !strings.HasPrefix(line, "pull "); failed || strings.Contains(r.Stderr, "postern: ") {
			t.Errorf("docker %s: %v", line, r)
		}
	}
	for _, line := range test.isClosed {
		if r := command(line); r.Status == 0 || !strings.Contains(r.Stdout+r.Stderr, "postern: ") {
			t.Errorf("docker %s: want a refusal, got %v", line, r)
		}
	}
	explained := harness.Explained(t, environ)
	for id := range strings.FieldsSeq(test.wanted) {
		allowed := false
		for operation, forwarded := range explained {
			allowed = allowed || forwarded && strings.HasPrefix(operation, id+" ")
		}
		if !allowed {
			t.Errorf("%s is refused", id)
		}
	}
}
