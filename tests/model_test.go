package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// sectionToggles and otherToggles are the variables that README lists.
const (
	sectionToggles = "AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EVENTS EXEC GRPC IMAGES INFO NETWORKS NODES PING PLUGINS SECRETS SERVICES SESSION SWARM SYSTEM TASKS VERSION VOLUMES " +
		"LIBPOD_ARTIFACTS LIBPOD_BUILD LIBPOD_COMMIT LIBPOD_CONTAINERS LIBPOD_EVENTS LIBPOD_EXEC LIBPOD_GENERATE LIBPOD_IMAGES LIBPOD_INFO LIBPOD_KUBE LIBPOD_LOCAL LIBPOD_MANIFESTS LIBPOD_NETWORKS LIBPOD_PING LIBPOD_PLAY LIBPOD_PODS LIBPOD_QUADLETS LIBPOD_SECRETS LIBPOD_SYSTEM LIBPOD_VERSION LIBPOD_VOLUMES"
	otherToggles = "POST ALLOW_START ALLOW_STOP ALLOW_RESTARTS ALLOW_PAUSE ALLOW_UNPAUSE ALLOW_LOGS ALLOW_TOP ALLOW_CHANGES ALLOW_ARCHIVE ALLOW_EXPORT " +
		"LIBPOD_ALLOW_START LIBPOD_ALLOW_POD_START LIBPOD_ALLOW_RESTARTS LIBPOD_ALLOW_POD_RESTARTS LIBPOD_ALLOW_STOP LIBPOD_ALLOW_POD_STOP " +
		"LIBPOD_ALLOW_PAUSE LIBPOD_ALLOW_POD_PAUSE LIBPOD_ALLOW_UNPAUSE LIBPOD_ALLOW_POD_UNPAUSE"
)

