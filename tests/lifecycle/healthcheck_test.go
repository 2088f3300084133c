package lifecycle

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestHealthcheckReportsTheEngine asserts that the check goes through the listener
// to the engine, whatever the policy, and says what is wrong.
func TestHealthcheckReportsTheEngine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, listen string }{
		{"tcp", "tcp://127.0.0.1:0"},
		{"every address", "tcp://:0"},
		{"IPv6", "tcp://[::1]:0"},
		{"unix", "unix://{dir}/postern.sock"},
		{"the machine's own address", "tcp://" + net.JoinHostPort(ownAddress(t), "0")},
	} {
		if test.name == "IPv6" && !hasIPv6() {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, socket := harness.StandIn(t)
			listen := strings.ReplaceAll(test.listen, "{dir}", filepath.Dir(socket))
			environ := map[string]string{"SOCKET_PATH": socket, "LISTEN": listen, "PING": "0", "VERSION": "0", "EVENTS": "0"}
			p := harness.Start(t, environ)
			environ["LISTEN"] = p.Started["listen"].([]any)[0].(string)

			if r := harness.Run(t, environ, "healthcheck"); r != (harness.Result{}) {
				t.Errorf("with the engine up: %v\nwant status 0 and no output", r)
			}
			requests := e.Requests()
			if len(requests) != 1 || requests[0].Method != "GET" || requests[0].Target != "/_ping" {
				t.Errorf("the engine received %v, want one GET /_ping", requests)
			}
			e.Close()
			want := "postern: unhealthy: 503 Service Unavailable on " + environ["LISTEN"] + `: {"message":"postern: the Docker Engine is down: no socket at ` + socket + "\"}\n"
			if r := harness.Run(t, environ, "healthcheck"); r != (harness.Result{Stderr: want, Status: 1}) {
				t.Errorf("with the engine down: %v\nwant status 1, stderr %q", r, want)
			}
			p.Terminate()
			for _, e := range p.Log() {
				if e["path"] != nil {
					t.Errorf("a health check left %v in the log", e)
				}
			}
			want = "postern: unhealthy: no answer on " + environ["LISTEN"] + ": "
			if r := harness.Run(t, environ, "healthcheck"); r.Status != 1 || !strings.HasPrefix(r.Stderr, want) {
				t.Errorf("with postern down: %v\nwant status 1, stderr that begins with %q", r, want)
			}
		})
	}
}

// TestHealthcheckOpensNothing asserts that the check's request gets the check's
// one operation, and every other request what it got before.
func TestHealthcheckOpensNothing(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	unix := filepath.Join(filepath.Dir(socket), "postern.sock")
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{
		"SOCKET_PATH": socket,
		"LISTEN":      "tcp://127.0.0.1:0,unix://" + unix,
		"PING":        "0",
	}))
	const agent = "User-Agent: postern-healthcheck"
	for _, test := range []struct {
		request string
		status  int
	}{
		{harness.Head("GET", "/_ping"), 403},
		{harness.Head("HEAD", "/_ping"), 403},
		{harness.Head("GET", "/_ping", "User-Agent: curl/8.0"), 403},
		{harness.Head("GET", "/_ping", "User-Agent: postern-healthcheck/1"), 403},
		{harness.Head("GET", "/_ping", "X-User-Agent: postern-healthcheck"), 403},
		{harness.Head("GET", "/v1.41/_ping"), 403},
		{harness.Head("GET", "/_ping", agent), 200},
		{harness.Head("GET", "/_ping/", agent), 403},
		{harness.Head("POST", "/_ping", agent), 403},
		{harness.Head("GET", "/containers/json", agent), 403},
		{harness.Head("GET", "/version", agent), 403},
		{harness.Head("GET", "/events", agent), 403},
		{harness.Head("GET", "/_ping/../info", agent), 301},
		{harness.Head("POST", "/containers/web/restart", agent), 403},
		{harness.Head("POST", "/containers/web/attach", agent, "Connection: Upgrade", "Upgrade: tcp"), 403},
		{harness.Head("GET", "/containers/json"), 200},
	} {
		for network, addr := range map[string]string{"tcp": p.Addr, "unix": unix} {
			e.Reset()
			got := harness.Send(t, harness.Dial(t, network, addr), test.request)
			if got.Status != test.status {
				t.Errorf("%q over %s: status %d, want %d", test.request, network, got.Status, test.status)
			}
			if reached := len(e.Requests()) > 0; reached != (test.status == 200) {
				t.Errorf("%q over %s: reached the engine is %v with status %d", test.request, network, reached, got.Status)
			}
		}
	}
}

// ownAddress is an address of this machine that others can reach, or loopback
// where it has none.
func ownAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	return "127.0.0.1"
}

// TestOtherProgramsAreTheHealthcheck starts postern under the names of programs with
// which compose files check health. It asserts that each does the health check, and
// tells whoever wants something else that there is no shell.
func TestOtherProgramsAreTheHealthcheck(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	settings := map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0", "PING": "0"}
	p := harness.Start(t, settings)
	settings["LISTEN"] = p.Addr
	const notice = "postern: there is no shell in this image: sh, wget, curl and nc only do postern's health check; /postern help lists its commands\n"
	for line, stderr := range map[string]string{
		"wget -q --spider http://localhost:2375/_ping":        "",
		"curl -f http://127.0.0.1:2375/version":               "",
		"nc -z localhost 2375":                                "",
		"sh -c wget --spider http://localhost:2375 || exit 1": "",
		"sh":                      notice,
		"sh -c rm -rf /":          notice,
		"sh --help":               notice,
		"wget http://example.com": notice,
		"nc serve":                notice,
	} {
		run := func() harness.Result {
			words := strings.Fields(line)
			cmd := harness.QuickCommand(t, settings, words[1:]...)
			link := filepath.Join(t.TempDir(), words[0])
			if err := os.Symlink(cmd.Path, link); err != nil {
				t.Fatal(err)
			}
			cmd.Path, cmd.Args[0] = link, words[0]
			return harness.Finish(t, cmd)
		}
		e.Reset()
		if r := run(); r != (harness.Result{Stderr: stderr}) {
			t.Errorf("%s: %v\nwant status 0, stderr %q", line, r, stderr)
		}
		if requests := e.Requests(); len(requests) != 1 || requests[0].Target != "/_ping" {
			t.Errorf("%s: the engine received %v, want one GET /_ping", line, requests)
		}
	}
	e.Close()
	cmd := harness.QuickCommand(t, settings, "-c", "exit 0")
	cmd.Args[0] = "/bin/sh"
	if r := harness.Finish(t, cmd); r.Status != 1 || !strings.HasPrefix(r.Stderr, notice+"postern: unhealthy: 503 ") {
		t.Errorf("with the engine down: %v\nwant status 1 and why", r)
	}
}
