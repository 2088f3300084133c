package tests

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// dialFrom connects to the proxy from an address of this machine.
func (p *postern) dialFrom(address string) net.Conn {
	p.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	conn, err := dialer.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// TestLimitExcept is nginx's limit_except GET { allow 10.0.0.5; deny all; }:
// everybody reads networks, one address creates them.
func TestLimitExcept(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	p := start(t, map[string]string{
		"SOCKET_PATH":           socket,
		"NETWORKS":              "1",
		"CLIENT_ADMIN_FROM":     "127.0.0.5",
		"CLIENT_ADMIN_NETWORKS": "1",
		"CLIENT_ADMIN_POST":     "1",
	})
	create := head("POST", "/networks/create", "Content-Length: 0")
	for _, address := range []string{"127.0.0.5", "127.0.0.6"} {
		if a := send(t, p.dialFrom(address), head("GET", "/networks")); a.status != 200 {
			t.Errorf("reading networks from %s: status %d, want 200: %s", address, a.status, a.body)
		}
	}
	if a := send(t, p.dialFrom("127.0.0.5"), create); a.status == 403 {
		t.Errorf("creating a network from 127.0.0.5 is refused: %s", a.body)
	}
	a := send(t, p.dialFrom("127.0.0.6"), create)
	if want := "postern: POST /networks/create (NetworkCreate) is not allowed: set POST=1, or ALLOW=NetworkCreate;"; a.status != 403 || !strings.HasPrefix(a.message(), want) {
		t.Errorf("creating a network from 127.0.0.6: status %d, %q, want 403 and %q", a.status, a.message(), want)
	}
	if want := "; 127.0.0.6 is none of the declared clients"; !strings.HasSuffix(a.message(), want) {
		t.Errorf("creating a network from 127.0.0.6: %q, want %q at the end", a.message(), want)
	}

	// What a request says of where it comes from is nothing.
	for _, header := range []string{"X-Forwarded-For: 127.0.0.5", "X-Real-IP: 127.0.0.5", "Forwarded: for=127.0.0.5", "X-Forwarded-Host: 127.0.0.5", "Via: 1.1 127.0.0.5"} {
		if a := send(t, p.dialFrom("127.0.0.6"), head("POST", "/networks/create", "Content-Length: 0", header)); a.status != 403 {
			t.Errorf("creating a network from 127.0.0.6 with %s: status %d, want 403", header, a.status)
		}
	}
	if a := send(t, p.dialFrom("127.0.0.6"), "PROXY TCP4 127.0.0.5 127.0.0.1 1 2375\r\n"+create); a.status != 400 {
		t.Errorf("creating a network from 127.0.0.6 behind a PROXY line: status %d, want 400", a.status)
	}

	// What the client was not given names its own variables, in the log too.
	a = send(t, p.dialFrom("127.0.0.5"), head("GET", "/info"))
	if want := "set CLIENT_ADMIN_INFO=1, or CLIENT_ADMIN_ALLOW=SystemInfo"; a.status != 403 || !strings.HasSuffix(a.message(), want) {
		t.Errorf("GET /info from 127.0.0.5: status %d, %q, want 403 and %q", a.status, a.message(), want)
	}
	e := p.awaitLog(func(e entry) bool { return e["path"] == "/info" })
	if e["client"] != "admin" || e["rule"] != "CLIENT_ADMIN_INFO=0" || !strings.HasPrefix(e["address"].(string), "127.0.0.5:") {
		t.Errorf("the log has %v, want client admin, its rule and its address", e)
	}
	e = p.awaitLog(func(e entry) bool { return e["operation"] == "NetworkCreate" && e["message"] == "refused" })
	if _, named := e["client"]; named {
		t.Errorf("the log names a client for somebody who is none: %v", e)
	}
}

// TestClientHasItsOwnRulesOnly: what everybody may do is not a client's.
func TestClientHasItsOwnRulesOnly(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	file := filepath.Join(t.TempDir(), "allow")
	if err := os.WriteFile(file, []byte("# the networks\nNetworkList # all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, map[string]string{
		"SOCKET_PATH":             socket,
		"CONTAINERS":              "1",
		"ALLOW":                   "SystemInfo",
		"CLIENT_A_FROM":           "127.0.0.2",
		"CLIENT_A_VOLUMES":        "1",
		"CLIENT_A_VERSION":        "0",
		"CLIENT_A_ALLOW_FILE":     file,
		"CLIENT_A_DENY":           "VolumeInspect",
		"CLIENT_A_ALLOW_START":    "1",
		"CLIENT_A_B_FROM":         "127.0.0.0/29",
		"CLIENT_A_B_CONTAINERS":   "1",
		"CLIENT_A_B_LIBPOD_PODS":  "1",
		"CLIENT_A_LIBPOD_VERSION": "0",
	})
	for _, test := range []struct {
		address, method, target string
		allowed                 bool
	}{
		{"127.0.0.2", "GET", "/volumes", true},
		{"127.0.0.2", "GET", "/volumes/x", false},
		{"127.0.0.2", "GET", "/networks", true},
		{"127.0.0.2", "GET", "/networks/x", false},
		{"127.0.0.2", "GET", "/containers/json", false},
		{"127.0.0.2", "POST", "/containers/x/start", true},
		{"127.0.0.2", "GET", "/info", false},
		{"127.0.0.2", "GET", "/version", false},
		{"127.0.0.2", "GET", "/_ping", true},
		{"127.0.0.2", "GET", "/v5.0.0/libpod/version", false},
		{"127.0.0.3", "GET", "/containers/json", true},
		{"127.0.0.3", "GET", "/v5.0.0/libpod/pods/json", true},
		{"127.0.0.3", "GET", "/volumes", false},
		{"127.0.0.3", "GET", "/info", false},
		{"127.0.0.9", "GET", "/containers/json", true},
		{"127.0.0.9", "GET", "/info", true},
		{"127.0.0.9", "GET", "/volumes", false},
	} {
		a := send(t, p.dialFrom(test.address), head(test.method, test.target, "Content-Length: 0"))
		if (a.status != 403) != test.allowed {
			t.Errorf("%s %s from %s: status %d, want allowed %v", test.method, test.target, test.address, a.status, test.allowed)
		}
	}
}

func TestAllowFrom(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	unix := filepath.Join(socketDir(t), "p.sock")
	environ := map[string]string{
		"SOCKET_PATH":            socket,
		"LISTEN":                 "tcp://127.0.0.1:0,unix://" + unix + "?mode=0666",
		"ALLOW_FROM":             "127.0.0.4/31",
		"CONTAINERS":             "1",
		"CLIENT_B_FROM":          "127.0.0.5",
		"CLIENT_B_LISTEN":        "tcp://127.0.0.7:0",
		"CLIENT_B_NETWORKS":      "1",
		"CLIENT_NOBODY_FROM":     "nobody.invalid",
		"CLIENT_NOBODY_NETWORKS": "1",
	}
	p := start(t, environ)
	if w := p.awaitLog(func(e entry) bool { return e["level"] == "warn" }); w["message"] != "every connection to CLIENT_B_LISTEN=tcp://127.0.0.7:0 is client b, from any address: CLIENT_B_FROM does not limit it" {
		t.Errorf("the first warning is %v, want one about client b's port", w)
	}
	for address, want := range map[string]int{"127.0.0.4": 200, "127.0.0.5": 403, "127.0.0.6": 403, "127.0.0.1": 403} {
		if a := send(t, p.dialFrom(address), head("GET", "/containers/json")); a.status != want {
			t.Errorf("GET /containers/json from %s: status %d, want %d", address, a.status, want)
		}
	}
	for _, target := range []string{"/containers/json", "/_ping", "/a//b", "/nothing", "/" + strings.Repeat("x", 70<<10)} {
		a := send(t, p.dialFrom("127.0.0.6"), head("GET", target))
		if a.status != 403 && !strings.HasPrefix(target, "/xx") || a.header.Get("Location") != "" {
			t.Errorf("GET %.20s from outside: status %d, Location %q, want 403", target, a.status, a.header.Get("Location"))
		}
		if want := "127.0.0.6 is not in ALLOW_FROM"; a.status == 403 && !strings.HasSuffix(a.message(), want) {
			t.Errorf("GET %.20s from outside: %q, want %q", target, a.message(), want)
		}
	}
	e := p.awaitLog(func(e entry) bool { return e["rule"] == "ALLOW_FROM" })
	if e["message"] != "refused" || e["level"] != "warn" {
		t.Errorf("the log has %v, want a refusal", e)
	}
	// A unix socket's permissions say who may connect.
	if a := send(t, dial(t, "unix", unix), head("GET", "/containers/json")); a.status != 200 {
		t.Errorf("on the unix socket: status %d, want 200", a.status)
	}
	// The health check is no client, and nobody becomes one by its name.
	environ["LISTEN"] = "tcp://" + p.addr
	if r := run(t, environ, "healthcheck"); r.status != 0 {
		t.Errorf("health check: status %d: %s", r.status, r.stderr)
	}
	if a := send(t, p.dialFrom("127.0.0.1"), head("GET", "/containers/json", "User-Agent: postern-healthcheck")); a.status != 403 {
		t.Errorf("GET /containers/json as the health check: status %d, want 403", a.status)
	}
}

// TestClientListeners: whoever connects to a client's own listener is that
// client, and nobody else is.
func TestClientListeners(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	dir := socketDir(t)
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	stale, err := net.Listen("unix", two)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	p := start(t, map[string]string{
		"SOCKET_PATH":           socket,
		"CLIENT_ONE_LISTEN":     "unix://" + one + "?mode=0600",
		"CLIENT_ONE_CONTAINERS": "1",
		"CLIENT_TWO_LISTEN":     "unix://" + two + "?mode=0666,tcp://127.0.0.2:0",
		"CLIENT_TWO_NETWORKS":   "1",
	})
	if info, err := os.Stat(one); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v, want 0600", one, info.Mode(), err)
	}
	e := p.awaitLog(func(e entry) bool { return e["message"] == "client" && e["client"] == "two" })
	addresses := e["listen"].([]any)
	if len(addresses) != 2 {
		t.Fatalf("client two listens on %v, want two addresses", addresses)
	}
	port, _ := strings.CutPrefix(addresses[1].(string), "tcp://")
	for _, test := range []struct {
		network, address     string
		containers, networks int
	}{
		{"unix", one, 200, 403},
		{"unix", two, 403, 200},
		{"tcp", port, 403, 200},
		{"tcp", p.addr, 403, 403},
	} {
		if a := send(t, dial(t, test.network, test.address), head("GET", "/containers/json")); a.status != test.containers {
			t.Errorf("GET /containers/json on %s: status %d, want %d", test.address, a.status, test.containers)
		}
		if a := send(t, dial(t, test.network, test.address), head("GET", "/networks")); a.status != test.networks {
			t.Errorf("GET /networks on %s: status %d, want %d", test.address, a.status, test.networks)
		}
	}
	p.terminate()
	for _, path := range []string{one, two} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left behind", path)
		}
	}
}

