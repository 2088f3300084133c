//go:build real

package examples

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestSwarmExampleServes makes this machine's engine a Swarm of one node, deploys the
// stack with containers of busybox in the programs' place, and asks from these.
func TestSwarmExampleServes(t *testing.T) {
	e := byFolder(t, "swarm")
	harness.NeedDocker(t)
	file := standIns(t, e)
	joinSwarm(t)
	stack := harness.Unused(t)
	t.Cleanup(func() {
		onEngine(t, "stack", "rm", stack)
		filter := "label=com.docker.stack.namespace=" + stack
		harness.Await(t, "end of the stack", func() bool {
			return onEngine(t, "ps", "--all", "--quiet", "--filter", filter)+onEngine(t, "network", "ls", "--quiet", "--filter", filter) == ""
		})
		onEngine(t, "volume", "rm", stack+"_traefik-socket", stack+"_dozzle-socket")
	})
	harness.MustDocker(t, "stack", "deploy", "--detach", "--compose-file", file, stack)

	task := func(service string) string {
		var id string
		harness.Await(t, "task of "+service, func() bool {
			id = strings.TrimSpace(harness.MustDocker(t, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+stack+"_"+service))
			return id != ""
		})
		return id
	}
	postern := harness.ContainerNamed(t, task("postern"))
	harness.Await(t, "healthy postern", postern.Healthy)
	assertGuarded(t, postern)
	for _, u := range e.users {
		ask(t, u, task(u.service))
	}
	for service, want := range map[string]string{"postern": "global []\n", "traefik": "global [node.role == manager]\n"} {
		got := harness.MustDocker(t, "service", "inspect", "--format", "{{if .Spec.Mode.Global}}global{{end}} {{.Spec.TaskTemplate.Placement.Constraints}}", stack+"_"+service)
		if got != want {
			t.Errorf("%s runs on the nodes %q, want %q", service, got, want)
		}
	}
}

// joinSwarm makes the engine a manager of a Swarm until the test is over. The folder of
// its socket is locked meanwhile, as tests of another process may want to do the same.
// An engine that has a Swarm of somebody else's keeps it, and the test is skipped.
func joinSwarm(t *testing.T) {
	t.Helper()
	lock, err := os.Open(filepath.Dir(harness.EngineSocket))
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	// The network that leads out of overlay networks stays when an engine leaves.
	const bridge = "docker_gwbridge"
	had := harness.Docker(t, harness.EngineHost, "network", "inspect", bridge).Status == 0
	leave := func() {
		onEngine(t, "swarm", "leave", "--force")
		if !had {
			onEngine(t, "network", "rm", bridge)
		}
	}
	if state := strings.TrimSpace(harness.MustDocker(t, "info", "--format", "{{.Swarm.LocalNodeState}}")); state != "inactive" {
		if state != "active" || !strings.Contains(onEngine(t, "node", "inspect", "self", "--format", "{{.Spec.Labels}}"), harness.Label) {
			t.Skipf("the engine has a Swarm already: it is %s", state)
		}
		had = false // an interrupted run has left all of it
		leave()
	}
	onEngine(t, "swarm", "init", "--advertise-addr", "127.0.0.1")
	t.Cleanup(leave)
	self := strings.TrimSpace(onEngine(t, "node", "ls", "--format", "{{.ID}}"))
	onEngine(t, "node", "update", "--label-add", harness.Label+"="+harness.RunName, self)
}

// onEngine runs the docker command, also while the test ends.
func onEngine(t *testing.T, args ...string) string {
	t.Helper()
	out, err := harness.OnEngine(harness.Patience, "docker", args...)
	if err != nil {
		t.Error(err)
	}
	return out
}
