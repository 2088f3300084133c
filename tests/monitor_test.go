package tests

import (
	"context"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMonitorAnswers asserts what is there, what is not, and what a browser is
// told to keep to.
func TestMonitorAnswers(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	_, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket})
	for _, test := range []struct {
		method, target string
		status         int
		contentType    string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/?x=y", 200, "text/html; charset=utf-8"},
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
		a := send(t, dial(t, "tcp", monitor.addr), head(test.method, test.target))
		if got := a.header.Get("Content-Type"); a.status != test.status || got != test.contentType {
			t.Errorf("%s %s: %d %s, want %d %s", test.method, test.target, a.status, got, test.status, test.contentType)
		}
		if strings.Contains(a.body, "<script") {
			t.Errorf("%s %s: the answer repeats the path: %s", test.method, test.target, a.body)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			// A page of somebody else's can neither embed it nor learn where it was.
			"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "Access-Control-Allow-Origin": "",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", test.method, test.target, name, got, want)
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		if page := strings.HasPrefix(test.contentType, "text/html"); page != regexp.MustCompile(
			`^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`).MatchString(csp) {
			t.Errorf("%s %s: Content-Security-Policy is %q", test.method, test.target, csp)
		}
	}
}

// TestReady asserts that /readyz tells what a client would meet and /healthz
// that the process lives.
func TestReady(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket, "SHUTDOWN_GRACE": "30s"})
	ready := func(status int, text string) {
		t.Helper()
		var got answer
		await(t, text, func() bool {
			got = monitor.get(t, "/readyz")
			return got.status == status && strings.Contains(got.body, text)
		})
		if a := monitor.get(t, "/healthz"); a.status != 200 || a.body != "ok\n" {
			t.Errorf("/healthz: %v, want ok", a)
		}
	}
	ready(200, "ready\n")
	e.Close()
	ready(503, "the Docker Engine is down: no socket at "+socket)
	if page := monitor.get(t, "/").body; !strings.Contains(page, "the Docker Engine is down: no socket at "+socket) {
		t.Errorf("the page does not say that the engine is down:\n%s", page)
	}
	// Nobody has asked the proxy for anything, and it has noticed.
	p.awaitLog(func(e entry) bool { return e["message"] == "the Docker Engine is down: no socket at "+socket })
	startEngine(t, socket)
	ready(200, "ready\n")

	_, _, events := open(t, p, head("GET", "/events"))
	p.signal()
	ready(503, "stopping\n")
	events.Close()
}

// TestMonitorIsNoWayIn asserts that nothing sent to the monitor's listener
// reaches the engine, whatever the policy, and that the monitor cannot be
// reached through the proxy's.
func TestMonitorIsNoWayIn(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	unix := filepath.Join(filepath.Dir(socket), "monitor.sock")
	p, monitor := monitored(t, with(everything(), map[string]string{"SOCKET_PATH": socket, "METRICS_LISTEN": "127.0.0.1:0,unix://" + unix}))
	for _, m := range []wire{monitor, {"unix", unix}} {
		for _, request := range []string{
			head("GET", "/_ping"), head("GET", "/v1.41/containers/json"), head("GET", "/events"),
			head("GET", "/_ping", "User-Agent: postern-healthcheck"),
			head("GET", "http://docker/_ping"),
			head("GET", "/metrics/../_ping"),
			head("POST", "/containers/web/restart", "Content-Length: 0"),
			head("POST", "/containers/web/attach", "Connection: Upgrade", "Upgrade: tcp", "Content-Length: 0"),
			head("CONNECT", "docker:80"),
		} {
			if a := send(t, dial(t, m.network, m.addr), request); a.status != 404 && a.status != 405 {
				t.Errorf("%.60q: status %d, want 404 or 405", request, a.status)
			}
		}
		for _, target := range []string{"/", "/metrics", "/healthz", "/readyz"} {
			if a := m.get(t, target); a.status != 200 {
				t.Errorf("GET %s: status %d, want 200", target, a.status)
			}
		}
	}
	if requests := e.Requests(); len(requests) > 0 {
		t.Errorf("the engine got %v", requests)
	}
	for _, target := range []string{"/", "/metrics", "/healthz", "/readyz"} {
		if a := p.get(target); a.status != 403 {
			t.Errorf("GET %s from the proxy: status %d, want 403", target, a.status)
		}
	}
}

// TestMonitorIsOff asserts that no listener is opened unasked.
func TestMonitorIsOff(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	for _, environ := range []map[string]string{nil, {"METRICS_LISTEN": ""}} {
		p := start(t, with(map[string]string{"SOCKET_PATH": socket}, environ))
		if metrics := p.started["metrics"]; len(metrics.([]any)) > 0 {
			t.Errorf("%v: metrics on %v", environ, metrics)
		}
	}
}

// TestMonitorFlood holds more connections open than the monitor takes, and
// sends what never ends: neither may harm the proxy, and the monitor must come
// back by itself.
func TestMonitorFlood(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	p, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket})
	for i := range 64 {
		c := dial(t, "tcp", monitor.addr)
		if i%2 == 0 {
			io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nA: ")
		}
	}
	// Those beyond the limit are closed at once, not when five seconds without
	// a request are over.
	var beyond sync.WaitGroup
	for range 100 {
		c := dial(t, "tcp", monitor.addr)
		c.SetReadDeadline(time.Now().Add(4 * time.Second))
		beyond.Go(func() {
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a connection too many is not closed: %v", err)
			}
		})
	}
	beyond.Wait()
	if a := p.get("/version"); a.status != 200 {
		t.Errorf("GET /version in the flood: status %d, want 200", a.status)
	}
	await(t, "answer of the monitor", func() bool {
		c, err := net.Dial("tcp", monitor.addr)
		if err != nil {
			return false
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Second))
		io.WriteString(c, head("GET", "/healthz"))
		answer, _ := io.ReadAll(c)
		return strings.HasSuffix(string(answer), "\r\n\r\nok\n")
	})
	big := dial(t, "tcp", monitor.addr)
	if a := send(t, big, head("GET", "/", "A: "+strings.Repeat("a", 20<<10))); a.status != 431 {
		t.Errorf("a header of 20 KiB: status %d, want 431", a.status)
	}
}

