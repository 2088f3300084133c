//go:build real

package examples

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// TestExamplesServe brings each example up with containers of busybox in the
// programs' place, and asks from these.
func TestExamplesServe(t *testing.T) {
	t.Parallel()
	harness.NeedCompose(t)
	harness.PosternImage(t)
	// An engine has addresses for about 30 networks.
	free := make(chan struct{}, 3)
	for _, e := range examples {
		if e.file != compose {
			continue
		}
		t.Run(e.folder, func(t *testing.T) {
			t.Parallel()
			free <- struct{}{}
			t.Cleanup(func() { <-free })
			run := project(t, e)
			run("up", "--detach", "--no-build")
			id := func(service string) string { return strings.TrimSpace(run("ps", "--quiet", service)) }
			postern := harness.ContainerNamed(t, id("postern"))
			harness.Await(t, "healthy postern", postern.Healthy)
			assertGuarded(t, postern)
			for _, u := range e.users {
				ask(t, u, id(u.service))
			}
			if e.folder == "prometheus" {
				if status := harness.Ask(t, id("prometheus"), "tcp://postern:9323", "GET", "/metrics"); status != 200 {
					t.Errorf("Prometheus gets the metrics with status %d, want 200", status)
				}
			}
		})
	}
}

// byFolder is the example in a folder.
func byFolder(t *testing.T, folder string) example {
	t.Helper()
	for _, e := range examples {
		if e.folder == folder {
			return e
		}
	}
	t.Fatalf("no example %s", folder)
	return example{}
}

// ask sends a program's requests from its container.
func ask(t *testing.T, u user, container string) {
	t.Helper()
	allowed, refused := requests(u.allowed), requests(u.refused+", "+dangers)
	for i, r := range slices.Concat(allowed, refused) {
		status := harness.Ask(t, container, cmp.Or(u.mounted, u.endpoint), r.Method, r.Target)
		if want := i < len(allowed); (status != 403) != want {
			t.Errorf("%s: %s %s has status %d, want allowed %v", u.service, r.Method, r.Target, status, want)
		}
	}
}

// assertGuarded asserts of a running postern what the compose files promise.
func assertGuarded(t *testing.T, c harness.Container) {
	t.Helper()
	for format, want := range map[string]string{
		"{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}}":                                     "true false",
		"{{len .HostConfig.PortBindings}} {{.HostConfig.CapDrop}}":                                      "0 [ALL]",
		`{{range .Mounts}}{{if eq .Destination "/var/run/docker.sock"}}{{.Type}} {{.RW}}{{end}}{{end}}`: "bind false",
	} {
		if got := c.Inspect(format); got != want {
			t.Errorf("docker inspect --format '%s' prints %q, want %q", format, got, want)
		}
	}
	for name := range strings.FieldsSeq(c.Inspect("{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}")) {
		if name != "none" && harness.MustDocker(t, "network", "inspect", "--format", "{{.Internal}}", name) != "true\n" {
			t.Errorf("postern is on the network %s, which is not internal", name)
		}
	}
}

// project returns docker compose for an example, whose containers are removed when
// the test is over.
func project(t *testing.T, e example) func(args ...string) string {
	t.Helper()
	command, file, name := harness.NeedCompose(t), standIns(t, e), harness.Unused(t)
	run := func(args ...string) string {
		t.Helper()
		all := slices.Concat(command[1:], []string{"--project-name", name, "--project-directory", e.path(""), "--file", file}, args)
		out, err := harness.OnEngine(harness.BuildPatience, command[0], all...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	t.Cleanup(func() { run("down", "--volumes") })
	return run
}

// standIns writes an example's file with the images of this test run, and without
// the ports of this machine, and returns its path. Nothing else of postern's service
// changes.
func standIns(t *testing.T, e example) string {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal([]byte(e.read(t, e.file)), &file); err != nil {
		t.Fatal(err)
	}
	for name, s := range file["services"].(map[string]any) {
		s := s.(map[string]any)
		if name == "postern" {
			delete(s, "build")
			s["image"] = harness.PosternImage(t)
			continue
		}
		s["image"] = harness.Busybox(t)
		s["command"] = []string{"sleep", "1000"}
		s["init"] = true
		volumes, _ := s["volumes"].([]any)
		s["volumes"] = append(volumes, harness.AskProgram(t)+":/ask:ro")
		delete(s, "ports")
	}
	text, err := yaml.Marshal(file)
	path := filepath.Join(t.TempDir(), e.file)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
