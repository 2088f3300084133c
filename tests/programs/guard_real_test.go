//go:build real

package programs

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/guarded"
	"postern/tests/internal/harness"
)

// guardedRun is one run of a program of the table in package guarded.
type guardedRun struct {
	*testing.T
	// host is the guarded client's own listener.
	host string
	// beside and values are those of the row.
	beside []string
	values map[string]string
}

// guardedUses run the programs of the table. They return an error where a program does
// not work.
var guardedUses = map[string]func(guardedRun) error{
	"`docker run`, `exec`, `logs`, `network`, `volume`": func(r guardedRun) error {
		box, network, volume := harness.Unused(r.T), harness.Unused(r.T), harness.Unused(r.T)
		return r.docker("network create "+network, "volume create "+volume,
			"run -d -P --expose 80 -p 81 --init --name "+box+" --network "+network+" -v "+volume+":/data -v /anonymous --tmpfs /tmp {image} sleep 1000",
			"exec "+box+" touch /data/file", "logs "+box, "ps", "inspect "+box, "rm -f -v "+box, "volume rm "+volume, "network rm "+network)
	},
	"`docker run -p {port}:80`":        func(r guardedRun) error { return r.docker("run --rm -p {port}:80 {image} true") },
	"`docker run -v {dir}:/x`":         func(r guardedRun) error { return r.docker("run --rm -v {dir}:/x {image} touch /x/file") },
	"`docker run --network {network}`": func(r guardedRun) error { return r.docker("run --rm --network {network} {image} true") },
	"`docker cp`": func(r guardedRun) error {
		box := harness.Unused(r.T)
		return r.docker("create --name "+box+" {image}", "cp {dir}/Dockerfile "+box+":/file", "cp "+box+":/file {dir}/copy")
	},
	"`docker commit`, `tag`, `rmi`": func(r guardedRun) error {
		box, tag, other := harness.Unused(r.T), harness.Unused(r.T), harness.Unused(r.T)
		return r.docker("create --name "+box+" {image}", "commit "+box+" "+tag, "tag "+tag+" "+other, "rmi "+tag+" "+other)
	},
	"`docker build`, the classic one": func(r guardedRun) error {
		tag := harness.Unused(r.T)
		return r.docker("build -t "+tag+" {dir}", "run --rm "+tag+" cat /made", "rmi "+tag)
	},
	"`docker buildx build`": func(r guardedRun) error {
		tag := harness.Unused(r.T)
		program := presetProgram{name: "buildx", cheap: true}.find(r.T)
		if err := tried(r.T, command(r.T, r.host, program, "build", "-t", tag, r.values["dir"])); err != nil {
			return err
		}
		return r.docker("run --rm " + tag + " cat /made")
	},
	"compose: networks, volumes": func(r guardedRun) error {
		return r.compose("    volumes: ['data:/data', '/anonymous']\n    networks: [back]\nnetworks: {back: {}}\nvolumes: {data: {}}\n")
	},
	"compose: `ports`, bind mounts, file secrets, external networks": func(r guardedRun) error {
		return r.compose("    ports: ['{port}:80']\n    volumes: ['{dir}:/x']\n    secrets: [key]\n    networks: [outside]\n" +
			"networks: {outside: {external: true, name: '{network}'}}\nsecrets: {key: {file: '{dir}/Dockerfile'}}\n")
	},
	"docker-py: containers, `put_archive`, `images.build`": func(r guardedRun) error {
		return tried(r.T, command(r.T, r.host, harness.NeedDockerPy(r.T), harness.File("tests/programs/testdata/docker_py_guarded.py"),
			harness.Busybox(r.T), harness.Unused(r.T), harness.Unused(r.T), harness.Unused(r.T)))
	},
	"Testcontainers for Go": func(r guardedRun) error {
		return tryTestcontainers(r.T, testcontainersProgram(r.T), r.host, r.beside...)
	},
	"Testcontainers for Go, with Ryuk": func(r guardedRun) error { return tryRyuk(r.T, r.host, r.beside...) },
	"act": func(r guardedRun) error {
		return tryAct(r.T, presetProgram{name: "act", cheap: true}.find(r.T), r.host, r.beside...)
	},
}

