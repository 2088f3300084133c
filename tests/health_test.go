package tests

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealthcheck asserts that the check goes through the listener to the
// engine, whatever the policy, and says what is wrong.
func TestHealthcheck(t *testing.T) {
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
			e, socket := standIn(t)
			listen := strings.ReplaceAll(test.listen, "{dir}", filepath.Dir(socket))
			environ := map[string]string{"SOCKET_PATH": socket, "LISTEN": listen, "PING": "0", "VERSION": "0", "EVENTS": "0"}
			p := start(t, environ)
			environ["LISTEN"] = p.started["listen"].([]any)[0].(string)

			if r := run(t, environ, "healthcheck"); r != (result{}) {
				t.Errorf("with the engine up: %v\nwant status 0 and no output", r)
			}
			requests := e.Requests()
			if len(requests) != 1 || requests[0].Method != "GET" || requests[0].Target != "/_ping" {
				t.Errorf("the engine received %v, want one GET /_ping", requests)
			}
			e.Close()
			want := "postern: unhealthy: 503 Service Unavailable on " + environ["LISTEN"] + `: {"message":"postern: the Docker Engine is down: no socket at ` + socket + "\"}\n"
			if r := run(t, environ, "healthcheck"); r != (result{"", want, 1}) {
				t.Errorf("with the engine down: %v\nwant status 1, stderr %q", r, want)
			}
			if lines := p.accesses(); len(lines) > 0 {
				t.Errorf("health checks left %v in the log", lines)
			}
			want = "postern: unhealthy: no answer on " + environ["LISTEN"] + ": "
			if r := run(t, environ, "healthcheck"); r.status != 1 || !strings.HasPrefix(r.stderr, want) {
				t.Errorf("with postern down: %v\nwant status 1, stderr that begins with %q", r, want)
			}
		})
	}
}

// TestHealthcheckOpensNothing asserts that the check's request gets the check's
// one operation, and every other request what it got before.
func TestHealthcheckOpensNothing(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	unix := filepath.Join(filepath.Dir(socket), "postern.sock")
	p := start(t, with(everything(), map[string]string{
		"SOCKET_PATH": socket,
		"LISTEN":      "tcp://127.0.0.1:0,unix://" + unix,
		"PING":        "0",
	}))
	const agent = "User-Agent: postern-healthcheck"
	for _, test := range []struct {
		request string
		status  int
	}{
		{head("GET", "/_ping"), 403},
		{head("HEAD", "/_ping"), 403},
		{head("GET", "/_ping", "User-Agent: curl/8.0"), 403},
		{head("GET", "/_ping", "User-Agent: postern-healthcheck/1"), 403},
		{head("GET", "/_ping", "X-User-Agent: postern-healthcheck"), 403},
		{head("GET", "/v1.41/_ping"), 403},
		{head("GET", "/_ping", agent), 200},
		{head("GET", "/_ping/", agent), 403},
		{head("POST", "/_ping", agent), 403},
		{head("GET", "/containers/json", agent), 403},
		{head("GET", "/version", agent), 403},
		{head("GET", "/events", agent), 403},
		{head("GET", "/_ping/../info", agent), 301},
		{head("POST", "/containers/web/restart", agent), 403},
		{head("POST", "/containers/web/attach", agent, "Connection: Upgrade", "Upgrade: tcp"), 403},
		{head("GET", "/containers/json"), 200},
	} {
		for network, addr := range map[string]string{"tcp": p.addr, "unix": unix} {
			e.Reset()
			got := send(t, dial(t, network, addr), test.request)
			if got.status != test.status {
				t.Errorf("%q over %s: status %d, want %d", test.request, network, got.status, test.status)
			}
			if reached := len(e.Requests()) > 0; reached != (test.status == 200) {
				t.Errorf("%q over %s: reached the engine is %v with status %d", test.request, network, reached, got.status)
			}
		}
	}
}

// TestHealthcheckFromElsewhere asserts that who connects from another container
// and calls itself the health check is judged, and logged, like everybody.
func TestHealthcheckFromElsewhere(t *testing.T) {
	t.Parallel()
	other := box(t)
	e, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket, "PING": "0", "LISTEN": "tcp://:0"})
	gateway := strings.TrimSpace(prepare(t, "inspect", "--format", "{{.NetworkSettings.Gateway}}", other))
	_, port, _ := net.SplitHostPort(p.addr)
	r := docker(t, direct, "exec", other, "wget", "-q", "-O", "-", "-U", "postern-healthcheck", "http://"+net.JoinHostPort(gateway, port)+"/_ping")
	if r.status == 0 || !strings.Contains(r.stderr, "403") {
		t.Errorf("wget: %v\nwant status 403", r)
	}
	if got := targets(e); len(got) > 0 {
		t.Errorf("the engine received %q, want nothing", got)
	}
	p.awaitLog(func(e entry) bool { return e["message"] == "refused" && e["path"] == "/_ping" })
}

// TestHealthcheckOverAMountedSocket asserts the same of a unix socket that
// other containers can open.
func TestHealthcheckOverAMountedSocket(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	dir := filepath.Dir(socket)
	listen := "LISTEN=unix://" + dir + "/postern.sock?mode=0666"
	c := launch(t, "--volume", dir+":"+dir, "--env", "SOCKET_PATH="+socket, "--env", listen, "--env", "PING=0")
	if !c.healthy() {
		t.Error("postern's own check fails")
	}
	got := send(t, dial(t, "unix", dir+"/postern.sock"), head("GET", "/_ping", "User-Agent: postern-healthcheck"))
	if got.status != 403 {
		t.Errorf("GET /_ping from outside, as the check: status %d, want 403", got.status)
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
