package tls

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// TestClientsByCertificate asserts that each certificate has its client's policy,
// and that log, refusals, status page and metrics name the client.
func TestClientsByCertificate(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	stolen, fresh := ca.Issue("anna", nil), ca.Issue("anna", nil)
	sum := sha256.Sum256(fresh.Certificate[0])
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{
		"SOCKET_PATH": socket, "METRICS_LISTEN": "127.0.0.1:0", "NETWORKS": "1",
		"CLIENT_GERARD_CERT": "gerard", "CLIENT_GERARD_CONTAINERS": "1",
		"CLIENT_CI_CERT": "*.ci.example", "CLIENT_CI_IMAGES": "1",
		"CLIENT_ANNA_CERT": "sha256:" + hex.EncodeToString(sum[:]), "CLIENT_ANNA_VOLUMES": "1",
		"CLIENT_TWO_CERT": "two,both", "CLIENT_TWO_INFO": "1", "CLIENT_DUE_CERT": "due,*.both.example", "CLIENT_DUE_INFO": "1",
	}))
	dns := func(names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = names }
	}
	const none = " belongs to none of the declared clients"
	for _, test := range []struct {
		cert    tls.Certificate
		client  string // "" for the unprefixed policy
		allowed string
		why     string
	}{
		{ca.Issue("gerard", nil), "gerard", "/containers/json", ""},
		{ca.Issue("gerard.example", nil), "", "/networks", `the certificate \"gerard.example\"` + none},
		{ca.Issue("Gerard", nil), "", "/networks", `the certificate \"Gerard\"` + none},
		{ca.Issue("runner", dns("runner7.ci.example")), "ci", "/images/json", ""},
		{ca.Issue("runner", dns("x.runner7.ci.example")), "", "/networks", `the certificate \"runner\"` + none},
		{fresh, "anna", "/volumes", ""},
		{stolen, "", "/networks", `the certificate \"anna\"` + none},
		{ca.Issue("both", dns("x.both.example")), "", "/networks", `the certificate \"both\" belongs to the clients due and two, and so to none of them`},
		{ca.Issue("", nil), "", "/networks", "sha256:"},
		{ca.Issue("", twoCommonNames), "", "/networks", "sha256:"},
	} {
		name := test.cert.Leaf.Subject.CommonName
		if len(test.cert.Leaf.Subject.Names) > 1 {
			name = ""
		}
		conn := p.DialTLS(ca.Config(test.cert))
		for _, target := range []string{"/containers/json", "/images/json", "/volumes", "/networks", "/info"} {
			r := get(t, conn, target)
			if want := target == test.allowed; (r.Status == 200) != want || !want && r.Status != 403 {
				t.Errorf("%q: %s has status %d, want it allowed: %v", name, target, r.Status, want)
			}
			if r.Status != 403 {
				continue
			}
			prefix := ""
			if test.client != "" {
				prefix = "CLIENT_" + strings.ToUpper(test.client) + "_"
			}
			if !strings.Contains(r.Body, "set "+prefix) || !strings.Contains(r.Body, test.why) {
				t.Errorf("%q: %s is refused with %s, want it to name %q and %s", name, target, r.Body, prefix, test.why)
			}
		}
		line := p.AwaitLog(func(e harness.Entry) bool {
			return e["path"] == test.allowed && e["status"] == 200.0 && (e["certificate"] == name || name == "" && strings.HasPrefix(fmt.Sprint(e["certificate"]), "sha256:"))
		})
		if got := line["client"]; got != nil && got != test.client || got == nil && test.client != "" {
			t.Errorf("%q: the log names the client %v, want %q", name, got, test.client)
		}
	}
	page := harness.TCP(strings.TrimPrefix(p.Started["metrics"].([]any)[0].(string), "tcp://"))
	metrics := page.Get(t, "/metrics").Body
	for _, want := range []string{
		`postern_requests_total{client="gerard",operation="ContainerList",decision="allowed"} 1`,
		`postern_requests_total{client="ci",operation="ImageList",decision="allowed"} 1`,
		"\npostern_tls_certificate_expires_days 90.00\n", "\npostern_tls_turned_away_total{reason=\"certificate expired\"} 0\n",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if html := page.Get(t, "/").Body; !strings.Contains(html, "with the certificate of *.ci.example") {
		t.Error("the status page does not tell whose certificate is client ci's")
	}
	if line := p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "client" && e["client"] == "ci" }); fmt.Sprint(line["cert"]) != "[*.ci.example]" {
		t.Errorf("the log has %v", line)
	}
	line := p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "certificate" })
	if line["days"] != 89.0 || fmt.Sprint(line["names"]) != "[127.0.0.1 ::1]" || fmt.Sprint(line["ca"]) != "[CN=ca]" {
		t.Errorf("the log has %v, want the names, the days and the CA", line)
	}
}

// twoCommonNames makes a certificate of which some programs read gerard.
func twoCommonNames(c *x509.Certificate) {
	for _, name := range []string{"mallory", "gerard"} {
		c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: name})
	}
}

