//go:build real

package image

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// TestQuickStart types README's first commands, with the stand-in for the image to
// build on that docs/running.md names, a name that nothing else has, and a free port.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	needBaseImage(t)
	name := harness.Unused(t)
	words := strings.NewReplacer("\\\n", " ", "-t postern", "--label "+harness.Label+"="+harness.RunName+" --build-arg GO_IMAGE="+goImage+" -t "+name,
		"--name postern", "--name "+name, "127.0.0.1:2375:2375", "127.0.0.1::2375", ".sock:ro postern", ".sock:ro "+name)
	m := regexp.MustCompile("(?s)## Quick start.*?```console\n(.*?)```").FindStringSubmatch(readREADME(t))
	if m == nil {
		t.Fatal("README has no quick start")
	}
	for command := range strings.SplitSeq(strings.TrimPrefix(words.Replace(m[1]), "$ "), "\n$ ") {
		fields := strings.Fields(command)
		if _, err := harness.OnEngine(harness.BuildPatience, fields[0], fields[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	c := harness.ContainerNamed(t, name)
	harness.Await(t, "healthy postern", c.Healthy)
	host := "tcp://127.0.0.1:" + c.Inspect(`{{(index (index .NetworkSettings.Ports "2375/tcp") 0).HostPort}}`)
	if r := harness.Docker(t, host, "version"); r.Status != 0 {
		t.Errorf("docker version: %v", r)
	}
	refusal := regexp.MustCompile(`(?m)^Error response from daemon: .*\n`).FindString(readREADME(t))
	if r := harness.Docker(t, host, "ps"); r.Status != 1 || r.Stderr != refusal {
		t.Errorf("docker ps: %v, want README's\n%s", r, refusal)
	}
}

// TestTraefikExampleWorks brings README's compose file up, with containers of busybox
// in the place of Traefik and whoami. Traefik's has to get all that its provider asks
// for; nothing else gets anything.
func TestTraefikExampleWorks(t *testing.T) {
	t.Parallel()
	compose, image, program := harness.NeedCompose(t), buildImage(t), harness.AskProgram(t)
	m := regexp.MustCompile("(?s)## With Traefik.*?```yaml\n(.*?)```").FindStringSubmatch(readREADME(t))
	if m == nil {
		t.Fatal("README has no example with Traefik")
	}
	project := harness.Unused(t)
	run := composeUp(t, compose, project, m[1], func(name string, service map[string]any) {
		if name == "postern" {
			service["image"] = image
			service["container_name"] = project
			return
		}
		delete(service, "ports")
		service["image"] = harness.Busybox(t)
		service["command"] = "sleep 1000"
		service["init"] = true
		service["volumes"] = []string{program + ":/ask:ro"}
	})
	harness.Await(t, "healthy postern", harness.ContainerNamed(t, project).Healthy)
	traefik := strings.TrimSpace(run("ps", "--quiet", "traefik"))
	for _, test := range []struct {
		request string
		allowed bool
	}{
		{"HEAD /_ping", true}, {"GET /version", true}, {"GET /v1.41/containers/json", true}, {"GET /v1.41/containers/" + traefik + "/json", true},
		{"GET /v1.41/events?until=1", true}, {"GET /v1.41/networks", false}, {"GET /v1.41/containers/" + traefik + "/logs?stdout=1", false},
		{"POST /v1.41/containers/create", false},
	} {
		method, target, _ := strings.Cut(test.request, " ")
		if status := harness.Ask(t, traefik, "tcp://postern:2375", method, target); (status == 200) != test.allowed || !test.allowed && status != 403 {
			t.Errorf("%s: status %d, want allowed %v", test.request, status, test.allowed)
		}
	}
	networks := func(container string) string {
		return harness.ContainerNamed(t, container).Inspect(`{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}`)
	}
	if ours, whoamis := networks(project), networks(strings.TrimSpace(run("ps", "--quiet", "whoami"))); ours != project+"_docker-api" || whoamis != project+"_default" {
		t.Errorf("postern is in %s and whoami in %s, want each alone in its own network", ours, whoamis)
	}
}

// TestSocketForEachClient brings up the compose file of docs/clients.md in which
// postern has no network.
func TestSocketForEachClient(t *testing.T) {
	t.Parallel()
	compose, image, program := harness.NeedCompose(t), buildImage(t), harness.AskProgram(t)
	page, err := os.ReadFile(harness.File("docs/clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)## A socket for each client.*?```yaml\n(.*?)```").FindSubmatch(page)
	if m == nil {
		t.Fatal("docs/clients.md has no such example")
	}
	project := harness.Unused(t)
	run := composeUp(t, compose, project, string(m[1]), func(name string, service map[string]any) {
		if name == "postern" {
			service["image"] = image
			return
		}
		service["image"] = harness.Busybox(t)
		service["command"] = "sleep 1000"
		service["init"] = true
		service["volumes"] = append(service["volumes"].([]any), program+":/ask:ro")
	})
	postern, backup := strings.TrimSpace(run("ps", "--quiet", "postern")), strings.TrimSpace(run("ps", "--quiet", "backup"))
	harness.Await(t, "healthy postern", harness.ContainerNamed(t, postern).Healthy)
	for target, want := range map[string]int{"/containers/json": 200, "/info": 403, "/_ping": 200} {
		if status := harness.Ask(t, backup, "unix:///run/backup/docker.sock", "GET", target); status != want {
			t.Errorf("%s has status %d, want %d", target, status, want)
		}
	}
}

func readREADME(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(harness.File("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// composeUp starts a compose file whose services edit has changed, and returns what
// runs more commands of compose on it.
func composeUp(t *testing.T, compose []string, project, text string, edit func(name string, service map[string]any)) (run func(args ...string) string) {
	t.Helper()
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	for name, service := range parsed["services"].(map[string]any) {
		edit(name, service.(map[string]any))
	}
	file := filepath.Join(t.TempDir(), "docker-compose.yml")
	edited, err := yaml.Marshal(parsed)
	if err == nil {
		err = os.WriteFile(file, edited, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	run = func(args ...string) string {
		t.Helper()
		all := slices.Concat(compose[1:], []string{"--project-name", project, "--file", file}, args)
		out, err := harness.OnEngine(harness.BuildPatience, compose[0], all...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	t.Cleanup(func() { run("down", "--volumes") })
	run("up", "--detach")
	return run
}
