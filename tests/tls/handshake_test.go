package tls

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestTurnedAway asserts that a client without a valid certificate reaches nothing,
// gets the alert that tells why, and is in the log with subject and reason.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	ca, other := harness.NewCA(t, "ca"), harness.NewCA(t, "ca") // a CA of the same name
	p := harness.Start(t, harness.With(ca.Settings(), harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	last := map[string]time.Time{} // each reason's last failure
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	for _, test := range []struct {
		reason, alert, subject string
		config                 *tls.Config
	}{
		{"no certificate", "certificate required", "", ca.Config()},
		{"no certificate", "handshake failure", "", withVersions(ca.Config(), tls.VersionTLS12, tls.VersionTLS12)},
		{"certificate expired", "expired certificate", "CN=old", ca.Config(ca.Issue("old", expired))},
		{"certificate not valid yet", "expired certificate", "CN=young", ca.Config(ca.Issue("young", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }))},
		{"certificate of an unknown CA", "unknown certificate authority", "CN=mallory", ca.Config(other.Issue("mallory", nil))},
		{"certificate of an unknown CA", "unknown certificate authority", "CN=self", ca.Config(harness.CAOf(t, tls.Certificate{}).Issue("self", nil))},
		{"certificate not for clients", "bad certificate", "CN=server", ca.Config(ca.Server())},
		{"certificate of an unknown CA", "unknown certificate authority", "CN=issued by a client", ca.Config(signedBy(t, ca.Issue("gerard", nil)))},
		{"TLS version", "protocol version not supported", "", withVersions(ca.Config(ca.Issue("gerard", nil)), tls.VersionTLS10, tls.VersionTLS11)},
		{"cipher suites", "handshake failure", "", func() *tls.Config {
			c := withVersions(ca.Config(ca.Issue("gerard", nil)), tls.VersionTLS12, tls.VersionTLS12)
			c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
			return c
		}()},
	} {
		// A second line about one reason needs another second.
		harness.Await(t, "next second", func() bool { return time.Since(last[test.reason]) > 1100*time.Millisecond })
		conn := tls.Client(harness.Dial(t, "tcp", p.TLSAddr), test.config)
		err := conn.Handshake()
		if err == nil { // in TLS 1.3 the server sees the certificate when the client has finished
			io.WriteString(conn, "GET /version HTTP/1.1\r\nHost: docker\r\n\r\n")
			_, err = conn.Read(make([]byte, 1))
		}
		if err == nil || !strings.Contains(err.Error(), "tls: "+test.alert) {
			t.Errorf("%s %s: %v, want the alert %q", test.reason, test.subject, err, test.alert)
		}
		line := p.AwaitLog(func(e harness.Entry) bool {
			return e["message"] == "turned away" && e["reason"] == test.reason && (test.subject == "" || e["subject"] == test.subject)
		})
		if line["level"] != "warn" || !strings.HasPrefix(line["address"].(string), "127.0.0.1:") || line["error"] == "" {
			t.Errorf("%s: the log has %v", test.reason, line)
		}
		conn.Close()
		last[test.reason] = time.Now()
	}
	if got := e.Requests(); len(got) > 0 {
		t.Errorf("the engine received %v", got)
	}
}

func withVersions(c *tls.Config, from, to uint16) *tls.Config {
	c.MinVersion, c.MaxVersion = from, to
	return c
}

// signedBy is a certificate that a client's own key has signed.
func signedBy(t *testing.T, client tls.Certificate) tls.Certificate {
	pair := harness.CAOf(t, client).Issue("issued by a client", nil)
	pair.Certificate = append(pair.Certificate, client.Certificate...)
	return pair
}

