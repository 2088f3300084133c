package tests

import (
	"bufio"
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

// model is what postern promises, written from its documentation and without
// its code: environ holds "0" or "1" for the toggles that are set.
func model(environ map[string]string, method, path string) bool {
	on := func(name string) bool { return environ[name] == "1" }
	is := func(methods, suffix string) bool {
		return regexp.MustCompile("^(" + methods + ") /containers/.+/(" + suffix + ")$").MatchString(method + " " + path)
	}
	switch {
	case on("ALLOW_START") && is("POST", "start"),
		on("ALLOW_STOP") && is("POST", "stop"),
		on("ALLOW_RESTARTS") && is("POST", "stop|restart|kill"),
		on("ALLOW_PAUSE") && is("POST", "pause"),
		on("ALLOW_UNPAUSE") && is("POST", "unpause"):
		return true
	}
	section := strings.ToUpper(strings.TrimPrefix(strings.Split(path+"/", "/")[1], "_"))
	sections := strings.Fields("AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EVENTS EXEC GRPC IMAGES INFO NETWORKS NODES PING PLUGINS SECRETS SERVICES SESSION SWARM SYSTEM TASKS VERSION VOLUMES")
	_, set := environ[section]
	open := on(section) || !set && slices.Contains([]string{"EVENTS", "PING", "VERSION"}, section)
	if !slices.Contains(sections, section) || !open || is("POST", "exec") && !on("EXEC") {
		return false
	}
	for name, refused := range map[string]bool{
		"ALLOW_LOGS":    is("GET", "logs"),
		"ALLOW_TOP":     is("GET", "top"),
		"ALLOW_CHANGES": is("GET", "changes"),
		"ALLOW_ARCHIVE": is("GET|HEAD|PUT", "archive"),
		"ALLOW_EXPORT":  is("GET", "export"),
	} {
		value, set := environ[name]
		files := name == "ALLOW_ARCHIVE" || name == "ALLOW_EXPORT"
		if refused && (value == "0" || !set && files && !on("POST")) {
			return false
		}
	}
	writes := method != "GET" && method != "HEAD" || is("GET", "attach/ws") || path == "/swarm/unlockkey"
	return !writes || on("POST")
}

// TestModel asks the running proxy for every operation of the engine, with and
// without a version, under random settings, and compares what is forwarded
// with the model.
func TestModel(t *testing.T) {
	t.Parallel()
	socket := forwardedEngine(t)
	requests := modelRequests(t)
	toggles := strings.Fields("AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EVENTS EXEC GRPC IMAGES INFO NETWORKS NODES PING PLUGINS SECRETS SERVICES SESSION SWARM SYSTEM TASKS VERSION VOLUMES " +
		"POST ALLOW_START ALLOW_STOP ALLOW_RESTARTS ALLOW_PAUSE ALLOW_UNPAUSE ALLOW_LOGS ALLOW_TOP ALLOW_CHANGES ALLOW_ARCHIVE ALLOW_EXPORT")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		environ := map[string]string{}
		for _, name := range toggles {
			if value := random.IntN(3); value < 2 {
				environ[name] = fmt.Sprint(value)
			}
		}
		p := start(t, with(environ, map[string]string{"SOCKET_PATH": socket}))
		for i, forwarded := range p.forwarded(requests) {
			method, target, _ := strings.Cut(requests[i], " ")
			path := regexp.MustCompile("^/v[0-9.]+").ReplaceAllString(target, "")
			if want := model(environ, method, path); forwarded != want {
				t.Errorf("%v\n%s: forwarded is %v, want %v", environ, requests[i], forwarded, want)
			}
		}
		p.stop()
		if t.Failed() {
			return
		}
	}
}

// modelRequests lists every route of the engine with a name in it, and a few
// paths that are none.
func modelRequests(t *testing.T) []string {
	t.Helper()
	table, err := os.ReadFile("../acl/testdata/engine-routes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	requests := []string{
		"GET /", "GET /containersx/json", "GET /execfoo", "GET /containers/web/novelty", "POST /containers/web/novelty",
		"PUT /containers/web/start", "POST /containers/web/start/exec", "DELETE /containers/web/stop", "GET /v1.41", "GET /v1.41/v1.41/info",
	}
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || len(fields) != 3 {
			continue
		}
		path := variable.ReplaceAllLiteralString(fields[1], "web")
		requests = append(requests, fields[0]+" "+path, fields[0]+" /v1.41"+path)
	}
	if len(requests) < 250 {
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
func (p *postern) forwarded(requests []string) []bool {
	p.t.Helper()
	conn := p.dial()
	defer conn.Close()
	go func() {
		for _, request := range requests {
			io.WriteString(conn, request+" HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	reader := bufio.NewReader(conn)
	verdicts := make([]bool, len(requests))
	for i, request := range requests {
		method, _, _ := strings.Cut(request, " ")
		response, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			p.t.Fatalf("%s: %v", request, err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		target := response.Header.Get("Forwarded-Target")
		verdicts[i] = target != ""
		if target != "" && target != request {
			p.t.Errorf("%s reached the engine as %s", request, target)
		}
		if target == "" && response.StatusCode != http.StatusForbidden {
			p.t.Errorf("%s: status %d, want 403 or the engine's answer", request, response.StatusCode)
		}
	}
	return verdicts
}
