package metrics

import (
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestMetricsListenerResponses asserts the status of each path, and the headers that
// restrict a browser.
func TestMetricsListenerResponses(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	_, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket})
	for _, test := range []struct {
		method, target string
		status         int
		contentType    string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/?x=y", 200, "text/html; charset=utf-8"},
		{"GET", "/page.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"},
		{"HEAD", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"},
		{"GET", "/healthz", 200, "text/plain; charset=utf-8"},
		{"GET", "/readyz", 200, "text/plain; charset=utf-8"},
		{"GET", "/metrics/", 404, "text/plain; charset=utf-8"},
		{"GET", "//", 404, "text/plain; charset=utf-8"},
		{"GET", "/<script>", 404, "text/plain; charset=utf-8"},
		{"GET", "/debug/pprof/", 404, "text/plain; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
		{"PUT", "/metrics", 405, "text/plain; charset=utf-8"},
		{"DELETE", "/nothing", 405, "text/plain; charset=utf-8"},
		{"OPTIONS", "*", 405, "text/plain; charset=utf-8"},
	} {
		a := harness.Send(t, harness.Dial(t, "tcp", monitor.Addr), harness.Head(test.method, test.target))
		if got := a.Header.Get("Content-Type"); a.Status != test.status || got != test.contentType {
			t.Errorf("%s %s: %d %s, want %d %s", test.method, test.target, a.Status, got, test.status, test.contentType)
		}
		if strings.Contains(strings.Replace(a.Body, `<script src="page.js" defer></script>`, "", 1), "<script") {
			t.Errorf("%s %s: the response repeats the path, or has a script of its own: %s", test.method, test.target, a.Body)
		}
		if page := test.contentType == "text/html; charset=utf-8" && test.method == "GET"; page != strings.Contains(a.Body, `<noscript><meta http-equiv="refresh" content="30"></noscript>`) {
			t.Errorf("%s %s: without script the page does not refresh: %s", test.method, test.target, a.Body)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			// A page of another site can neither embed it nor learn its address.
			"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "Access-Control-Allow-Origin": "",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", test.method, test.target, name, got, want)
			}
		}
		csp := a.Header.Get("Content-Security-Policy")
		if page := strings.HasPrefix(test.contentType, "text/html"); page != regexp.MustCompile(
			`^default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'sha256-[A-Za-z0-9+/]{43}='; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`).MatchString(csp) {
			t.Errorf("%s %s: Content-Security-Policy is %q", test.method, test.target, csp)
		}
	}
}

// TestReadyFollowsTheEngine asserts that /readyz says whether the engine can be
// reached, and /healthz that the process lives.
func TestReadyFollowsTheEngine(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket, "SHUTDOWN_GRACE": "30s"})
	ready := func(status int, text string) {
		t.Helper()
		var got harness.Response
		harness.Await(t, text, func() bool {
			got = monitor.Get(t, "/readyz")
			return got.Status == status && strings.Contains(got.Body, text)
		})
		if a := monitor.Get(t, "/healthz"); a.Status != 200 || a.Body != "ok\n" {
			t.Errorf("/healthz: %v, want ok", a)
		}
	}
	ready(200, "ready\n")
	e.Close()
	ready(503, "the Docker Engine is down: no socket at "+socket)
	if page := monitor.Get(t, "/").Body; !strings.Contains(page, "the Docker Engine is down: no socket at "+socket) {
		t.Errorf("the page does not say that the engine is down:\n%s", page)
	}
	// The proxy has noticed although it got no request.
	p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "the Docker Engine is down: no socket at "+socket })
	harness.StartEngine(t, socket)
	ready(200, "ready\n")

	_, _, events := p.Open(harness.Head("GET", "/events"))
	p.Signal(syscall.SIGTERM)
	ready(503, "stopping\n")
	events.Close()
}

// TestMetricsListenerReachesNoEngine asserts that nothing sent to the monitor's
// listener reaches the engine, whatever the policy, and that the monitor cannot be
// reached through the proxy's.
func TestMetricsListenerReachesNoEngine(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	unix := filepath.Join(filepath.Dir(socket), "monitor.sock")
	p, monitor := monitored(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "METRICS_LISTEN": "127.0.0.1:0,unix://" + unix}))
	for _, m := range []harness.Endpoint{monitor, harness.Unix(unix)} {
		for _, request := range []string{
			harness.Head("GET", "/_ping"), harness.Head("GET", "/v1.41/containers/json"), harness.Head("GET", "/events"),
			harness.Head("GET", "/_ping", "User-Agent: postern-healthcheck"),
			harness.Head("GET", "http://docker/_ping"),
			harness.Head("GET", "/metrics/../_ping"),
			harness.Head("POST", "/containers/web/restart", "Content-Length: 0"),
			harness.Head("POST", "/containers/web/attach", "Connection: Upgrade", "Upgrade: tcp", "Content-Length: 0"),
			harness.Head("CONNECT", "docker:80"),
		} {
			if a := harness.Send(t, harness.Dial(t, m.Network, m.Addr), request); a.Status != 404 && a.Status != 405 {
				t.Errorf("%.60q: status %d, want 404 or 405", request, a.Status)
			}
		}
		for _, target := range []string{"/", "/metrics", "/healthz", "/readyz"} {
			if a := m.Get(t, target); a.Status != 200 {
				t.Errorf("GET %s: status %d, want 200", target, a.Status)
			}
		}
	}
	if requests := e.Requests(); len(requests) > 0 {
		t.Errorf("the engine got %v", requests)
	}
	for _, target := range []string{"/", "/metrics", "/healthz", "/readyz"} {
		if a := p.Get(target); a.Status != 403 {
			t.Errorf("GET %s from the proxy: status %d, want 403", target, a.Status)
		}
	}
}

// TestMetricsListenerIsOffByDefault asserts that no listener is opened without the
// setting.
func TestMetricsListenerIsOffByDefault(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, environ := range []map[string]string{nil, {"METRICS_LISTEN": ""}} {
		p := harness.Start(t, harness.With(map[string]string{"SOCKET_PATH": socket}, environ))
		if metrics := p.Started["metrics"]; len(metrics.([]any)) > 0 {
			t.Errorf("%v: metrics on %v", environ, metrics)
		}
	}
}

// TestMetricsListenerLimitsConnections opens more connections than the monitor
// keeps, and sends requests that never end on them: neither may harm the proxy,
// nor shut others out of the monitor.
func TestMetricsListenerLimitsConnections(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket})
	before := p.Files()
	for i := range 200 {
		c := harness.Dial(t, "tcp", monitor.Addr)
		if i%2 == 0 {
			io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nA: ")
		}
	}
	if a := monitor.Get(t, "/healthz"); a.Status != 200 || a.Body != "ok\n" {
		t.Errorf("GET /healthz of the monitor in the flood: %d %q, want 200", a.Status, a.Body)
	}
	if a := p.Get("/version"); a.Status != 200 {
		t.Errorf("GET /version in the flood: status %d, want 200", a.Status)
	}
	if open := p.Files() - before; open > 70 {
		t.Errorf("%d files more are open, want 64 connections and a few", open)
	}
	big := harness.Dial(t, "tcp", monitor.Addr)
	if a := harness.Send(t, big, harness.Head("GET", "/", "A: "+strings.Repeat("a", 20<<10))); a.Status != 431 {
		t.Errorf("a header of 20 KiB: status %d, want 431", a.Status)
	}
}
