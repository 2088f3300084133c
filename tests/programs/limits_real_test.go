//go:build real

package programs

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/tests/internal/harness"
)

// TestProgramsWorkWithinLimits lets each program use the real engine under its preset
// with REDACT=env and a scope that its containers are in. It asserts that the program works
// as it does without them, that nothing was refused, and that no response has shown
// it the password of a container or a container outside.
func TestProgramsWorkWithinLimits(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	outside := outsider(t)
	for _, program := range presetPrograms {
		t.Run(program.name+"/"+program.preset, func(t *testing.T) {
			t.Parallel()
			path := program.find(t)
			p := harness.Start(t, harness.With(harness.DefaultsOff, program.beside, map[string]string{
				"SOCKET_PATH": harness.EngineSocket, "PRESET": program.preset, "REDACT": "env", "SCOPE": "label=" + shown,
			}))
			wire := observe(t, p.Addr)
			program.use(t, path, wire.host)
			seen := wire.responses()
			for _, hidden := range append(outside, password) {
				if i := strings.Index(seen, hidden); i >= 0 {
					t.Errorf("a response shows %s: %q", hidden, seen[max(0, i-300):i+100])
				}
			}
			if program.reads && !strings.Contains(seen, "PASSWORD=***") {
				t.Error("no response shows PASSWORD=***")
			}
			for _, e := range p.Log() {
				if e["message"] == "refused" {
					t.Errorf("refused: %v", e)
				}
			}
		})
	}
}

// TestDockerGenReadsWhatIsKept asserts what a template finds in environments under REDACT=env.
func TestDockerGenReadsWhatIsKept(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	program := presetProgram{name: "docker-gen"}.find(t)
	name := labelled(t)
	template := write(t, "hosts.tmpl", "{{range .}}{{.Name}} {{.Env.PASSWORD}} {{.Env.VIRTUAL_HOST}}\n{{end}}")
	for keep, want := range map[string]string{"": " *** ***\n", "VIRTUAL_*": " *** shown.example.com\n"} {
		p := harness.Start(t, map[string]string{
			"SOCKET_PATH": harness.EngineSocket, "PRESET": "docker-gen", "REDACT": "env", "REDACT_KEEP": keep, "SCOPE": "label=" + shown,
		})
		hosts := filepath.Join(t.TempDir(), "hosts")
		works(t, command(t, "tcp://"+p.Addr, program, "-endpoint", "tcp://"+p.Addr, template, hosts))
		if text, err := os.ReadFile(hosts); !strings.Contains(string(text), name+want) || strings.Contains(string(text), password) {
			t.Errorf("REDACT_KEEP=%s: docker-gen wrote\n%s%v\nwant %s%s", keep, text, err, name, want)
		}
	}
}

// TestProgramsOfTwoClients asserts that Testcontainers and buildx work for two clients with
// SCOPE=mine at once, through one postern.
func TestProgramsOfTwoClients(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	testcontainers, buildx := testcontainersProgram(t), presetProgram{name: "buildx", cheap: true}.find(t)
	settings, hosts := map[string]string{"SOCKET_PATH": harness.EngineSocket}, map[string]string{}
	for _, client := range []string{"ANN", "BOB"} {
		hosts[client] = "unix://" + filepath.Join(harness.SocketDir(t), "docker.sock")
		for name, value := range harness.With(harness.AllOn(), map[string]string{"LISTEN": hosts[client], "SCOPE": "mine"}) {
			settings["CLIENT_"+client+"_"+name] = value
		}
	}
	p := harness.Start(t, settings)
	t.Run("at once", func(t *testing.T) {
		for client, host := range hosts {
			t.Run(client, func(t *testing.T) {
				t.Parallel()
				useTestcontainers(t, testcontainers, host)
				useBuildx(t, buildx, host)
			})
		}
	})
	for _, e := range p.Log() {
		if e["message"] == "refused" {
			t.Errorf("refused: %v", e)
		}
	}
}

// outsider starts a container, in a network and with a volume of its own, that no scope
// of these tests contains. Its health check makes events all the time. It returns the
// strings by which a response would show it.
func outsider(t *testing.T) []string {
	t.Helper()
	name := harness.Unused(t)
	harness.MustDocker(t, "network", "create", name)
	id := harness.MustDocker(t, "run", "-d", "--name", name, "--network", name, "-v", name+":/data", "-e", "PASSWORD="+password,
		"--health-cmd", "true", "--health-interval", "1s", harness.Busybox(t), "sleep", "1000")
	return []string{name, strings.TrimSpace(id)}
}

// wire lies between a program and postern.
type wire struct {
	host string

	mu    sync.Mutex
	conns []*harness.Output
}

// observe forwards connections to an address and keeps what comes back.
func observe(t *testing.T, addr string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &wire{host: "tcp://" + l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go w.forward(client.(*net.TCPConn), addr)
		}
	}()
	return w
}

// forward lets each direction end by itself.
func (w *wire) forward(client *net.TCPConn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	kept := &harness.Output{}
	w.mu.Lock()
	w.conns = append(w.conns, kept)
	w.mu.Unlock()
	go func() {
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, io.TeeReader(server, kept))
}

// responses is all that came back, connection after connection.
func (w *wire) responses() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, kept := range slices.Clone(w.conns) {
		all = append(all, kept.String())
	}
	return strings.Join(all, "\n")
}
