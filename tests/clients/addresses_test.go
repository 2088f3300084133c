package clients

import (
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestOneAddressMayWrite is nginx's limit_except GET { allow 10.0.0.5; deny all; }:
// every client reads networks, one address creates them.
func TestOneAddressMayWrite(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{
		"SOCKET_PATH":           socket,
		"NETWORKS":              "1",
		"CLIENT_ADMIN_FROM":     "127.0.0.5",
		"CLIENT_ADMIN_NETWORKS": "1",
		"CLIENT_ADMIN_POST":     "1",
	})
	create := harness.Head("POST", "/networks/create", "Content-Length: 0")
	for _, address := range []string{"127.0.0.5", "127.0.0.6"} {
		if a := harness.Send(t, p.DialFrom(address), harness.Head("GET", "/networks")); a.Status != 200 {
			t.Errorf("reading networks from %s: status %d, want 200: %s", address, a.Status, a.Body)
		}
	}
	if a := harness.Send(t, p.DialFrom("127.0.0.5"), create); a.Status == 403 {
		t.Errorf("creating a network from 127.0.0.5 is refused: %s", a.Body)
	}
	a := harness.Send(t, p.DialFrom("127.0.0.6"), create)
	if want := "postern: POST /networks/create (NetworkCreate) is not allowed: set POST=1, or ALLOW=NetworkCreate;"; a.Status != 403 || !strings.HasPrefix(a.Message(), want) {
		t.Errorf("creating a network from 127.0.0.6: status %d, %q, want 403 and %q", a.Status, a.Message(), want)
	}
	if want := "; 127.0.0.6 is none of the declared clients"; !strings.HasSuffix(a.Message(), want) {
		t.Errorf("creating a network from 127.0.0.6: %q, want %q at the end", a.Message(), want)
	}

	// Headers that name another address change nothing.
	for _, header := range []string{"X-Forwarded-For: 127.0.0.5", "X-Real-IP: 127.0.0.5", "Forwarded: for=127.0.0.5", "X-Forwarded-Host: 127.0.0.5", "Via: 1.1 127.0.0.5"} {
		if a := harness.Send(t, p.DialFrom("127.0.0.6"), harness.Head("POST", "/networks/create", "Content-Length: 0", header)); a.Status != 403 {
			t.Errorf("creating a network from 127.0.0.6 with %s: status %d, want 403", header, a.Status)
		}
	}
	if a := harness.Send(t, p.DialFrom("127.0.0.6"), "PROXY TCP4 127.0.0.5 127.0.0.1 1 2375\r\n"+create); a.Status != 400 {
		t.Errorf("creating a network from 127.0.0.6 behind a PROXY line: status %d, want 400", a.Status)
	}

	// A refusal names the client's own variables, in the log too.
	a = harness.Send(t, p.DialFrom("127.0.0.5"), harness.Head("GET", "/info"))
	if want := "set CLIENT_ADMIN_INFO=1, or CLIENT_ADMIN_ALLOW=SystemInfo"; a.Status != 403 || !strings.HasSuffix(a.Message(), want) {
		t.Errorf("GET /info from 127.0.0.5: status %d, %q, want 403 and %q", a.Status, a.Message(), want)
	}
	e := p.AwaitLog(func(e harness.Entry) bool { return e["path"] == "/info" })
	if e["client"] != "admin" || e["rule"] != "CLIENT_ADMIN_INFO=0" || !strings.HasPrefix(e["address"].(string), "127.0.0.5:") {
		t.Errorf("the log has %v, want client admin, its rule and its address", e)
	}
	e = p.AwaitLog(func(e harness.Entry) bool { return e["operation"] == "NetworkCreate" && e["message"] == "refused" })
	if _, named := e["client"]; named {
		t.Errorf("the log names a client for an undeclared one: %v", e)
	}
}

func TestAllowFromRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	unix := filepath.Join(harness.SocketDir(t), "p.sock")
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
	p := harness.Start(t, environ)
	if w := p.AwaitLog(func(e harness.Entry) bool { return e["level"] == "warn" }); w["message"] != "every connection to CLIENT_B_LISTEN=tcp://127.0.0.7:0 is client b, from any address: CLIENT_B_FROM does not limit it" {
		t.Errorf("the first warning is %v, want one about client b's port", w)
	}
	for address, want := range map[string]int{"127.0.0.4": 200, "127.0.0.5": 403, "127.0.0.6": 403, "127.0.0.1": 403} {
		if a := harness.Send(t, p.DialFrom(address), harness.Head("GET", "/containers/json")); a.Status != want {
			t.Errorf("GET /containers/json from %s: status %d, want %d", address, a.Status, want)
		}
	}
	for _, target := range []string{"/containers/json", "/_ping", "/a//b", "/nothing", "/" + strings.Repeat("x", 70<<10)} {
		a := harness.Send(t, p.DialFrom("127.0.0.6"), harness.Head("GET", target))
		if a.Status != 403 && !strings.HasPrefix(target, "/xx") || a.Header.Get("Location") != "" {
			t.Errorf("GET %.20s from outside: status %d, Location %q, want 403", target, a.Status, a.Header.Get("Location"))
		}
		if want := "127.0.0.6 is not in ALLOW_FROM"; a.Status == 403 && !strings.HasSuffix(a.Message(), want) {
			t.Errorf("GET %.20s from outside: %q, want %q", target, a.Message(), want)
		}
	}
	e := p.AwaitLog(func(e harness.Entry) bool { return e["rule"] == "ALLOW_FROM" })
	if e["message"] != "refused" || e["level"] != "warn" {
		t.Errorf("the log has %v, want a refusal", e)
	}
	// ALLOW_FROM does not limit unix sockets: the file's mode does.
	if a := harness.Send(t, harness.Dial(t, "unix", unix), harness.Head("GET", "/containers/json")); a.Status != 200 {
		t.Errorf("on the unix socket: status %d, want 200", a.Status)
	}
	// The health check works, and its User-Agent gives a client no other operation.
	environ["LISTEN"] = "tcp://" + p.Addr
	if r := harness.Run(t, environ, "healthcheck"); r.Status != 0 {
		t.Errorf("health check: status %d: %s", r.Status, r.Stderr)
	}
	if a := harness.Send(t, p.DialFrom("127.0.0.1"), harness.Head("GET", "/containers/json", "User-Agent: postern-healthcheck")); a.Status != 403 {
		t.Errorf("GET /containers/json as the health check: status %d, want 403", a.Status)
	}
}
