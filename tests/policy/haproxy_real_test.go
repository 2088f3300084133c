//go:build real

package policy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// haproxyVerbs are what the toggles of single POSTs match in
// tecnativa/docker-socket-proxy: any suffix is matched, too.
var haproxyVerbs = map[string]string{
	"ALLOW_START": "start", "ALLOW_STOP": "stop", "ALLOW_RESTARTS": "(stop|restart|kill)", "ALLOW_PAUSE": "pause", "ALLOW_UNPAUSE": "unpause",
}

// haproxy starts HAProxy with the rules that users of
// tecnativa/docker-socket-proxy know: without POST=1 only GET and HEAD, then
// every path that begins with that of a section that is on, in any case. It
// returns its address.
func haproxy(t *testing.T, environ map[string]string, engine string) string {
	t.Helper()
	program := harness.NeedCommand(t, "haproxy", "haproxy")
	const version = `^(/v[0-9.]+)?`
	var rules strings.Builder
	rule := func(path, variable string) {
		fmt.Fprintf(&rules, " http-request allow if { path,url_dec -m reg -i %s/%s } { env(%s) -m bool }\n", version, path, variable)
	}
	for variable, verb := range haproxyVerbs {
		rule(`containers/[[:alnum:]_.-]+/`+verb, variable)
	}
	for _, section := range engineToggles() {
		path := strings.ToLower(section)
		if section == "PING" {
			path = "_ping"
		}
		rule(path, section)
	}
	dir := harness.SocketDir(t)
	socket, config := filepath.Join(dir, "haproxy.sock"), filepath.Join(dir, "haproxy.cfg")
	text := "defaults\n mode http\n timeout client 1m\n timeout server 1m\n timeout connect 5s\n" +
		"frontend docker\n bind unix@" + socket + "\n http-request deny unless METH_GET || { env(POST) -m bool }\n" +
		rules.String() + " http-request deny\n default_backend engine\nbackend engine\n server engine unix@" + engine + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", config)
	cmd.Env = []string{"TMPDIR=" + os.TempDir()}
	for name, value := range environ {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	output := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	harness.Await(t, "listener of HAProxy", func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return socket
}

// engineToggles are the sections of Docker's API.
func engineToggles() []string {
	return slices.DeleteFunc(strings.Fields(harness.SectionToggles), func(name string) bool { return strings.HasPrefix(name, "LIBPOD_") })
}

// TestDiffersFromHAProxyAsDocumented gives random settings to postern and to
// HAProxy and asserts that both forward the same requests, but for the
// six differences in docs/migrating.md, and that each of these occurs.
func TestDiffersFromHAProxyAsDocumented(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	requests := haproxyRequests(t)
	random := seeded(t)
	found := map[int]int{}
	for range 40 {
		environ := map[string]string{"POST": fmt.Sprint(random.IntN(2))}
		for _, name := range engineToggles() {
			environ[name] = fmt.Sprint(random.IntN(2))
		}
		for name := range haproxyVerbs {
			environ[name] = fmt.Sprint(random.IntN(2))
		}
		before := forwards(t, "unix", haproxy(t, environ, socket), requests)
		after := forwards(t, "tcp", harness.Start(t, harness.With(environ, map[string]string{"SOCKET_PATH": socket})).Addr, requests)
		for i, r := range requests {
			if before[i] == after[i] {
				continue
			}
			difference := documented(environ, r, after[i])
			if difference == 0 {
				t.Errorf("%v\n%s %s: forwarded by HAProxy is %v, by postern %v", environ, r.Method, r.Target, before[i], after[i])
			}
			found[difference]++
		}
		if t.Failed() {
			return
		}
	}
	// Only words can differ in the sixth.
	words := map[string]string{"CONTAINERS": "true"}
	list := []harness.Request{{Method: "GET", Target: "/containers/json"}}
	if forwards(t, "unix", haproxy(t, words, socket), list)[0] || !forwards(t, "tcp", harness.Start(t, harness.With(words, map[string]string{"SOCKET_PATH": socket})).Addr, list)[0] {
		t.Error("CONTAINERS=true does not differ")
	}
	for difference := 1; difference <= 5; difference++ {
		if found[difference] == 0 {
			t.Errorf("nothing was found that differs as number %d in docs/migrating.md says", difference)
		}
	}
}

// documented returns the number, in docs/migrating.md, of the difference that a request
// may make, or 0.
func documented(environ map[string]string, r harness.Request, forwarded bool) int {
	on := func(name string) bool { return environ[name] == "1" }
	is := func(methods, pattern string) bool {
		return matches(`(?s)^(`+methods+`) (/v[0-9.]+)?`+pattern+`$`, r.Method+" "+r.Path)
	}
	sections := make([]string, 0, 25)
	for _, name := range engineToggles() {
		sections = append(sections, strings.ToLower(name))
	}
	inSection := is(".*", `/(`+strings.ReplaceAll(strings.Join(sections, "|"), "ping", "_ping")+`)(/.*)?`)
	unclean := regexp.MustCompile(`/\.{0,2}/|/\.{1,2}$`).MatchString(r.Path)
	switch {
	case !forwarded && (!inSection || unclean || strings.Contains(r.Target, "web%2f")):
		return 1
	case !forwarded && !on("POST") && is("GET", "/containers/.*/attach/ws|/containers/.*/checkpoints|/swarm/unlockkey"):
		return 2
	case !forwarded && !on("POST") && is("GET|HEAD", "/containers/.*/archive|/containers/.*/export"):
		return 3
	case is("POST", "/containers/.*/exec") && !forwarded && !on("EXEC"):
		return 5
	}
	for name, verb := range haproxyVerbs {
		switch exact := is("POST", "/containers/.+/"+verb); {
		case forwarded && exact && on(name), !forwarded && on(name) && strings.HasPrefix(r.Target, "/v1.23/containers/web/start"):
			return 4
		case !forwarded && !exact && on(name) && !on("CONTAINERS") && is(".*", "/containers/[^/]+/"+verb+".*"):
			return 4
		}
	}
	return 0
}

// haproxyRequests lists every route of Docker and what two readers of a path
// could see differently.
func haproxyRequests(t *testing.T) []harness.Request {
	requests := slices.DeleteFunc(harness.Requests(t), func(r harness.Request) bool { return strings.Contains(r.Path, "/libpod/") })
	for _, line := range []string{
		"GET /containersx/json", "GET /Containers/json", "GET /v1.41/imagesque", "GET /containers", "GET /containers/", "PATCH /images/x",
		"GET /_ping/../containers/json", "GET /_ping/%2e%2e/containers/json", "GET //containers/json", "GET /containers//json", "GET /./info",
		"GET /containers%2fjson", "GET /%63ontainers/json", "GET /v1.41%2fcontainers/json", "GET /v./containers/json", "GET /v1.41/v1.41/containers/json",
		"OPTIONS /containers/json", "DELETE /containers/web", "PUT /containers/web/start", "POST /containers/web/start/exec", "POST /containers/web/restarts",
		"POST /containers/web/stopx", "POST /containers/a%2fb/start", "POST /containers/web%2fkill", "HEAD /containers/json", "HEAD /containers/web/archive",
		"POST /containers/web/exec", "GET /containers/web/exec", "POST /v1.23/containers/web/start", "GET /ping", "GET /containers/json?x=/info", "POST /events",
	} {
		method, target, _ := strings.Cut(line, " ")
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, harness.Request{Method: method, Target: target, Path: u.Path})
	}
	return requests
}

// forwards sends requests and reports of each whether it reached the engine.
func forwards(t *testing.T, network, addr string, requests []harness.Request) []bool {
	t.Helper()
	forwarded := make([]bool, len(requests))
	var conn net.Conn
	var reader *bufio.Reader
	for i, r := range requests {
		if conn == nil {
			conn = harness.Dial(t, network, addr)
			reader = bufio.NewReader(conn)
		}
		io.WriteString(conn, r.Method+" "+r.Target+" HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n")
		response, err := http.ReadResponse(reader, &http.Request{Method: r.Method})
		if err != nil {
			t.Fatalf("%s %s to %s: %v", r.Method, r.Target, addr, err)
		}
		io.Copy(io.Discard, response.Body)
		forwarded[i] = response.Header.Get("Forwarded-Target") != ""
		if response.Close {
			conn.Close()
			conn = nil
		}
	}
	return forwarded
}
