//go:build real

package image

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// TestExampleClientsHaveTheirOwnPermissions brings the example up with containers
// of busybox in the programs' place, and tries what each may do.
func TestExampleClientsHaveTheirOwnPermissions(t *testing.T) {
	t.Parallel()
	compose := harness.NeedCompose(t)
	image := buildImage(t)
	program := harness.AskProgram(t)
	example := readExample(t, harness.File("examples/clients/docker-compose.yml"))
	services := example["services"].(map[string]any)
	for name, service := range services {
		service := service.(map[string]any)
		if name == "postern" {
			delete(service, "build")
			service["image"] = image
			continue
		}
		delete(service, "ports")
		service["image"] = harness.Busybox(t)
		service["command"] = "sleep 1000"
		service["init"] = true
		service["volumes"] = []string{program + ":/ask:ro"}
	}
	file := filepath.Join(t.TempDir(), "docker-compose.yml")
	text, err := yaml.Marshal(example)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	project := harness.Unused(t)
	run := func(args ...string) string {
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
	harness.Await(t, "healthy postern", func() bool {
		return harness.Docker(t, harness.EngineHost, "exec", strings.TrimSpace(run("ps", "--quiet", "postern")), "/postern", "healthcheck").Status == 0
	})

	allowed := map[string]string{
		"traefik":    "GET /containers/json, GET /version, GET /events?until=1, HEAD /_ping",
		"portainer":  "GET /containers/json, GET /version, GET /info, POST /containers/none/exec, POST /containers/none/start, DELETE /containers/none, DELETE /volumes/none",
		"watchtower": "GET /containers/json, GET /version, POST /containers/none/start, DELETE /containers/none",
	}
	asked := map[string]bool{}
	for _, list := range allowed {
		for request := range strings.SplitSeq(list, ", ") {
			asked[request] = true
		}
	}
	for _, extra := range []string{"GET /secrets", "GET /swarm", "POST /build", "POST /session"} {
		asked[extra] = true
	}
	for name, list := range allowed {
		id := strings.TrimSpace(run("ps", "--quiet", name))
		for _, request := range slices.Sorted(maps.Keys(asked)) {
			method, target, _ := strings.Cut(request, " ")
			// The defaults are on for each.
			want := slices.Contains(strings.Split(list, ", "), request) || strings.Contains("GET /events?until=1, HEAD /_ping", request)
			if status := harness.Ask(t, id, "tcp://postern:2375", method, target); (status != 403) != want {
				t.Errorf("%s: %s has status %d, want allowed %v", name, request, status, want)
			}
		}
	}
}

// readExample reads a compose file of examples/.
func readExample(t *testing.T, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var example map[string]any
	if err := yaml.Unmarshal(text, &example); err != nil {
		t.Fatal(err)
	}
	return example
}
