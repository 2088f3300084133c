package log

import (
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestRefusalsAddUpForPresets asserts that the log keeps, for each client whose
// settings are a preset, the ALLOW for all that it was refused so far, and that this
// ALLOW suffices. Settings by toggles have none.
func TestRefusalsAddUpForPresets(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	own := filepath.Join(harness.SocketDir(t), "ci")
	environ := map[string]string{
		"SOCKET_PATH": socket, "PRESET": "traefik", "DENY": "*Prune",
		"CLIENT_CI_LISTEN": "unix://" + own + "?mode=0666", "CLIENT_CI_PRESET": "uptime-kuma", "CLIENT_CI_ALLOW": "ImageList",
	}
	p := harness.Start(t, environ)
	ask := func(requests ...string) (missing string) {
		t.Helper()
		for _, request := range requests {
			method, path, _ := strings.Cut(request, " ")
			conn := p.Dial()
			if rest, ci := strings.CutPrefix(path, "ci:"); ci {
				conn, path = harness.Dial(t, "unix", own), rest
			}
			harness.Send(t, conn, harness.Head(method, path))
			e := p.AwaitLog(func(e harness.Entry) bool { return e["path"] == path })
			missing, _ = e["missing"].(string)
		}
		return missing
	}
	for _, test := range []struct{ request, missing string }{
		{"POST /containers/a/exec", ""}, // the remedy has it
		{"POST /containers/prune", ""},  // DENY
		{"GET /containers/b/json", ""},  // allowed
		{"POST /exec/c/start", "ALLOW=ContainerExec,ExecStart"},
		{"GET /info", "ALLOW=ContainerExec,ExecStart,SystemInfo"},
		{"POST /containers/d/exec", "ALLOW=ContainerExec,ExecStart,SystemInfo"},
		{"GET /containers/e/novelty", ""}, // ALLOW cannot name it
		{"GET ci:/containers/f/logs", ""},
		{"GET ci:/containers/g/stats", "CLIENT_CI_ALLOW=ImageList,ContainerLogs,ContainerStats"},
	} {
		if got := ask(test.request); got != test.missing {
			t.Errorf("%s: missing is %q, want %q", test.request, got, test.missing)
		}
	}
	p.Stop()

	p = harness.Start(t, harness.With(environ, map[string]string{"ALLOW": "ContainerExec,ExecStart,SystemInfo"}))
	for _, request := range []harness.Request{{Method: "POST", Target: "/containers/a/exec"}, {Method: "GET", Target: "/info"}} {
		if got := harness.Send(t, p.Dial(), harness.Head(request.Method, request.Target)); got.Status == 403 {
			t.Errorf("with what was missing, %v is refused", request)
		}
	}
	p.Stop()

	p = harness.Start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1"})
	if got := ask("GET /info", "GET /networks"); got != "" {
		t.Errorf("with toggles missing is %q, want none", got)
	}
}
