package learn

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestReportsAreWrittenOnSignalAndExit asserts when a report is written, what the
// log has meanwhile, and that the health check is not recorded.
func TestReportsAreWrittenOnSignalAndExit(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1", "CONTAINERS": "1", "DENY": "*Prune"})
	p.AwaitLog(func(e harness.Entry) bool {
		return e["level"] == "warn" && strings.HasPrefix(e["message"].(string), "LEARN=1: nothing is refused")
	})
	if r := harness.Run(t, map[string]string{"LISTEN": "tcp://" + p.Addr}, "healthcheck"); r.Status != 0 {
		t.Errorf("healthcheck: %v", r)
	}
	p.Get("/v1.41/containers/json?all=secret")
	p.Get("/v1.41/containers/json")
	harness.Send(t, p.Dial(), harness.Head("POST", "/v1.41/containers/web/restart"))
	harness.Send(t, p.Dial(), harness.Head("POST", "/v1.41/containers/prune"))
	p.Get("/debug/pprof/")
	// A path that would break out of a comment.
	p.Get("/containers/x%0a%0d%E2%80%A8%20%20%20%20%20%20EVIL%3A%201%0a/novelty")

	e := p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "learned" && e["operation"] == "ContainerRestart" })
	for field, want := range map[string]any{
		"method": "POST", "path": "/v1.41/containers/web/restart", "decision": "allowed",
		"set": []any{"PRESET=autoheal", "DENY=*Prune"},
		"or":  []any{"ALLOW=ContainerList,ContainerRestart"},
	} {
		if got := e[field]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	p.AwaitLog(func(e harness.Entry) bool { return e["operation"] == "ContainerRestart" && e["rule"] == "LEARN=1" })
	p.AwaitLog(func(e harness.Entry) bool {
		return e["message"] == "learned" && e["remedy"] == "DENY=*Prune forbids it"
	})

	// One warning says that everything is open: a line for each danger would hide it.
	for _, e := range p.Log() {
		if e["danger"] != nil {
			t.Errorf("a warning for each danger of LEARN=1: %v", e)
			break
		}
	}
	if p.Stderr.String() != "" {
		t.Errorf("a report before the signal: %s", p.Stderr.String())
	}
	p.Signal(syscall.SIGUSR1)
	harness.Await(t, "report", func() bool { return strings.Contains(p.Stderr.String(), "no setting allows it") })
	p.Terminate()
	text := p.Stderr.String()
	reports := p.Reports()
	if len(reports) != 2 || !maps.Equal(reports[0].Toggles, reports[1].Toggles) {
		t.Errorf("%d reports, want one on SIGUSR1 and the same at exit:\n%s", len(reports), text)
	}
	want := map[string]string{"CONTAINERS": "1", "ALLOW_RESTARTS": "1", "DENY": "*Prune"}
	if got := reports[0].Toggles; !maps.Equal(got, want) {
		t.Errorf("toggles %v, want %v", got, want)
	}
	more := operations(t, reports[0].Toggles) - operations(t, reports[0].Exact)
	if line := fmt.Sprintf("# 2. By toggles, which open %d operations more than were asked for:\n", more); more < 1 || !strings.Contains(text, line) {
		t.Errorf("the report has no %q:\n%s", line, text)
	}
	for _, line := range []string{
		"#   2x GET /containers/json (ContainerList), allowed already\n",
		"#   1x POST /containers/web/restart (ContainerRestart)\n",
		`      # not in it, for ALLOW cannot name it: 1x GET /containers/x\n\r\u2028      EVIL: 1\n/novelty; `,
		"\n# Refused, and in none of these:\n#   1x POST /containers/prune (ContainerPrune): DENY=*Prune forbids it\n#   1x GET /debug/pprof/: no setting allows it\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the report has no %q:\n%s", line, text)
		}
	}
	if strings.Contains(text, "all=secret") || strings.Contains(text, "_ping") {
		t.Errorf("the report has a query, or the health check:\n%s", text)
	}
}

// TestReportWithoutRequests asserts that a report says for each client that it has sent
// no request, and that such settings would keep postern from starting.
func TestReportWithoutRequests(t *testing.T) {
	t.Parallel()
	base := map[string]string{"SOCKET_PATH": harness.MarkingEngine(t), "CLIENT_IDLE_LISTEN": "unix://" + filepath.Join(harness.SocketDir(t), "idle")}
	p := harness.Start(t, harness.With(base, map[string]string{"LEARN": "1", "CLIENT_IDLE_INFO": "1"}))
	p.Get("/info")
	learned := p.Learned()
	const (
		head = "# LEARN=1: the shortest settings, for each client:\n# all clients that are not declared: ALLOW=SystemInfo covers all of it\n# client idle: nothing was asked for\n"
		seen = "# all clients that are not declared:\n#   1x GET /info (SystemInfo)\n# client idle:\n#   nothing was forwarded\n"
		idle = "      # client idle\n" +
			"      # nothing to set, and with nothing postern does not start: give it something, or take CLIENT_IDLE_FROM and CLIENT_IDLE_LISTEN away\n"
	)
	if text := p.Stderr.String(); !strings.HasPrefix(text, head) || !strings.Contains(text, seen) || strings.Count(text, idle) != 2 {
		t.Errorf("the report does not have\n%s%sand twice\n%sbut is\n%s", head, seen, idle, text)
	}
	for _, settings := range []map[string]string{learned.Toggles, learned.Exact} {
		if r := harness.Run(t, harness.With(base, settings), "serve"); r.Status != 2 || !strings.Contains(r.Stderr, "client idle may do nothing") {
			t.Errorf("with %v: %v, want no start", settings, r)
		}
		delete(settings, "CLIENT_IDLE_LISTEN")
		if r := harness.Run(t, settings, "explain", "GET", "/info"); r.Status != 0 {
			t.Errorf("without the client, and with %v: %v", settings, r)
		}
	}
}

// operations is how many a proxy with the settings allows.
func operations(t *testing.T, settings map[string]string) (n int) {
	t.Helper()
	r := harness.Run(t, settings, "explain")
	if _, err := fmt.Sscanf(r.Stdout, "Clients may run %d of", &n); err != nil {
		t.Fatalf("%v in %v", err, r)
	}
	return n
}