// get sends a request and leaves the connection open.
func get(t *testing.T, conn io.ReadWriter, target string) harness.Response {
	t.Helper()
	if _, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: docker\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("GET %s: %v", target, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", target, err)
	}
	return harness.Response{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// TestCertificateExpiresOnOpenConnection asserts that a connection serves no request
// after its certificate has expired, and that a stream that is open then goes on.
func TestCertificateExpiresOnOpenConnection(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket, "CLIENT_GERARD_CERT": "gerard", "CLIENT_GERARD_EVENTS": "1"}))
	end := time.Now().Add(3 * time.Second).Truncate(time.Second)
	gerard := ca.Config(ca.Issue("gerard", func(c *x509.Certificate) { c.NotAfter = end }))
	conn, stream := p.DialTLS(gerard), p.DialTLS(gerard)
	if r := get(t, conn, "/_ping"); r.Status != 200 {
		t.Fatalf("before the end: %d %s", r.Status, r.Body)
	}
	io.WriteString(stream, "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(stream), nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("%v, %v", response, err)
	}
	warning := p.AwaitLog(func(e harness.Entry) bool {
		return e["message"] == "a client's certificate expires soon: postern certs renews it"
	})
	if warning["certificate"] != "gerard" {
		t.Errorf("the log has %v", warning)
	}
	harness.Await(t, "end of the certificate", func() bool { return time.Now().After(end.Add(time.Second)) })
	r := get(t, conn, "/_ping")
	if want := "the client's certificate expired on " + end.UTC().Format(time.DateTime) + " UTC"; r.Status != 403 || !strings.Contains(r.Message(), want) {
		t.Errorf("after the end: %d %s, want 403 and %s", r.Status, r.Body, want)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the refusal: %v, want the connection's end", err)
	}
	e.Emit("start", "web")
	if _, err := response.Body.Read(make([]byte, 1)); err != nil {
		t.Errorf("the open stream: %v", err)
	}
}

// TestAllowFromOverTLS asserts that ALLOW_FROM is decided on after the handshake, so
// that the refusal can be read, and only by somebody with a certificate.
func TestAllowFromOverTLS(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket, "ALLOW_FROM": "10.1.2.3"}))
	r := harness.Send(t, p.DialTLS(ca.Config(ca.Issue("gerard", nil))), harness.Head("GET", "/_ping"))
	if r.Status != 403 || !strings.Contains(r.Message(), "127.0.0.1 is not in ALLOW_FROM") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	conn := tls.Client(harness.Dial(t, "tcp", p.TLSAddr), withVersions(ca.Config(), tls.VersionTLS12, tls.VersionTLS12))
	if err := conn.Handshake(); err == nil {
		t.Error("no certificate, and the handshake succeeds")
	}
	if got := e.Requests(); len(got) > 0 {
		t.Errorf("the engine received %v", got)
	}
}

// TestNoVerify asserts that TLS_VERIFY=0 encrypts, asks no client for a certificate,
// believes none, and warns.
func TestNoVerify(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket, "TLS_VERIFY": "0"}))
	for _, config := range []*tls.Config{ca.Config(), ca.Config(ca.Issue("gerard", nil))} {
		if r := harness.Send(t, p.DialTLS(config), harness.Head("GET", "/_ping")); r.Status != 200 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	for _, line := range p.Log() {
		if line["certificate"] != nil {
			t.Errorf("the log has %v, although nobody has verified a certificate", line)
		}
	}
	p.AwaitLog(func(e harness.Entry) bool {
		return e["level"] == "warn" && strings.HasPrefix(fmt.Sprint(e["message"]), "TLS_VERIFY=0: clients need no certificate on tls://127.0.0.1:0")
	})
}

// TestHealthcheckAgentOverTLS asserts that the health check's User-Agent opens nothing
// on a tls:// listener, not even from this machine.
func TestHealthcheckAgentOverTLS(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket, "PING": "0"}))
	r := harness.Send(t, p.DialTLS(ca.Config(ca.Issue("gerard", nil))), harness.Head("GET", "/_ping", "User-Agent: postern-healthcheck"))
	if r.Status != 403 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// TestRemoteRecipe runs the settings that docs/remote.md shows: everybody with a
// certificate reads the networks, gerard may create them.
func TestRemoteRecipe(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(harness.File("docs/remote.md"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct{ Environment map[string]string }
	}
	_, block, _ := strings.Cut(string(text), "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	if err := yaml.Unmarshal([]byte(block), &file); err != nil {
		t.Fatal(err)
	}
	e, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(file.Services["postern"].Environment, ca.Settings(), map[string]string{"SOCKET_PATH": socket}))
	for _, test := range []struct {
		name, request string
		allowed       bool
	}{
		{"gerard", "GET /networks", true},
		{"gerard", "POST /networks/create", true},
		{"gerard", "DELETE /networks/x", false},
		{"gerard", "GET /containers/json", false},
		{"anna", "GET /networks", true},
		{"anna", "POST /networks/create", false},
		{"anna", "GET /containers/json", false},
	} {
		e.Reset()
		method, target, _ := strings.Cut(test.request, " ")
		r := harness.Send(t, p.DialTLS(ca.Config(ca.Issue(test.name, nil))), harness.Head(method, target, "Content-Length: 0"))
		if reached := len(e.Requests()) > 0; reached != test.allowed || (r.Status == 403) == test.allowed {
			t.Errorf("%s: %s: %d %s, want it allowed: %v", test.name, test.request, r.Status, r.Body, test.allowed)
		}
	}
}
