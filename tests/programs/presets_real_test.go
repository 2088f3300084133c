//go:build real

package programs

import (
	"errors"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// presetProgram is a program that has a preset.
type presetProgram struct {
	// name is that of the program's file, preset that of its preset.
	name, preset string
	// cheap programs are tried with the other tests; the others where PROGRAMS names
	// the folder with them, which .ci/programs makes.
	cheap bool
	// reads is whether the program inspects a container of the test, which shows it the
	// environment.
	reads bool
	// beside are settings that the note of the preset names.
	beside map[string]string
	// use lets the program use the engine at a host, and fails the test if it does not
	// work.
	use func(t *testing.T, program, host string)
}

var presetPrograms = []presetProgram{
	{name: "testcontainers", preset: "testcontainers", cheap: true, reads: true, use: useTestcontainers},
	{name: "dive", preset: "dive", cheap: true, use: useDive},
	{name: "docker-compose", preset: "compose", cheap: true, reads: true, use: useCompose,
		beside: map[string]string{"ALLOW": "SystemVersion,SystemInfo,NetworkConnect,NetworkDisconnect"}},
	{name: "buildx", preset: "buildx", cheap: true, use: useBuildx},
	{name: "act", preset: "act", cheap: true, use: useAct},
	{name: "diun", preset: "diun", use: useDiun},
	{name: "docker-gen", preset: "docker-gen", reads: true, use: useDockerGen},
	{name: "docker-volume-backup", preset: "docker-volume-backup", use: useVolumeBackup},
	{name: "dozzle", preset: "dozzle", reads: true, use: useDozzle},
	{name: "ofelia", preset: "ofelia-exec", use: useOfeliaExec},
	{name: "ofelia", preset: "ofelia", use: useOfeliaRun},
	{name: "prometheus", preset: "prometheus", use: usePrometheus},
	{name: "sablier", preset: "sablier", reads: true, use: useSablier},
	{name: "telegraf", preset: "telegraf", reads: true, use: useTelegraf},
	{name: "traefik-docker", preset: "traefik", reads: true, use: useTraefik},
}

// TestPresetsSufficeForTheirPrograms lets each program that is built on this machine
// use the real engine under its preset alone, with what is open by default closed. It
// asserts that the program works and that nothing was refused: some hide a refusal.
func TestPresetsSufficeForTheirPrograms(t *testing.T) {
	t.Parallel()
	for _, program := range presetPrograms {
		t.Run(program.name+"/"+program.preset, func(t *testing.T) {
			t.Parallel()
			harness.NeedDocker(t)
			path := program.find(t)
			p := harness.Start(t, harness.With(harness.DefaultsOff, program.beside, map[string]string{"SOCKET_PATH": harness.EngineSocket, "PRESET": program.preset}))
			program.use(t, path, "tcp://"+p.Addr)
			for _, e := range p.Log() {
				if e["message"] == "refused" {
					t.Errorf("refused: %v", e)
				}
			}
		})
	}
}

// find returns the program's path.
func (p presetProgram) find(t *testing.T) string {
	t.Helper()
	if p.name == "testcontainers" {
		return testcontainersProgram(t)
	}
	dirs := []string{os.Getenv("PROGRAMS"), filepath.Join(build.Default.GOPATH, "bin")}
	for _, dir := range dirs {
		if path := filepath.Join(dir, p.name); dir != "" {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	if path, err := exec.LookPath(p.name); err == nil {
		return path
	}
	err := errors.New("it is not installed")
	switch {
	case p.name == "buildx":
		harness.Missing(t, p.name, err, "go install github.com/docker/buildx/cmd/buildx@v0.38.2")
	case p.name == "act":
		harness.Missing(t, p.name, err, "go install github.com/nektos/act@v0.2.89")
	case p.name == "dive":
		harness.Missing(t, p.name, err, "go install github.com/wagoodman/dive@v0.13.1")
	case p.cheap:
		harness.Missing(t, p.name, err, "apt-get install "+p.name)
	}
	t.Skipf("no %s: .ci/programs builds it", p.name)
	return ""
}

func useDive(t *testing.T, program, host string) {
	if r := works(t, command(t, host, program, "--ci", "--lowestEfficiency", "0.1", harness.Busybox(t))); !strings.Contains(r.Stdout, "PASS") {
		t.Errorf("dive: %v", r)
	}
}

func useCompose(t *testing.T, program, host string) {
	project := harness.Unused(t)
	file := write(t, "docker-compose.yml", "version: '3'\nservices:\n  box:\n    image: "+harness.Busybox(t)+"\n    command: sh -c 'echo ready; exec sleep 1000'\n    environment: {PASSWORD: "+password+"}\n    volumes: [data:/data]\nvolumes: {data: {}}\n")
	for _, args := range []string{"up -d", "ps", "exec -T box echo hello", "logs", "restart -t 0", "stop -t 0", "start", "kill", "down -v -t 0"} {
		cmd := command(t, host, program, append([]string{"-p", project, "-f", file}, strings.Fields(args)...)...)
		if r := works(t, cmd); strings.HasPrefix(args, "exec") && r.Stdout != "hello\n" {
			t.Errorf("docker-compose %s: %v", args, r)
		}
	}
}

func useBuildx(t *testing.T, program, host string) {
	dir := filepath.Dir(write(t, "blob", "content"))
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+harness.Busybox(t)+" AS made\nCOPY blob /blob\nRUN cat /blob >/copy\nFROM scratch\nCOPY --from=made /copy /copy\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	works(t, command(t, host, program, "build", "--network", "none", "--progress", "plain", "-o", out, dir))
	if text, err := os.ReadFile(filepath.Join(out, "copy")); string(text) != "content" {
		t.Errorf("buildx wrote %q: %v", text, err)
	}
}

func useDiun(t *testing.T, program, host string) {
	labelled(t, "diun.enable=true")
	cmd := command(t, host, program, "serve", "--grpc-authority", "127.0.0.1:"+freePort(t))
	cmd.Env = append(cmd.Env, "DIUN_PROVIDERS_DOCKER=true", "DIUN_PROVIDERS_DOCKER_ENDPOINT="+host, "DIUN_WATCH_RUNONSTARTUP=true", "DIUN_WATCH_SCHEDULE=0 0 1 1 *", "DIUN_DB_PATH="+filepath.Join(cmd.Dir, "diun.db"), "LOG_LEVEL=debug")
	out := launched(t, cmd)
	// It has seen the container and inspected its image, which no registry has.
	harness.Await(t, "image that diun inspects", func() bool {
		return strings.Contains(out.String(), "Skip locally built image") && strings.Contains(out.String(), harness.Busybox(t))
	})
}

func useDockerGen(t *testing.T, program, host string) {
	first := labelled(t)
	notified := started(t, "trap 'echo notified' HUP; while :; do sleep 0.1; done")
	template := write(t, "names.tmpl", "{{range .}}{{.Name}}\n{{end}}")
	names := filepath.Join(t.TempDir(), "names")
	launched(t, command(t, host, program, "-endpoint", host, "-watch", "-notify-sighup", notified, template, names))
	has := func(name string) bool { text, _ := os.ReadFile(names); return strings.Contains(string(text), name) }
	harness.Await(t, "name in docker-gen's file", func() bool { return has(first) })
	second := labelled(t)
	harness.Await(t, "name of a new container in docker-gen's file", func() bool { return has(second) })
	harness.Await(t, "signal to the container", func() bool {
		return strings.Contains(harness.Docker(t, harness.EngineHost, "logs", notified).Stdout, "notified")
	})
}

func useVolumeBackup(t *testing.T, program, host string) {
	name := harness.RunName + "-backup"
	stopped := labelled(t, "docker-volume-backup.stop-during-backup="+name, "docker-volume-backup.archive-pre=/bin/sh -c 'echo before > /before'", "docker-volume-backup.exec-label="+name)
	started := harness.MustDocker(t, "inspect", "-f", "{{.State.StartedAt}}", stopped)
	source, archive := write(t, "data", "content"), t.TempDir()
	cmd := command(t, host, program)
	cmd.Env = append(cmd.Env, "BACKUP_SOURCES="+filepath.Dir(source), "BACKUP_ARCHIVE="+archive, "BACKUP_STOP_DURING_BACKUP_LABEL="+name, "EXEC_LABEL="+name, "BACKUP_FILENAME=backup.tar.gz")
	works(t, cmd)
	if _, err := os.Stat(filepath.Join(archive, "backup.tar.gz")); err != nil {
		t.Error(err)
	}
	if again := harness.MustDocker(t, "inspect", "-f", "{{.State.StartedAt}}", stopped); again == started || !running(t, stopped) {
		t.Errorf("the container was not stopped and started: %s, then %s", started, again)
	}
	if got := harness.MustDocker(t, "exec", stopped, "cat", "/before"); got != "before\n" {
		t.Errorf("the command before the backup wrote %q", got)
	}
}

func useOfeliaExec(t *testing.T, program, host string) {
	name := labelled(t)
	config := write(t, "ofelia.ini", "[job-exec \"test\"]\nschedule = @every 1s\ncontainer = "+name+"\nuser = 0\ncommand = touch /touched\n")
	launched(t, command(t, host, program, "daemon", "--config", config))
	harness.Await(t, "file that ofelia makes", func() bool {
		return harness.Docker(t, harness.EngineHost, "exec", name, "ls", "/touched").Status == 0
	})
}

func useOfeliaRun(t *testing.T, program, host string) {
	config := write(t, "ofelia.ini", "[job-run \"test\"]\nschedule = @every 3s\nimage = "+harness.Busybox(t)+"\npull = false\nuser = 0\ncommand = seq 40 42\n")
	out := launched(t, command(t, host, program, "daemon", "--config", config))
	harness.Await(t, "output of the job", func() bool {
		return strings.Contains(out.String(), "StdOut: 40") && strings.Contains(out.String(), "failed: false, skipped: false")
	})
}

func usePrometheus(t *testing.T, program, host string) {
	name := labelled(t)
	port := freePort(t)
	config := write(t, "prometheus.yml", "scrape_configs:\n  - job_name: docker\n    docker_sd_configs:\n      - host: "+host+"\n        refresh_interval: 1s\n")
	launched(t, command(t, host, program, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:"+port))
	harness.Await(t, "target of prometheus", func() bool {
		return strings.Contains(get("http://127.0.0.1:"+port+"/api/v1/targets"), `"__meta_docker_container_name":"/`+name+`"`)
	})
}

func useSablier(t *testing.T, program, host string) {
	name := labelled(t, "sablier.enable=true")
	harness.MustDocker(t, "stop", "-t", "0", name)
	port := freePort(t)
	launched(t, command(t, host, program, "start", "--provider.name=docker", "--provider.auto-stop-on-startup=false", "--server.port="+port, "--sessions.expiration-interval=1s"))
	url := "http://127.0.0.1:" + port + "/api/strategies/blocking?session_duration=10s&names=" + name
	harness.Await(t, "sablier", func() bool { return get("http://127.0.0.1:"+port+"/health") != "" })
	go get(url) // until the container runs
	harness.Await(t, "start by sablier", func() bool { return running(t, name) })
	harness.Await(t, "stop by sablier", func() bool { return !running(t, name) })
}

func useTelegraf(t *testing.T, program, host string) {
	name := labelled(t)
	config := write(t, "telegraf.conf", fmt.Sprintf(`[agent]
  omit_hostname = true
  interval = "1s"
[[outputs.file]]
  files = ["stdout"]
[[inputs.docker]]
  endpoint = %q
[[inputs.docker_log]]
  endpoint = %q
  from_beginning = true
  container_name_include = [%q]
`, host, host, name))
	out := launched(t, command(t, host, program, "--config", config))
	for _, want := range []string{"docker_container_status,", "docker_container_mem,", "docker_log,"} {
		harness.Await(t, want+" of the container", func() bool {
			return slices.ContainsFunc(strings.Split(out.String(), "\n"), func(line string) bool {
				return strings.HasPrefix(line, want) && strings.Contains(line, "container_name="+name)
			})
		})
	}
}

func useTraefik(t *testing.T, program, host string) {
	name := labelled(t, "traefik.http.routers.first.rule=Host(`first.test`)", "traefik.http.services.first.loadbalancer.server.port=80")
	out := launched(t, command(t, host, program, host))
	harness.Await(t, "router of "+name, func() bool { return strings.Contains(out.String(), "router first") })
	labelled(t, "traefik.http.routers.second.rule=Host(`second.test`)", "traefik.http.services.second.loadbalancer.server.port=80")
	harness.Await(t, "router of a new container", func() bool { return strings.Contains(out.String(), "router second") })
}
