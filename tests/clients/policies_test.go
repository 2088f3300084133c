package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestClientHasItsOwnRulesOnly asserts that the unprefixed permissions are not a
// declared client's.
func TestClientHasItsOwnRulesOnly(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	file := filepath.Join(t.TempDir(), "allow")
	if err := os.WriteFile(file, []byte("# the networks\nNetworkList # all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, map[string]string{
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
		a := harness.Send(t, p.DialFrom(test.address), harness.Head(test.method, test.target, "Content-Length: 0"))
		if (a.Status != 403) != test.allowed {
			t.Errorf("%s %s from %s: status %d, want allowed %v", test.method, test.target, test.address, a.Status, test.allowed)
		}
	}
}

func TestExplainOfOneClient(t *testing.T) {
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
		{harness.Words("explain"), 0, "Clients other than portainer, traefik (see --client) may run 4 of 115"},
		{harness.Words("explain --client portainer"), 0, "Client portainer may run "},
		{harness.Words("explain --client portainer"), 0, "warning: leaks secrets: ContainerInspect lets a client "},
		{harness.Words("explain --client PORTAINER GET /containers/json"), 0, "allowed: GET /containers/json (ContainerList) by CLIENT_PORTAINER_CONTAINERS=1"},
		{harness.Words("explain --client traefik GET /containers/x/json"), 1, "add ContainerInspect to CLIENT_TRAEFIK_ALLOW, or set CLIENT_TRAEFIK_CONTAINERS=1"},
		{harness.Words("explain GET /containers/json"), 1, "set CONTAINERS=1, or ALLOW=ContainerList"},
		{harness.Words("explain --client dozzle"), 2, `no such client: "dozzle": want portainer, traefik`},
		{harness.Words("explain --json --client traefik GET /info"), 1, `"client": "traefik"`},
	} {
		r := harness.Run(t, environ, test.args...)
		if r.Status != test.status || !strings.Contains(r.Stdout+r.Stderr, test.want) {
			t.Errorf("%q: status %d, want %d and %q\n%.1000s%s", test.args, r.Status, test.status, test.want, r.Stdout, r.Stderr)
		}
	}
}

// TestDangersNameTheirClient asserts that a warning at the start names the client whose
// permissions are dangerous.
func TestDangersNameTheirClient(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{
		"SOCKET_PATH":           socket,
		"CLIENT_ADMIN_FROM":     "10.0.0.5,admin.invalid,fd00::/8",
		"CLIENT_ADMIN_EXEC":     "1",
		"CLIENT_ADMIN_POST":     "1",
		"CLIENT_ADMIN_ALLOW":    "ContainerExec",
		"CLIENT_READER_FROM":    "10.0.0.6",
		"CLIENT_READER_VERSION": "1",
	})
	e := p.AwaitLog(func(e harness.Entry) bool { return e["danger"] != nil })
	if e["client"] != "admin" || e["danger"] != "root on the host" {
		t.Errorf("the first danger is %v, want client admin's exec", e)
	}
	e = p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "client" })
	if from := fmt.Sprint(e["from"]); from != "[admin.invalid 10.0.0.5 fd00::/8]" {
		t.Errorf("the client is known from %s, want what its variable says", from)
	}
	if i := slices.IndexFunc(p.Log(), func(e harness.Entry) bool { return e["danger"] != nil && e["client"] != "admin" }); i >= 0 {
		t.Errorf("a danger names another client: %v", p.Log()[i])
	}
}