func TestExplainClient(t *testing.T) {
	t.Parallel()
	environ := map[string]string{
		"CLIENT_PORTAINER_FROM":       "portainer",
		"CLIENT_PORTAINER_CONTAINERS": "1",
		"CLIENT_TRAEFIK_FROM":         "traefik",
		"CLIENT_TRAEFIK_ALLOW":        "ContainerList",
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{words("explain"), 0, "Whoever is not portainer, traefik (see --client) may run 7 of 255"},
		{words("explain --client portainer"), 0, "Client portainer may run "},
		{words("explain --client portainer"), 0, "warning: leaks secrets: ContainerInspect lets a client "},
		{words("explain --client PORTAINER GET /containers/json"), 0, "allowed: GET /containers/json (ContainerList) by CLIENT_PORTAINER_CONTAINERS=1"},
		{words("explain --client traefik GET /containers/x/json"), 1, "set CLIENT_TRAEFIK_CONTAINERS=1, or CLIENT_TRAEFIK_ALLOW=ContainerInspect"},
		{words("explain GET /containers/json"), 1, "set CONTAINERS=1, or ALLOW=ContainerList"},
		{words("explain --client dozzle"), 2, `no such client: "dozzle": want portainer, traefik`},
		{words("explain --json --client traefik GET /info"), 1, `"client": "traefik"`},
	} {
		r := run(t, environ, test.args...)
		if r.status != test.status || !strings.Contains(r.stdout+r.stderr, test.want) {
			t.Errorf("%q: status %d, want %d and %q\n%.1000s%s", test.args, r.status, test.status, test.want, r.stdout, r.stderr)
		}
	}
}

// TestClientDangers: the start's warnings say whose permissions are dangerous.
func TestClientDangers(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	p := start(t, map[string]string{
		"SOCKET_PATH":           socket,
		"CLIENT_ADMIN_FROM":     "10.0.0.5,admin.invalid,fd00::/8",
		"CLIENT_ADMIN_EXEC":     "1",
		"CLIENT_ADMIN_POST":     "1",
		"CLIENT_ADMIN_ALLOW":    "ContainerExec",
		"CLIENT_READER_FROM":    "10.0.0.6",
		"CLIENT_READER_VERSION": "1",
	})
	e := p.awaitLog(func(e entry) bool { return e["danger"] != nil })
	if e["client"] != "admin" || e["danger"] != "root on the host" {
		t.Errorf("the first danger is %v, want client admin's exec", e)
	}
	e = p.awaitLog(func(e entry) bool { return e["message"] == "client" })
	if from := fmt.Sprint(e["from"]); from != "[admin.invalid 10.0.0.5 fd00::/8]" {
		t.Errorf("the client is known from %s, want what its variable says", from)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.log, func(e entry) bool { return e["danger"] != nil && e["client"] != "admin" }); i >= 0 {
		t.Errorf("a danger is somebody else's: %v", p.log[i])
	}
}