// TestProgramsUnderGuard runs each program of the table in docs/guard.md as a guarded
// client, with the settings of its row and no others: it works, and nothing is refused.
// With one line less it does not work.
func TestProgramsUnderGuard(t *testing.T) {
	t.Parallel()
	for _, program := range guarded.Programs {
		// The name becomes that of folders, which no list could have with a comma.
		t.Run(strings.NewReplacer("`", "", ",", "").Replace(program.Name), func(t *testing.T) {
			t.Parallel()
			harness.NeedDocker(t)
			if refused, err := runGuarded(t, program, program.Lines); err != nil || len(refused) > 0 {
				t.Errorf("with %q: %v\nrefused: %v", program.Lines, err, refused)
			}
			for i, line := range program.Lines {
				without := slices.Delete(slices.Clone(program.Lines), i, i+1)
				refused, err := runGuarded(t, program, without)
				variable, _, _ := strings.Cut(line, "=")
				said := func(s string) bool { return strings.Contains(s, variable+"=") }
				switch {
				case err == nil:
					t.Errorf("it works without %s", line)
				case !said(err.Error()) && !slices.ContainsFunc(refused, func(e harness.Entry) bool { return said(e.String()) }):
					t.Errorf("without %s: neither the program nor the log names it: %v\nrefused: %v", line, err, refused)
				}
			}
		})
	}
}

// runGuarded runs a program once, as a new client. It returns what was refused.
func runGuarded(t *testing.T, program guarded.Program, lines []string) (refused []harness.Entry, err error) {
	t.Helper()
	use := guardedUses[program.Name]
	if use == nil {
		t.Fatalf("no test runs %s", program.Name)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+harness.Busybox(t)+"\nRUN echo made >/made\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	network, socket := harness.Unused(t), filepath.Join(harness.SocketDir(t), "ci.sock")
	harness.MustDocker(t, "network", "create", network)
	values := map[string]string{"port": portToPublish(t), "dir": dir, "network": network, "socket": socket, "image": harness.Busybox(t)}

	prefix := "CLIENT_CI" + rand.Text()[:8] + "_"
	own := harness.AllOn()
	if program.Preset != "" {
		own = harness.With(harness.DefaultsOff, map[string]string{"PRESET": program.Preset})
	}
	own["LISTEN"], own["GUARD"] = "unix://"+socket, "1"
	for _, line := range lines {
		name, value, _ := strings.Cut(guarded.Fill(line, values), "=")
		own[name] = value
	}
	settings := map[string]string{"SOCKET_PATH": harness.EngineSocket}
	if program.Name == "act" && hasToolCache() {
		own["GUARD_VOLUME"] = toolCache // as the note says
	}
	for name, value := range own {
		settings[prefix+name] = value
	}
	p := harness.Start(t, settings)
	r := guardedRun{T: t, host: "unix://" + socket, values: values}
	for _, word := range program.Beside {
		r.beside = append(r.beside, guarded.Fill(word, values))
	}
	err = use(r)
	for _, e := range p.Log() {
		if e["message"] == "refused" {
			refused = append(refused, e)
		}
	}
	return refused, err
}

// portToPublish is a free port below those that the kernel gives to connections: one of
// these could be taken by the time that the engine listens.
func portToPublish(t *testing.T) string {
	t.Helper()
	for {
		port := fmt.Sprint(20000 + mathrand.IntN(10000))
		if l, err := net.Listen("tcp", ":"+port); err == nil {
			l.Close()
			return port
		}
	}
}

// docker runs docker commands until one fails.
func (r guardedRun) docker(lines ...string) error {
	for _, line := range lines {
		cmd := harness.DockerCommand(r.T, r.host, strings.Fields(guarded.Fill(line, r.values))...)
		cmd.Env = append(cmd.Env, r.beside...)
		if err := tried(r.T, cmd); err != nil {
			return err
		}
	}
	return nil
}

// compose brings a project up and down that has one service.
func (r guardedRun) compose(rest string) error {
	words := harness.NeedCompose(r.T)
	project := harness.Unused(r.T)
	file := write(r.T, "compose.yaml", guarded.Fill("version: '3.7'\nservices:\n  box:\n    image: {image}\n    command: sleep 1000\n    init: true\n"+rest, r.values))
	run := func(host, line string) error {
		return tried(r.T, command(r.T, host, words[0], append(slices.Concat(words[1:], []string{"-p", project, "-f", file}), strings.Fields(line)...)...))
	}
	defer run(harness.EngineHost, "down -v -t 0") // if it is still up
	for _, line := range []string{"up -d", "exec -T box true", "ps", "logs", "down -v -t 0"} {
		if err := run(r.host, line); err != nil {
			return err
		}
	}
	return nil
}

// tried runs a program to its end. If it fails, the error has what it printed.
func tried(t *testing.T, cmd *exec.Cmd) error {
	t.Helper()
	if r := harness.Finish(t, cmd); r.Status != 0 {
		return fmt.Errorf("%q: %v", cmd.Args, r)
	}
	return nil
}