// TestModelKnowsEveryToggle asserts that the random settings are made of all
// toggles, which TestDocs asserts of the README's tables.
func TestModelKnowsEveryToggle(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, table := range regexp.MustCompile(`(?s)<!-- (?:sections|podman|verbs) -->.*?<!-- end -->`).FindAllString(string(readme), -1) {
		for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)`").FindAllStringSubmatch(table, -1) {
			listed = append(listed, row[1])
		}
	}
	known := strings.Fields(sectionToggles + " " + otherToggles)
	slices.Sort(listed)
	slices.Sort(known)
	if !slices.Equal(listed, known) {
		t.Errorf("the README lists %q, the model knows %q", listed, known)
	}
}

// model is what postern promises, written from its documentation and without
// its code: environ holds "0" or "1" for the toggles that are set.
func model(environ map[string]string, r modelRequest) bool {
	on := func(name string) bool { return environ[name] == "1" }
	is := func(methods, suffix string) bool {
		return regexp.MustCompile("^(" + methods + ") (/libpod)?/(containers|pods)/.+/(" + suffix + ")$").MatchString(r.method + " " + r.path)
	}
	listed := func(list string) bool {
		patterns := strings.NewReplacer("*", ".*", ",", "|").Replace(environ[list])
		return environ[list] != "" && regexp.MustCompile("^("+patterns+")$").MatchString(r.id)
	}
	section := strings.ToUpper(strings.NewReplacer("/_", "", "/libpod/_", "LIBPOD_", "/libpod/", "LIBPOD_").Replace(r.path))
	section, _, _ = strings.Cut(strings.TrimPrefix(section, "/"), "/")
	_, set := environ[section]
	open := on(section) || !set && slices.Contains([]string{"EVENTS", "PING", "VERSION", "LIBPOD_PING", "LIBPOD_VERSION"}, section)
	if !slices.Contains(strings.Fields(sectionToggles), section) || listed("DENY") {
		return false
	}
	libpod, legacy := "", ""
	switch {
	case strings.HasPrefix(r.path, "/libpod/containers/"):
		libpod, legacy = "LIBPOD_", "LIBPOD_ALLOW_"
	case strings.HasPrefix(r.path, "/libpod/pods/"):
		libpod, legacy = "LIBPOD_", "LIBPOD_ALLOW_POD_"
	}
	if listed("ALLOW") {
		return true
	}
	for verb, suffix := range map[string]string{"START": "start", "STOP": "stop", "RESTARTS": "stop|restart|kill", "PAUSE": "pause", "UNPAUSE": "unpause"} {
		if is("POST", suffix) && (on("ALLOW_"+verb) || on(legacy+verb)) {
			return true
		}
	}
	if !open || is("POST", "exec") && !on(libpod+"EXEC") {
		return false
	}
	for name, refused := range map[string]bool{
		"ALLOW_LOGS":    is("GET", "logs"),
		"ALLOW_TOP":     is("GET", "top"),
		"ALLOW_CHANGES": is("GET", "changes"),
		"ALLOW_ARCHIVE": is("GET|HEAD|PUT", "archive") || is("POST", "copy"),
		"ALLOW_EXPORT":  is("GET", "export"),
	} {
		value, set := environ[name]
		files := name == "ALLOW_ARCHIVE" || name == "ALLOW_EXPORT"
		if refused && (value == "0" || !set && files && !on("POST")) {
			return false
		}
	}
	writes := r.method != "GET" && r.method != "HEAD" || is("GET", "attach/ws") || r.path == "/swarm/unlockkey"
	return !writes || on("POST")
}

// modelRequest is one request for the proxy and what the model needs of it.
type modelRequest struct {
	method, target string
	path           string // without the version
	id             string
	pattern        string // as explain writes it, "" if this is no operation's request
}

// TestModel asks the running proxy for every operation of Docker and Podman,
// with and without a version, under random settings, and compares what is
// forwarded with the model.
func TestModel(t *testing.T) {
	t.Parallel()
	socket := forwardedEngine(t)
	requests := modelRequests(t)
	random := seeded(t)
	for range 200 {
		environ := randomSettings(random, requests)
		p := startQuick(t, with(environ, map[string]string{"SOCKET_PATH": socket}))
		explained := explained(t, environ)
		for i, forwarded := range p.forwarded(requests) {
			r := requests[i]
			if want := model(environ, r); forwarded != want {
				t.Errorf("%v\n%+v: forwarded is %v, want %v", environ, r, forwarded, want)
			}
			if allowed, listed := explained[r.id+" "+r.method+" "+r.pattern]; listed && forwarded != allowed {
				t.Errorf("%v\n%+v: forwarded is %v, explain says %v", environ, r, forwarded, allowed)
			}
		}
		p.stop()
		if t.Failed() {
			return
		}
	}
}

// seeded returns random numbers, and logs what makes them the same again.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestAllowedAlone allows each operation by itself and expects the proxy to
// forward nothing else.
func TestAllowedAlone(t *testing.T) {
	t.Parallel()
	socket := forwardedEngine(t)
	requests := modelRequests(t)
	closed := map[string]string{"SOCKET_PATH": socket}
	for _, name := range strings.Fields("EVENTS PING VERSION LIBPOD_PING LIBPOD_VERSION") {
		closed[name] = "0"
	}
	seen := map[string]bool{"": true}
	for _, alone := range requests {
		if seen[alone.id] {
			continue
		}
		seen[alone.id] = true
		p := startQuick(t, with(closed, map[string]string{"ALLOW": alone.id}))
		for i, forwarded := range p.forwarded(requests) {
			if r := requests[i]; forwarded != (r.id == alone.id) {
				t.Errorf("ALLOW=%s: %+v: forwarded is %v", alone.id, r, forwarded)
			}
		}
		p.stop()
		if t.Failed() {
			return
		}
	}
	if len(seen) < 230 {
		t.Errorf("tried %d operations, want all of them", len(seen))
	}
}

// startQuick is start with the build that starts fast.
func startQuick(t *testing.T, environ map[string]string) *postern {
	t.Helper()
	p := &postern{t: t, cmd: commandOf(t, quickProgram, context.Background(), with(anyPort, environ)), forgets: true}
	p.launch()
	p.awaitStart()
	return p
}

// explained asks postern explain for its verdicts, by operation, method and
// route.
func explained(t *testing.T, environ map[string]string) map[string]bool {
	t.Helper()
	r := finish(t, commandOf(t, quickProgram, t.Context(), environ, "explain", "--json"))
	var report struct {
		Operations []struct {
			ID, Method, Path string
			Allowed          bool
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.status != 0 || len(report.Operations) < 240 {
		t.Fatalf("explain --json: status %d, %d operations, %v\n%s", r.status, len(report.Operations), err, r.stderr)
	}
	verdicts := map[string]bool{}
	for _, op := range report.Operations {
		verdicts[op.ID+" "+op.Method+" "+op.Path] = op.Allowed
	}
	return verdicts
}

// randomSettings sets a third of the toggles to 1 and a third to 0, and every
// other time ALLOW and DENY to a few operations.
func randomSettings(random *rand.Rand, requests []modelRequest) map[string]string {
	environ := map[string]string{}
	for _, name := range strings.Fields(sectionToggles + " " + otherToggles) {
		if value := random.IntN(3); value < 2 {
			environ[name] = fmt.Sprint(value)
		}
	}
	for _, list := range []string{"ALLOW", "DENY"} {
		if random.IntN(2) == 0 {
			continue
		}
		patterns := []string{[]string{"*Prune", "*Delete*", "Container*", "*Inspect", "Image*Libpod"}[random.IntN(5)]}
		for range 5 {
			if id := requests[random.IntN(len(requests))].id; id != "" {
				patterns = append(patterns, id)
			}
		}
		environ[list] = strings.Join(patterns, ",")
	}
	return environ
}

// modelRequests lists every route of Docker and Podman with a name in it, and a
// few paths that are none.
func modelRequests(t *testing.T) []modelRequest {
	t.Helper()
	var requests []modelRequest
	for _, request := range []string{
		"GET /", "GET /containersx/json", "GET /execfoo", "GET /containers/web/novelty", "POST /containers/web/novelty",
		"PUT /containers/web/start", "POST /containers/web/start/exec", "DELETE /images/web/get", "GET /v1.41/v1.41/info", "GET /libpod/novelty",
	} {
		method, path, _ := strings.Cut(request, " ")
		requests = append(requests, modelRequest{method, path, path, map[string]string{
			"POST /containers/web/start/exec": "ContainerExec", "DELETE /images/web/get": "ImageDelete",
		}[request], ""})
	}
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, file := range []string{"engine-routes.tsv", "libpod-routes.tsv"} {
		table, err := os.ReadFile("../acl/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if strings.HasPrefix(line, "#") {
				continue
			}
			path := variable.ReplaceAllLiteralString(fields[1], "web")
			id := strings.TrimPrefix(fields[2], "-")
			pattern := regexp.MustCompile(":[^}]*").ReplaceAllString(fields[1], "")
			version := "/v1.41"
			if len(fields) == 4 {
				version = "/v5.0.0"
				if strings.HasPrefix(fields[3], "[0-3]") {
					requests = append(requests, modelRequest{fields[0], "/v3.4.4" + path, path, id, pattern})
					continue
				}
			}
			requests = append(requests, modelRequest{fields[0], path, path, id, pattern}, modelRequest{fields[0], version + path, path, id, pattern})
		}
	}
	if len(requests) < 500 {
		t.Fatalf("%d requests, want every operation twice", len(requests))
	}
	return requests
}

// forwardedEngine is an engine that answers everything with a header that says
// so, on the socket whose path it returns.
func forwardedEngine(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(socketDir(t), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Forwarded-Target", r.Method+" "+r.RequestURI)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return socket
}

// forwarded sends requests on one connection and reports of each whether it
// reached the engine, as it was sent. Anything but that and a refusal fails the
// test.
func (p *postern) forwarded(requests []modelRequest) []bool {
	p.t.Helper()
	return p.forwardedOn(p.dial(), requests)
}

// forwardedOn does it on a connection that it closes.
func (p *postern) forwardedOn(conn net.Conn, requests []modelRequest) []bool {
	p.t.Helper()
	defer conn.Close()
	go func() {
		for _, r := range requests {
			io.WriteString(conn, r.method+" "+r.target+" HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	reader := bufio.NewReader(conn)
	verdicts := make([]bool, len(requests))
	for i, r := range requests {
		response, err := http.ReadResponse(reader, &http.Request{Method: r.method})
		if err != nil {
			p.t.Fatalf("%+v: %v", r, err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		reached := response.Header.Get("Forwarded-Target")
		verdicts[i] = reached != ""
		if reached != "" && reached != r.method+" "+r.target {
			p.t.Errorf("%s %s reached the engine as %s", r.method, r.target, reached)
		}
		if reached == "" && response.StatusCode != http.StatusForbidden {
			p.t.Errorf("%s %s: status %d, want 403 or the engine's answer", r.method, r.target, response.StatusCode)
		}
	}
	return verdicts
}
