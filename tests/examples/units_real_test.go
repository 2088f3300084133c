//go:build real

package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestUnitIsValid asserts that systemd finds no fault with the unit. The program has
// to be there for that: the test names the one that it has built.
func TestUnitIsValid(t *testing.T) {
	t.Parallel()
	analyze := harness.NeedCommand(t, "systemd-analyze", "systemd")
	e := byFolder(t, "systemd")
	text := strings.Replace(e.read(t, e.file), "ExecStart=/usr/local/bin/postern\n", "ExecStart="+harness.Command(t, nil).Path+"\n", 1)
	file := filepath.Join(t.TempDir(), e.file)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := harness.Finish(t, exec.Command(analyze, "verify", file)); r.Status != 0 || r.Stdout+r.Stderr != "" {
		t.Errorf("systemd-analyze verify: %v", r)
	}
}

// TestUnitServesItsGroup starts postern as the unit does, as a user that has the group
// of the engine's socket and no capabilities, and asks at the socket that its own
// group may open.
func TestUnitServesItsGroup(t *testing.T) {
	t.Parallel()
	harness.NeedRoot(t)
	harness.NeedDocker(t)
	e := byFolder(t, "systemd")
	engine, err := os.Stat(harness.EngineSocket)
	if err != nil {
		t.Fatal(err)
	}
	const id = 4242
	socket := filepath.Join(harness.SocketDir(t), "docker.sock")
	settings := e.settings(t)
	settings["LISTEN"] = strings.Replace(settings["LISTEN"], "/run/postern/docker.sock", socket, 1)
	settings["SOCKET_PATH"] = harness.EngineSocket
	cmd := harness.Command(t, settings)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id, Groups: []uint32{engine.Sys().(*syscall.Stat_t).Gid}}}
	harness.StartCommand(t, cmd)

	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o660 || owner.Uid != id || owner.Gid != id {
		t.Errorf("the socket has mode %o, user %d and group %d, want 660, %[4]d and %[4]d", info.Mode().Perm(), owner.Uid, owner.Gid, id)
	}
	allowed, refused := requests(e.users[0].allowed), requests(e.users[0].refused+", "+dangers)
	for i, r := range slices.Concat(allowed, refused) {
		response := harness.Send(t, harness.Dial(t, "unix", socket), harness.Head(r.Method, r.Target, "Content-Length: 0"))
		if want := i < len(allowed); (response.Status != 403) != want {
			t.Errorf("%s %s has status %d, want allowed %v", r.Method, r.Target, response.Status, want)
		}
	}
}

// quadletArguments are what docker run calls the keys of a quadlet's section
// [Container].
var quadletArguments = map[string]func(value string) []string{
	"Environment":          func(v string) []string { return []string{"--env", v} },
	"ReadOnly":             func(v string) []string { return []string{"--read-only=" + v} },
	"DropCapability":       func(v string) []string { return []string{"--cap-drop", v} },
	"NoNewPrivileges":      func(v string) []string { return []string{"--security-opt", "no-new-privileges:" + v} },
	"SecurityLabelDisable": func(string) []string { return []string{"--security-opt", "label=disable"} },
	"AddCapability": func(v string) (all []string) {
		for name := range strings.FieldsSeq(v) {
			all = append(all, "--cap-add", name)
		}
		return all
	},
	"Volume": func(v string) []string {
		return []string{"--volume", strings.Replace(v, "%t/podman/podman.sock", harness.EngineSocket, 1)}
	},
	"ContainerName": func(v string) []string { return []string{"--network-alias", v} },
}

// TestQuadletServes starts postern with what its quadlet says, and asks from another
// container of the network.
func TestQuadletServes(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	e := byFolder(t, "podman")
	text := e.read(t, e.file)
	container := text[strings.Index(text, "[Container]"):strings.Index(text, "[Service]")]
	network := harness.Unused(t)
	create := []string{"network", "create"}
	if unit(e.read(t, "docker-api.network"))["Internal"][0] == "true" {
		create = append(create, "--internal")
	}
	harness.MustDocker(t, append(create, network)...)
	args := []string{"--network", network}
	for key, values := range unit(container) {
		argument := quadletArguments[key]
		switch {
		case key == "Image":
		case key == "Network" && slices.Equal(values, []string{"docker-api.network"}):
		case argument == nil:
			t.Errorf("the quadlet has %s=%q, which this test does not know", key, values)
		default:
			for _, v := range values {
				args = append(args, argument(v)...)
			}
		}
	}
	postern := harness.StartContainer(t, harness.PosternImage(t), args...)
	assertGuarded(t, postern)
	program := harness.Unused(t)
	harness.MustDocker(t, "run", "--detach", "--init", "--name", program, "--network", network,
		"--volume", harness.AskProgram(t)+":/ask:ro", harness.Busybox(t), "sleep", "1000")
	ask(t, e.users[0], program)
}
