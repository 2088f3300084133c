//go:build real

package image

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// oldImage matches the images that postern replaces.
var oldImage = regexp.MustCompile(`image: \S*(tecnativa/docker-socket-proxy|linuxserver/socket-proxy)\S*`)

// TestOldComposeFilesWorkWithAnotherImageName starts each compose file that people
// have for another proxy with postern's image and no other change. It asserts that
// the container turns healthy by the file's own health check, if it has one, and
// decides as the file's first lines say.
func TestOldComposeFilesWorkWithAnotherImageName(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(harness.File("tests/config/testdata/compose/*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		expected := regexp.MustCompile(`(?m)^# (allowed|refused|does not start): (.*)$`).FindAllStringSubmatch(string(text), -1)
		if len(expected) == 0 {
			continue // the settings of these need postern check
		}
		tested++
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			hostNetwork := strings.Contains(string(text), "network_mode: host")
			if hostNetwork {
				needPort(t, "2375")
			}
			id := upWithPostern(t, string(text), expected[0][1] != "does not start")
			if expected[0][1] == "does not start" {
				harness.Await(t, "reason not to start", func() bool {
					return strings.Contains(harness.Docker(t, harness.EngineHost, "logs", id).Stderr, expected[0][2])
				})
				return
			}
			awaitHealth(t, id)
			address := net.JoinHostPort(addressOf(t, id, hostNetwork), "2375")
			for _, e := range expected {
				method, target, _ := strings.Cut(e[2], " ")
				status := harness.Send(t, harness.Dial(t, "tcp", address), harness.Head(method, target)).Status
				if got := map[bool]string{true: "refused", false: "allowed"}[status == 403]; got != e[1] {
					t.Errorf("%s is %s with status %d, want %s", e[2], got, status, e[1])
				}
			}
		})
	}
	if tested < 14 {
		t.Errorf("%d files say what to expect, want at least 14", tested)
	}
}

// TestCheckedComposeFilesStart asserts that what postern check prints for files with
// which postern does not start, or not as meant, is one with which it does.
func TestCheckedComposeFilesStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cap-drop-all", "elevennotes", "sockguard", "wollomatic"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, err := os.ReadFile(harness.File("tests/config/testdata/compose/" + name + ".yml"))
			if err != nil {
				t.Fatal(err)
			}
			var printed string
			for _, user := range []string{"0", "65532", "4711:4711"} {
				cmd := harness.DockerCommand(t, harness.EngineHost, "run", "--rm", "-i", "--user", user, "--read-only", "--cap-drop", "ALL", "--network", "none", buildImage(t), "check")
				cmd.Stdin = bytes.NewReader(old)
				r := harness.Finish(t, cmd)
				if r.Status != 0 || r.Stderr != "" {
					t.Fatalf("docker run -i postern check as user %s: %v", user, r)
				}
				printed = r.Stdout
			}
			var block struct{ Services map[string]any }
			if err := yaml.Unmarshal([]byte(printed), &block); err != nil {
				t.Fatal(err)
			}
			group := strconv.Itoa(engineGroup(t))
			printed = strings.NewReplacer("image: postern\n", "image: "+buildImage(t)+"\n", "65534:999", "65534:"+group, "0:999", "0:"+group).Replace(printed)
			run := up(t, printed+"volumes:\n  out: {}\n  proxy.run: {}\n", true)
			for service := range block.Services {
				awaitHealth(t, lastID(t, run, service))
			}
		})
	}
}

func awaitHealth(t *testing.T, id string) {
	t.Helper()
	harness.Await(t, "good health", func() bool {
		return harness.MustDocker(t, "inspect", "--format", "{{.State.Health.Status}}", id) == "healthy\n"
	})
}

// upWithPostern starts a compose file with postern's image in another proxy's place,
// and returns the id of its container.
func upWithPostern(t *testing.T, text string, works bool) string {
	t.Helper()
	text = oldImage.ReplaceAllLiteralString(text, "image: "+buildImage(t))
	text = strings.ReplaceAll(text, "image: busybox\n", "image: "+harness.Busybox(t)+"\n")
	return lastID(t, up(t, text, works), service(text))
}

// up starts a compose file and returns docker compose for it.
func up(t *testing.T, text string, works bool) func(args ...string) (string, error) {
	t.Helper()
	compose := harness.NeedCompose(t)
	project := harness.Unused(t)
	file := filepath.Join(t.TempDir(), "docker-compose.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		environ := []string{fmt.Sprintf("DOCKER_GID=%d", engineGroup(t)), "DOCKER_SOCK=" + harness.EngineSocket}
		all := slices.Concat([]string{"env"}, environ, compose, []string{"--project-name", project, "--file", file}, args)
		return harness.OnEngine(harness.BuildPatience, all[0], all[1:]...)
	}
	t.Cleanup(func() { run("down", "--volumes", "--timeout", "1") })
	if _, err := run("up", "--detach"); err != nil && works {
		t.Fatal(err)
	}
	return run
}

// lastID is the id of a service's container. Compose may print warnings before it.
func lastID(t *testing.T, run func(args ...string) (string, error), service string) string {
	t.Helper()
	ids, err := run("ps", "--all", "--quiet", service)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(ids)
	if len(lines) == 0 {
		t.Fatalf("service %s has no container", service)
	}
	return lines[len(lines)-1]
}

// service is the name of a file's service with a proxy.
func service(text string) string {
	if strings.Contains(text, "\n  socket-proxy:\n") {
		return "socket-proxy"
	}
	return "proxy"
}

// addressOf is where a container can be reached from this machine.
func addressOf(t *testing.T, id string, hostNetwork bool) string {
	t.Helper()
	if hostNetwork {
		return "127.0.0.1"
	}
	return strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id))
}

// needPort ends the test where another program has a port of this machine.
func needPort(t *testing.T, port string) {
	t.Helper()
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		harness.Missing(t, "free port "+port, err, "stop what listens there")
	}
	l.Close()
}
