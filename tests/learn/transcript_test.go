package learn

import (
	"flag"
	"os"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

var update = flag.Bool("update", false, "write testdata/session.md")

// TestSessionInDocs compares testdata/session.md, which docs/learn.md shows, with what
// postern prints: a client as traefik learns, then the line of a preset that lacks
// something. -update writes it.
func TestSessionInDocs(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	session := func(settings map[string]string, requests ...string) string {
		t.Helper()
		p := harness.Start(t, harness.With(settings, map[string]string{"SOCKET_PATH": socket}))
		for _, request := range requests {
			method, target, _ := strings.Cut(request, " ")
			harness.Send(t, p.Dial(), harness.Head(method, target))
		}
		p.Terminate()
		return p.Stderr.String()
	}
	got := "<!-- tested by TestSessionInDocs -->\n```console\n" +
		"$ docker run -d --name postern -e LEARN=1 -v /var/run/docker.sock:/var/run/docker.sock:ro postern\n" +
		"$ # start traefik, use it, and then:\n" +
		"$ docker kill -s USR1 postern && docker logs postern 2>&1 >/dev/null\n" +
		session(map[string]string{"LEARN": "1"}, "HEAD /_ping", "GET /v1.41/version", "GET /v1.41/containers/json",
			"GET /v1.41/containers/web/json", "GET /v1.41/events", "GET /v1.41/containers/web/json") +
		"```\n\n<!-- tested by TestSessionInDocs -->\n```console\n" +
		"$ docker run -d --name postern -e LEARN=deny -e PRESET=uptime-kuma -v /var/run/docker.sock:/var/run/docker.sock:ro postern\n" +
		"$ docker kill -s USR1 postern && docker logs postern 2>&1 >/dev/null\n" +
		session(map[string]string{"LEARN": "deny", "PRESET": "uptime-kuma"}, "GET /containers/json", "GET /containers/web/stats", "GET /info") +
		"```\n"
	file := harness.File("tests/learn/testdata/session.md")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("postern prints\n%s\nwhich is not in testdata/session.md: go test ./tests/learn -run TestSessionInDocs -update writes it", got)
	}
	docs, err := os.ReadFile(harness.File("docs/learn.md"))
	if err == nil && !strings.Contains(string(docs), got) {
		t.Error("docs/learn.md does not show testdata/session.md")
	}
}