// seen makes a proxy with clients, refusals and an open stream, and returns
// its page and where it is.
func seen(t *testing.T) (monitor wire, page string) {
	t.Helper()
	_, socket := standIn(t)
	unix := filepath.Join(filepath.Dir(socket), "ci.sock")
	p, monitor := monitored(t, map[string]string{
		"SOCKET_PATH": socket, "CONTAINERS": "1", "DENY": "*Prune",
		"CLIENT_CI_LISTEN": "unix://" + unix, "CLIENT_CI_BUILD": "1", "CLIENT_CI_GRPC": "1", "CLIENT_CI_POST": "1",
		"CLIENT_BOARD_FROM": "10.1.2.3,10.9.0.0/16", "CLIENT_BOARD_ALLOW": "ContainerList",
	})
	for range 3 {
		p.get("/v1.41/info")
	}
	for _, request := range []string{
		head("POST", "/containers/web/restart", "Content-Length: 0"),
		head("POST", "/images/prune", "Content-Length: 0"),
		head("GET", "/<script>document.title='owned'</script>"),
		head("GET", "/%3Cimg%20src=x%20onerror=%22document.title='owned'%22%3E"),
		head("GET", "/\"onmouseover=\"document.title='owned'"),
	} {
		send(t, p.dial(), request)
	}
	send(t, dial(t, "unix", unix), head("GET", "/networks"))
	open(t, p, head("GET", "/events"))
	await(t, "open stream", func() bool {
		page = monitor.get(t, "/").body
		return strings.Contains(page, "SystemEvents</small>")
	})
	return monitor, page
}

// facts are what the page of seen has to tell, as a person reads it.
var facts = []string{
	"The engine answers.", "version dev",
	"ci through a listener of its own may run 11 of 255 operations", "board from 10.1.2.3, 10.9.0.0/16 may run 8 of 255 operations",
	"everybody else may run 14 of 255 operations reads CONTAINERS PING EVENTS VERSION LIBPOD_PING LIBPOD_VERSION writes nothing",
	"root on the host : Grpc", "leaks secrets : ContainerInspect , ContainerLogs",
	"GET /v1.41/info SystemInfo INFO=1 or ALLOW=SystemInfo 127.0.0.1 ",
	"POST /containers/web/restart ContainerRestart ALLOW_RESTARTS=1 or POST=1 or ALLOW=ContainerRestart 127.0.0.1",
	"POST /images/prune ImagePrune nothing: DENY=*Prune forbids it",
	"GET /<script>document.title='owned'</script> nothing: this path is in no section of the Docker API",
	"GET /networks NetworkList CLIENT_CI_NETWORKS=1 or CLIENT_CI_ALLOW=NetworkList ci unix socket",
	"GET /events SystemEvents 127.0.0.1",
}

// text is what a person reads of a page.
func text(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(html.UnescapeString(page)), " ")
}

// TestPage asserts that the page tells what people come for.
func TestPage(t *testing.T) {
	t.Parallel()
	_, page := seen(t)
	checkFacts(t, page)
	if !regexp.MustCompile(`(?s)/v1\.41/info.*?data-is="times">3\n`).MatchString(page) {
		t.Errorf("the page does not say that /info was refused three times:\n%s", page)
	}
}

func checkFacts(t *testing.T, page string) {
	t.Helper()
	shown := text(page)
	for _, fact := range facts {
		if !strings.Contains(shown, fact) {
			t.Errorf("the page does not say %q:\n%s", fact, shown)
		}
	}
}

// TestPageInBrowser has a browser load the page: it must show the same, run
// nothing of what attackers have put there and find nothing to complain about.
func TestPageInBrowser(t *testing.T) {
	t.Parallel()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium", err)
	}
	// What must not happen can be seen where it does.
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "style-src 'none'")
		io.WriteString(w, `<style>p{}</style><p><script>document.title='owned'</script>`)
	}))
	defer bad.Close()
	dom, complaints := browse(t, browser, bad.URL)
	if !strings.Contains(dom, "<title>owned</title>") || len(complaints) == 0 {
		t.Fatalf("the browser does not show what the test looks for: %v in\n%s", complaints, dom)
	}

	monitor, _ := seen(t)
	dom, complaints = browse(t, browser, "http://"+monitor.addr+"/")
	checkFacts(t, dom)
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(complaints, "\n"))
	}
	if strings.Contains(dom, "<title>owned") || !strings.Contains(dom, "<title>postern</title>") || strings.Contains(dom, "<script") || strings.Contains(dom, "<img") {
		t.Errorf("a path has become a part of the page:\n%s", dom)
	}
}

// browse loads a page in headless chromium and returns the document as it then
// is, and what the console says: errors, and violations of the page's policy.
func browse(t *testing.T, browser, url string) (dom string, complaints []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--no-proxy-server", "--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--dump-dom", url)
	r := finish(t, cmd)
	if r.status != 0 || r.stdout == "" {
		t.Fatalf("chromium: %v", r)
	}
	for line := range strings.Lines(r.stderr) {
		if strings.Contains(line, "CONSOLE") {
			complaints = append(complaints, line)
		}
	}
	return r.stdout, complaints
}