// TestTurnedAwayIsLoggedOnceASecond asserts that a flood of clients without a
// certificate does not flood the log, which says how many there were.
func TestTurnedAwayIsLoggedOnceASecond(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket, "METRICS_LISTEN": "127.0.0.1:0"}))
	logged := func() (lines, counted int) {
		for _, e := range p.Log() {
			if e["message"] == "turned away" {
				lines, counted = lines+1, counted+1
				if n, ok := e["not_logged"].(float64); ok {
					counted += int(n)
				}
			}
		}
		return lines, counted
	}
	begin := time.Now()
	n := 0
	for counted := 0; counted < 30; _, counted = logged() {
		conn := tls.Client(harness.Dial(t, "tcp", p.TLSAddr), withVersions(ca.Config(), tls.VersionTLS12, tls.VersionTLS12))
		if conn.Handshake() == nil {
			t.Fatal("no certificate, and the handshake succeeds")
		}
		conn.Close()
		n++
	}
	if lines, counted := logged(); lines > int(time.Since(begin)/time.Second)+1 || counted > n {
		t.Errorf("%d lines for %d of %d clients in %v, want one a second", lines, counted, n, time.Since(begin))
	}
	metrics := harness.TCP(strings.TrimPrefix(p.Started["metrics"].([]any)[0].(string), "tcp://")).Get(t, "/metrics").Body
	if !strings.Contains(metrics, `postern_tls_turned_away_total{reason="no certificate"} `) {
		t.Errorf("no count of the clients that were turned away in\n%s", metrics)
	}
}

// TestSlowHandshakesHoldNothingUp asserts that clients that connect and do not go on
// neither keep an honest one waiting nor keep memory, whatever their number.
func TestSlowHandshakesHoldNothingUp(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket}))
	gerard := ca.Config(ca.Issue("gerard", nil))
	hello := clientHello(t, gerard)
	files := p.Files()
	var stalled []net.Conn
	for range 600 {
		c := harness.Dial(t, "tcp", p.TLSAddr)
		c.Write(hello[:len(hello)/2])
		stalled = append(stalled, c)
	}
	begin := time.Now()
	if r := harness.Send(t, p.DialTLS(gerard), harness.Head("GET", "/_ping")); r.Status != 200 {
		t.Errorf("a client behind 600 that stall: %d %s", r.Status, r.Body)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("a client behind 600 that stall waited %v", d)
	}
	p.AwaitLog(func(e harness.Entry) bool { return e["reason"] == "too many at one time" })
	harness.Await(t, "end of all but 256", func() bool { return p.Files()-files < 300 })
	// The rest has 10 s.
	stalled[len(stalled)-1].SetReadDeadline(begin.Add(20 * time.Second))
	if _, err := stalled[len(stalled)-1].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a handshake that never ends: %v, want the connection's end within 20 s", err)
	}
	p.AwaitLog(func(e harness.Entry) bool { return e["reason"] == "too slow" })
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// clientHello is the first message of a handshake.
func clientHello(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go tls.Client(theirs, config).Handshake()
	hello := make([]byte, 4096)
	n, err := ours.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

// TestPlainHTTPOnTLS asserts that a client without TLS is told so in the shape of
// the engine's errors, and that a check that only connects leaves no line in the log.
func TestPlainHTTPOnTLS(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket}))
	harness.Dial(t, "tcp", p.TLSAddr).Close()
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS"} {
		r := harness.Send(t, harness.Dial(t, "tcp", p.TLSAddr), harness.Head(method, "/_ping"))
		if r.Status != 400 || method != "HEAD" && r.Message() != "postern: this port takes TLS only: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a docker context with a certificate" {
			t.Errorf("%s without TLS: %d %s", method, r.Status, r.Body)
		}
	}
	c := harness.Dial(t, "tcp", p.TLSAddr)
	io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
	if got, _ := io.ReadAll(c); len(got) > 0 && bytes.Contains(got, []byte("HTTP")) {
		t.Errorf("what is neither TLS nor HTTP got %q", got)
	}
	p.AwaitLog(func(e harness.Entry) bool { return e["reason"] == "not TLS" })
	for _, line := range p.Log() {
		if line["message"] == "turned away" && line["reason"] != "not TLS" {
			t.Errorf("the log has %v", line)
		}
	}
	if got := e.Requests(); len(got) > 0 {
		t.Errorf("the engine received %v", got)
	}
}

