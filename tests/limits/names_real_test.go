//go:build real

package limits

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// trio makes the containers NAME, NAMEx and NAME-db, which print their name.
func trio(t *testing.T) (web, webx, db string) {
	t.Helper()
	web = harness.Unused(t)
	webx, db = web+"x", web+"-db"
	for _, name := range []string{web, webx, db} {
		t.Cleanup(func() { harness.RemoveAll(name) })
		harness.MustDocker(t, "run", "-d", "--name", name, harness.Busybox(t), "sh", "-c", "echo "+name+"; exec sleep 1000")
	}
	return web, webx, db
}

// commands are docker commands about one container, which is %s.
var commands = []string{
	"inspect %s", "inspect --type container %s", "logs %s", "exec %s echo hello", "top %s", "stats --no-stream --no-trunc %s", "diff %s", "update --cpu-shares 512 %s",
	"pause %s", "unpause %s", "port %s", "cp %s:/bin/busybox -", "export %s", "commit %s", "kill --signal WINCH %s", "restart -t 0 %s", "stop -t 0 %s", "start %s",
	"network disconnect bridge %s", "network connect bridge %s", "container ls -a --filter before=%s", "container ls -a --filter since=%s", "exec -d %s true",
	"stop -t 0 %s", "wait %s", "start -a %s", "rm -f %s",
}

// TestDockerWithNames asserts that the docker command behaves with SCOPE=name=web as if
// no other container existed: by name, by id and by the beginning of an id.
func TestDockerWithNames(t *testing.T) {
	t.Parallel()
	web, webx, db := trio(t)
	e := through(t, []string{"ha"}, "CLIENT_HA_SCOPE=name="+web+","+web+"-new")["ha"]
	if got := must(t, e, "ps -a --format {{.Names}}"); got != web {
		t.Errorf("docker ps prints %q, want %s", got, web)
	}
	for _, hidden := range []string{webx, db} {
		id := idOf(t, hidden)
		for _, name := range []string{hidden, id, id[:12], id[:6]} {
			for _, command := range commands {
				line := strings.ReplaceAll(command, "%s", name)
				got := docker(t, e, line)
				want := docker(t, e, strings.ReplaceAll(command, "%s", "absent"))
				if got.Status != want.Status || got.Stdout != want.Stdout || got.Stderr != strings.ReplaceAll(want.Stderr, "absent", name) {
					t.Errorf("docker %s: %v\nand of an absent one: %v", line, got, want)
				}
			}
		}
		if state := harness.ContainerNamed(t, hidden).Inspect("{{.State.Status}} {{.RestartCount}} {{.HostConfig.CpuShares}} {{len .NetworkSettings.Networks}}"); state != "running 0 0 1" {
			t.Errorf("%s is %s", hidden, state)
		}
	}
	for _, run := range []func() string{
		func() string { return web },
		func() string { return idOf(t, web) },
		func() string { return idOf(t, web)[:12] },
	} {
		for _, command := range commands[:len(commands)-3] {
			name := run()
			if r := docker(t, e, strings.ReplaceAll(command, "%s", name)); r.Status != 0 && !strings.HasPrefix(command, "wait") {
				t.Errorf("docker %s: %v", strings.ReplaceAll(command, "%s", name), r)
			} else if strings.HasPrefix(command, "commit") {
				harness.MustDocker(t, "rmi", strings.TrimSpace(r.Stdout))
			}
		}
		must(t, e, "start "+web)
	}
	fails(t, e, "cannot be renamed in a scope of names", "rename "+web+" other")
	fails(t, e, "prunes by label alone", "container prune -f")
	fails(t, e, "No such container: "+db, "run --pull never --rm --name "+web+"-new --volumes-from "+db+" "+harness.Busybox(t))
	if got := usage(t, e, "-v"); strings.Contains(got, db) || !strings.Contains(got, web) {
		t.Errorf("docker system df -v prints %s", got)
	}
	if got := must(t, e, "info --format {{.Containers}}/{{.ContainersRunning}}"); got != "1/1" {
		t.Errorf("docker info counts %s", got)
	}
	if got := must(t, e, "network inspect bridge"); strings.Contains(got, db) || !strings.Contains(got, web) {
		t.Errorf("docker network inspect bridge prints %s", got)
	}
	if got := must(t, e, "stats --no-stream --format {{.Name}}"); got != web {
		t.Errorf("docker stats prints %s", got)
	}
	must(t, e, "rm -f "+web)
	// What is made must have a name of the scope.
	for name, text := range map[string]string{"": "it needs a name", "--name=" + db: "is out of the scope"} {
		fails(t, e, text, "create "+name, harness.Busybox(t))
	}
	must(t, e, "create --name "+web+" "+harness.Busybox(t))
}

// TestEventsWithNames asserts that a client sees events of its containers alone, as they
// happen and from the past.
func TestEventsWithNames(t *testing.T) {
	t.Parallel()
	web, webx, db := trio(t)
	e := through(t, []string{"ha"}, "CLIENT_HA_SCOPE=name="+web)["ha"]
	since := time.Now().Unix()
	out := filepath.Join(t.TempDir(), "events")
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	cmd := harness.DockerCommand(t, e.Host(), "events", "--format", "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}")
	cmd.Stdout = file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := func() string { text, _ := os.ReadFile(out); return string(text) }
	harness.Await(t, "event", func() bool {
		harness.MustDocker(t, "pause", web)
		harness.MustDocker(t, "unpause", web)
		return strings.Contains(read(), "unpause "+web)
	})
	harness.MustDocker(t, "restart", "-t", "0", db, webx)
	network := harness.Unused(t)
	harness.MustDocker(t, "network", "create", network)
	harness.MustDocker(t, "network", "connect", network, web)
	harness.MustDocker(t, "rename", db, web+"-old")
	harness.MustDocker(t, "rename", web+"-old", db)
	harness.MustDocker(t, "rm", "-f", web)
	harness.Await(t, "last event", func() bool { return strings.Contains(read(), "container destroy "+web) })
	cmd.Process.Kill()
	cmd.Wait()
	past := must(t, e, fmt.Sprintf("events --since %d --until %d --format {{.Type}}-{{.Actor.Attributes.name}}", since, time.Now().Unix()))
	for line := range strings.Lines(read() + past) {
		if strings.Contains(line, db) || strings.Contains(line, webx) || !strings.HasPrefix(line, "container") {
			t.Errorf("the client saw %q", line)
		}
	}
}
