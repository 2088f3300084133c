package harness

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Request is one request of the table that [Requests] returns.
type Request struct {
	Method, Target string
	Path           string // without the version
	ID             string // of the operation, "" if it is none
	Pattern        string // the path as explain writes it, "" if it matches no operation
}

// Requests lists every route of Docker and Podman, with a name in the place of
// each variable, with and without a version, and a few paths that are no route.
func Requests(t *testing.T) []Request {
	t.Helper()
	var requests []Request
	for _, request := range []string{
		"GET /", "GET /containersx/json", "GET /execfoo", "GET /containers/web/novelty", "POST /containers/web/novelty",
		"PUT /containers/web/start", "POST /containers/web/start/exec", "DELETE /images/web/get", "GET /v1.41/v1.41/info", "GET /libpod/novelty",
	} {
		method, path, _ := strings.Cut(request, " ")
		requests = append(requests, Request{method, path, path, map[string]string{
			"POST /containers/web/start/exec": "ContainerExec", "DELETE /images/web/get": "ImageDelete",
		}[request], ""})
	}
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, file := range []string{"engine-routes.tsv", "libpod-routes.tsv"} {
		table, err := os.ReadFile(File("acl/testdata/" + file))
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
					requests = append(requests, Request{fields[0], "/v3.4.4" + path, path, id, pattern})
					continue
				}
			}
			requests = append(requests, Request{fields[0], path, path, id, pattern}, Request{fields[0], version + path, path, id, pattern})
		}
	}
	if len(requests) < 500 {
		t.Fatalf("%d requests, want every operation twice", len(requests))
	}
	return requests
}

// Forwarded sends requests on one connection and reports of each whether it
// reached a [MarkingEngine], as it was sent. Any response but the engine's and a
// refusal fails the test.
func (p *Postern) Forwarded(requests []Request) []bool {
	p.t.Helper()
	return p.ForwardedOn(p.Dial(), requests)
}

// ForwardedOn is Forwarded on a connection, which it closes.
func (p *Postern) ForwardedOn(conn net.Conn, requests []Request) []bool {
	p.t.Helper()
	defer conn.Close()
	var pipelined strings.Builder
	for _, r := range requests {
		pipelined.WriteString(r.Method + " " + r.Target + " HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n")
	}
	go io.WriteString(conn, pipelined.String())
	reader := bufio.NewReader(conn)
	forwarded := make([]bool, len(requests))
	for i, r := range requests {
		response, err := http.ReadResponse(reader, &http.Request{Method: r.Method})
		if err != nil {
			p.t.Fatalf("%+v: %v", r, err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		reached := response.Header.Get("Forwarded-Target")
		forwarded[i] = reached != ""
		if reached != "" && reached != r.Method+" "+r.Target {
			p.t.Errorf("%s %s reached the engine as %s", r.Method, r.Target, reached)
		}
		if reached == "" && response.StatusCode != http.StatusForbidden {
			p.t.Errorf("%s %s: status %d, want 403 or the engine's response", r.Method, r.Target, response.StatusCode)
		}
	}
	return forwarded
}

// Explained is what postern explain says of each operation, by the words
// "ID METHOD PATTERN".
func Explained(t *testing.T, settings map[string]string) map[string]bool {
	t.Helper()
	r := Finish(t, QuickCommand(t, settings, "explain", "--all", "--json"))
	var report struct {
		Operations []struct {
			ID, Method, Path string
			Allowed          bool
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil || r.Status != 0 || len(report.Operations) < 240 {
		t.Fatalf("explain --all --json: status %d, %d operations, %v\n%s", r.Status, len(report.Operations), err, r.Stderr)
	}
	allowed := map[string]bool{}
	for _, op := range report.Operations {
		allowed[op.ID+" "+op.Method+" "+op.Path] = op.Allowed
	}
	return allowed
}