// TestOnlyHTTP1 asserts that a client of HTTP/2 is refused at its preface, in clear
// and over TLS, and that one that offers both goes on with HTTP/1.1.
func TestOnlyHTTP1(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	settings := ca.Settings()
	settings["LISTEN"] += ",tcp://127.0.0.1:0"
	p := harness.Start(t, harness.With(settings, harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	gerard := ca.Issue("gerard", nil)
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	offering := func(protocols ...string) net.Conn {
		config := ca.Config(gerard)
		config.NextProtos = protocols
		conn := p.DialTLS(config)
		if got := conn.ConnectionState().NegotiatedProtocol; got != "" {
			t.Errorf("of %q the server takes %q", protocols, got)
		}
		return conn
	}
	for name, conn := range map[string]net.Conn{"in clear": p.Dial(), "no ALPN": p.DialTLS(ca.Config(gerard)), "h2 alone": offering("h2")} {
		io.WriteString(conn, preface)
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != 505 || string(body) != `{"message":"postern: HTTP/2 is not served here: use HTTP/1.1"}`+"\n" {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
		if rest, err := io.ReadAll(reader); len(rest) > 0 || isReset(err) {
			t.Errorf("%s: after the response %q, %v, want the end", name, rest, err)
		}
	}
	for _, protocols := range [][]string{{"h2", "http/1.1"}, {"http/1.1"}, {"http/1.1", "h2"}} {
		if r := harness.Send(t, offering(protocols...), harness.Head("GET", "/version")); r.Status != 200 {
			t.Errorf("%q: %d %s", protocols, r.Status, r.Body)
		}
	}
	for _, target := range harness.Targets(e) {
		if target != "GET /version" {
			t.Errorf("the engine received %s", target)
		}
	}
	if line := p.AwaitLog(func(e harness.Entry) bool { return e["status"] == 505.0 }); line["decision"] != "refused" || line["rule"] != "HTTP/2" {
		t.Errorf("the log has %v", line)
	}
}

func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }

// TestNoResumption asserts that every connection shows its certificate: a session
// that is resumed would outlive the certificate and a change of the CA.
func TestNoResumption(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket}))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := withVersions(ca.Config(ca.Issue("gerard", nil)), version, version)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(10)
		for range 3 {
			conn := p.DialTLS(config)
			if r := harness.Send(t, conn, harness.Head("GET", "/_ping")); r.Status != 200 {
				t.Errorf("%d %s", r.Status, r.Body)
			}
			if conn.ConnectionState().DidResume {
				t.Errorf("version %x: a session was resumed", version)
			}
		}
	}
}

// TestSlowHeaderOverTLS asserts that a client with a certificate has 10 s for a
// request's header, as without TLS.
func TestSlowHeaderOverTLS(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket}))
	conn := p.DialTLS(ca.Config(ca.Issue("gerard", nil)))
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, "GET /_ping HTTP/1.1\r\n")
	if got, err := io.ReadAll(conn); isTimeout(err) {
		t.Errorf("a header that does not end: %q, %v, want the connection's end within 20 s", got, err)
	}
}

// TestAlertReachesABusyClient asserts that a client that sends before it reads still
// learns why it was turned away, and cannot send forever.
func TestAlertReachesABusyClient(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	p := harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket}))
	for range 20 {
		conn := p.DialTLS(ca.Config())
		for range 10 {
			if _, err := conn.Write(make([]byte, 10_000)); err != nil {
				t.Fatalf("sending a request: %v", err)
			}
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("%v, want the alert", err)
		}
		conn.Close()
	}
	conn := p.DialTLS(ca.Config())
	begin := time.Now()
	for {
		if _, err := conn.Write(make([]byte, 10_000)); err != nil {
			break
		}
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("the client could send for %v", d)
	}
}
