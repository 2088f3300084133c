package tests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/engine"
)

// learnedSettings are the two environments of a report.
type learnedSettings struct{ toggles, exact map[string]string }

// reports reads the reports that a proxy has written to stderr.
func (p *postern) reports() []learnedSettings {
	p.t.Helper()
	return readReports(p.t, p.stderr.String())
}

// readReports reads what a proxy has written to stderr: reports, each of which
// is two YAML documents, and nothing else.
func readReports(t *testing.T, text string) (all []learnedSettings) {
	t.Helper()
	const head = "# LEARN="
	if !strings.HasPrefix(text, head) {
		t.Fatalf("no report on stderr: %q", text)
	}
	for report := range strings.SplitSeq(strings.TrimPrefix(text, head), "\n"+head) {
		decoder := yaml.NewDecoder(strings.NewReader(head + report))
		var documents []map[string]string
		for {
			var d struct{ Environment map[string]string }
			err := decoder.Decode(&d)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in the report\n%s", err, report)
			}
			documents = append(documents, d.Environment)
		}
		if len(documents) != 2 || documents[0] == nil || documents[1] == nil {
			t.Fatalf("%d environments, want 2, in the report\n%s", len(documents), report)
		}
		all = append(all, learnedSettings{documents[0], documents[1]})
	}
	return all
}

// learned is the report of a proxy that it ends.
func (p *postern) learned() learnedSettings {
	p.t.Helper()
	p.terminate()
	reports := p.reports()
	return reports[len(reports)-1]
}

// thinned are the settings with one item less each: a toggle, or an id of an
// ALLOW. What is left of an ALLOW may be nothing.
func thinned(settings map[string]string) (all []map[string]string) {
	for name, value := range settings {
		if value == "0" {
			continue // takes away itself
		}
		items := strings.Split(value, ",")
		for i := range items {
			less := maps.Clone(settings)
			less[name] = strings.Join(slices.Delete(slices.Clone(items), i, i+1), ",")
			all = append(all, less)
		}
	}
	return all
}

// TestLearn has a proxy learn what three clients ask, and starts others with
// each of the two environments that it reports: they forward what was asked;
// ALLOW forwards no more; nothing of either can be taken away.
func TestLearn(t *testing.T) {
	t.Parallel()
	socket := forwardedEngine(t)
	requests := modelRequests(t)
	pick := func(ids string) (some []modelRequest) {
		for id := range strings.FieldsSeq(ids) {
			i := slices.IndexFunc(requests, func(r modelRequest) bool { return r.id == id })
			some = append(some, requests[i])
		}
		return some
	}
	asked := map[string][]modelRequest{
		"everybody": pick("SystemPing SystemVersion ContainerList NetworkList ContainerList"),
		"manager":   pick("ContainerCreate ContainerStop ExecStart ContainerArchive"),
		"healer":    pick("ContainerRestart ContainerStop ContainerListLibpod"),
	}
	dir := socketDir(t)
	base := map[string]string{"SOCKET_PATH": socket}
	for name := range asked {
		if name != "everybody" {
			base["CLIENT_"+strings.ToUpper(name)+"_LISTEN"] = "unix://" + filepath.Join(dir, name) + "?mode=0666"
		}
	}
	// through sends requests as each client and reports what was forwarded.
	through := func(t *testing.T, p *postern, requests func(name string) []modelRequest) map[string][]bool {
		t.Helper()
		got := map[string][]bool{}
		for name := range asked {
			conn := p.dial
			if name != "everybody" {
				conn = func() net.Conn { return dial(t, "unix", filepath.Join(dir, name)) }
			}
			got[name] = p.forwardedOn(conn(), requests(name))
		}
		return got
	}
	theirs := func(name string) []modelRequest { return asked[name] }

	p := start(t, with(base, map[string]string{"LEARN": "1", "CONTAINERS": "1", "CLIENT_HEALER_INFO": "1"}))
	for name, forwarded := range through(t, p, theirs) {
		if slices.Contains(forwarded, false) {
			t.Errorf("LEARN=1 refuses %s: %v", name, forwarded)
		}
	}
	learned := p.learned()
	for _, settings := range []map[string]string{learned.toggles, learned.exact} {
		p := start(t, with(base, settings))
		for name, forwarded := range through(t, p, theirs) {
			if slices.Contains(forwarded, false) {
				t.Errorf("%v: %s is refused what it asked for: %v", settings, name, forwarded)
			}
		}
		p.stop()
		for _, less := range thinned(settings) {
			environ := with(base, less)
			if r := run(t, environ, "explain"); r.status == 2 {
				continue // a client that may do nothing: the start fails
			}
			p := start(t, environ)
			all := slices.Concat(slices.Collect(maps.Values(through(t, p, theirs)))...)
			if !slices.Contains(all, false) {
				t.Errorf("%v can do with %v", settings, less)
			}
			p.stop()
		}
	}
	// Exactly: for each client the ids it asked for, and no path without one.
	p = start(t, with(base, learned.exact))
	for name, forwarded := range through(t, p, func(string) []modelRequest { return requests }) {
		for i, r := range requests {
			asks := slices.ContainsFunc(asked[name], func(a modelRequest) bool { return a.id == r.id })
			if forwarded[i] != (asks && r.id != "") {
				t.Errorf("%s: %+v: forwarded is %v", name, r, forwarded[i])
			}
		}
	}
}

// TestLearnReports asserts when a report is written, what the log says
// meanwhile, and that the health check is no client.
func TestLearnReports(t *testing.T) {
	t.Parallel()
	socket := forwardedEngine(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1", "CONTAINERS": "1", "DENY": "*Prune"})
	p.awaitLog(func(e entry) bool {
		return e["level"] == "warn" && strings.HasPrefix(e["message"].(string), "LEARN=1: nothing is refused")
	})
	if r := run(t, map[string]string{"LISTEN": "tcp://" + p.addr}, "healthcheck"); r.status != 0 {
		t.Errorf("healthcheck: %v", r)
	}
	p.get("/v1.41/containers/json?all=secret")
	p.get("/v1.41/containers/json")
	send(t, p.dial(), head("POST", "/v1.41/containers/web/restart"))
	send(t, p.dial(), head("POST", "/v1.41/containers/prune"))
	p.get("/debug/pprof/")
	// A path that would break out of a comment.
	p.get("/containers/x%0a%0d%E2%80%A8%20%20%20%20%20%20EVIL%3A%201%0a/novelty")

	e := p.awaitLog(func(e entry) bool { return e["message"] == "learned" && e["operation"] == "ContainerRestart" })
	for field, want := range map[string]any{
		"method": "POST", "path": "/v1.41/containers/web/restart", "decision": "allowed",
		"set": []any{"EVENTS=0", "PING=0", "VERSION=0", "CONTAINERS=1", "LIBPOD_PING=0", "LIBPOD_VERSION=0", "ALLOW_RESTARTS=1", "DENY=*Prune"},
		"or":  []any{"EVENTS=0", "PING=0", "VERSION=0", "LIBPOD_PING=0", "LIBPOD_VERSION=0", "ALLOW=ContainerList,ContainerRestart"},
	} {
		if got := e[field]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	p.awaitLog(func(e entry) bool { return e["operation"] == "ContainerRestart" && e["rule"] == "LEARN=1" })
	p.awaitLog(func(e entry) bool { return e["message"] == "learned" && e["remedy"] == "DENY=*Prune forbids it" })

	// Everything is open, which has been said once: 40 lines would hide it.
	p.mu.Lock()
	for _, e := range p.log {
		if e["danger"] != nil {
			t.Errorf("a warning for each danger of LEARN=1: %v", e)
			break
		}
	}
	p.mu.Unlock()
	if p.stderr.String() != "" {
		t.Errorf("a report before anybody asked: %s", p.stderr.String())
	}
	if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	await(t, "report", func() bool { return strings.Contains(p.stderr.String(), "no setting allows it") })
	p.terminate()
	text := p.stderr.String()
	reports := p.reports()
	if len(reports) != 2 || !maps.Equal(reports[0].toggles, reports[1].toggles) {
		t.Errorf("%d reports, want one on SIGUSR1 and the same at exit:\n%s", len(reports), text)
	}
	want := map[string]string{
		"EVENTS": "0", "PING": "0", "VERSION": "0", "LIBPOD_PING": "0", "LIBPOD_VERSION": "0",
		"CONTAINERS": "1", "ALLOW_RESTARTS": "1", "DENY": "*Prune",
	}
	if got := reports[0].toggles; !maps.Equal(got, want) {
		t.Errorf("toggles %v, want %v", got, want)
	}
	more := operations(t, reports[0].toggles) - operations(t, reports[0].exact)
	if line := fmt.Sprintf("# 1. By toggles, which open %d operations more than were asked for:\n", more); more < 1 || !strings.Contains(text, line) {
		t.Errorf("the report has no %q:\n%s", line, text)
	}
	for _, line := range []string{
		"      # 2x GET /containers/json (ContainerList), allowed already\n",
		"      # 1x POST /containers/web/restart (ContainerRestart)\n",
		`      # not in it, for ALLOW cannot name it: 1x GET /containers/x\n\r\u2028      EVIL: 1\n/novelty; `,
		"\n# Refused, and in neither:\n#   1x POST /containers/prune (ContainerPrune): DENY=*Prune forbids it\n#   1x GET /debug/pprof/: no setting allows it\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the report has no %q:\n%s", line, text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "_ping") {
		t.Errorf("the report has a query, or the health check:\n%s", text)
	}
}

// TestNothingToReport asserts that a proxy that learns nothing survives the
// signal that asks for a report, and says nothing.
func TestNothingToReport(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"SOCKET_PATH": forwardedEngine(t)})
	if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if got := p.get("/version").status; got != 200 {
		t.Errorf("GET /version after SIGUSR1: status %d, want 200", got)
	}
}

// TestLearnDeny asserts that LEARN=deny changes no verdict, and reports what
// was refused and what would allow it.
func TestLearnDeny(t *testing.T) {
	t.Parallel()
	socket := forwardedEngine(t)
	requests := modelRequests(t)
	environ := map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "PRESET": "diun"}
	plain := start(t, environ).forwarded(requests)
	p := start(t, with(environ, map[string]string{"LEARN": "deny"}))
	if got := p.forwarded(requests); !slices.Equal(got, plain) {
		t.Error("LEARN=deny forwards something else than without")
	}
	learned := p.learned()
	text := p.stderr.String()
	for _, line := range []string{
		"#   2x POST /containers/web/restart (ContainerRestart): set ALLOW_RESTARTS=1, or POST=1, or ALLOW=ContainerRestart",
		"#   2x GET /info (SystemInfo): set INFO=1, or ALLOW=SystemInfo\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the report has no %q", line)
		}
	}
	// What it prints allows what was forwarded, and what was refused it does not.
	exact := start(t, with(map[string]string{"SOCKET_PATH": socket}, learned.exact)).forwarded(requests)
	for i, r := range requests {
		if exact[i] != (plain[i] && r.id != "") {
			t.Errorf("%+v: forwarded %v before, and %v with what was learned", r, plain[i], exact[i])
		}
	}
}

// TestLearnHijacks asserts that connections leave HTTP under LEARN=1 as if it
// had been allowed, and that nothing is learned from strangers or requests that
// are refused for their length.
func TestLearnHijacks(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1"})
	if got := p.get("/containers/" + strings.Repeat("x", 70_000) + "/json").status; got != 414 {
		t.Errorf("a URL of 70 KB gets %d, want 414", got)
	}
	conn := p.dial()
	io.WriteString(conn, head("POST", "/v1.41/containers/web/attach?stream=1&stdin=1", "Connection: Upgrade", "Upgrade: tcp"))
	answer := make([]byte, len("HTTP/1.1 101 "))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 101 " {
		t.Errorf("attach with Upgrade: %q, %v, want 101", answer, err)
	}
	conn.Close()
	awaitRequest(t, e, func(r engine.Request) bool { return r.Ended })
	if got := p.learned().exact["ALLOW"]; got != "ContainerAttach" || strings.Contains(p.stderr.String(), "xxx") {
		t.Errorf("ALLOW=%s, want ContainerAttach\n%s", got, p.stderr.String())
	}

	outside := start(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1", "ALLOW_FROM": "192.0.2.1"})
	if got := outside.get("/containers/json").status; got != 403 {
		t.Errorf("a stranger gets %d, want 403", got)
	}
	outside.terminate()
	if text := outside.stderr.String(); strings.Contains(text, "ContainerList") {
		t.Errorf("learned from somebody who may not connect:\n%s", text)
	}
}

// TestLearnedCompose pastes what a proxy reports into a compose file.
func TestLearnedCompose(t *testing.T) {
	t.Parallel()
	const program = "/usr/bin/docker-compose"
	if _, err := os.Stat(program); err != nil {
		missing(t, "docker-compose 1.29", err)
	}
	p := start(t, map[string]string{"SOCKET_PATH": forwardedEngine(t), "LEARN": "1", "DENY": "*Prune"})
	p.get("/containers/json")
	send(t, p.dial(), head("POST", "/containers/web/stop"))
	learned := p.learned()
	for i, document := range strings.Split(p.stderr.String(), "---\n") {
		file := filepath.Join(t.TempDir(), "docker-compose.yml")
		text := "version: '3'\nservices:\n  postern:\n    image: postern\n" + document + "    read_only: true\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, complaint bytes.Buffer
		cmd := exec.CommandContext(t.Context(), program, "-f", file, "config")
		cmd.Stdout, cmd.Stderr = &out, &complaint
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, complaint.String(), text)
		}
		var config struct {
			Services map[string]struct{ Environment map[string]string }
		}
		if err := yaml.Unmarshal(out.Bytes(), &config); err != nil {
			t.Fatal(err)
		}
		want := []map[string]string{learned.toggles, learned.exact}[i]
		if got := config.Services["postern"].Environment; !maps.Equal(got, want) {
			t.Errorf("docker-compose reads %v, want %v", got, want)
		}
	}
}

// TestLearnNothing asserts that a report of which nothing can be learned yet
// says so, for each client, and what then keeps postern from starting.
func TestLearnNothing(t *testing.T) {
	t.Parallel()
	base := map[string]string{"SOCKET_PATH": forwardedEngine(t), "CLIENT_IDLE_LISTEN": "unix://" + filepath.Join(socketDir(t), "idle")}
	p := start(t, with(base, map[string]string{"LEARN": "1", "CLIENT_IDLE_INFO": "1"}))
	p.get("/info")
	learned := p.learned()
	const (
		everybody = "      # everybody who is no declared client\n      # 1x GET /info (SystemInfo)\n"
		idle      = "      # client idle\n      # nothing was forwarded\n" +
			"      # nothing to set, and with nothing postern does not start: give it something, or take CLIENT_IDLE_FROM and CLIENT_IDLE_LISTEN away\n"
	)
	if text := p.stderr.String(); strings.Count(text, idle) != 2 || strings.Count(text, everybody) != 2 {
		t.Errorf("the report does not have twice\n%s%sbut is\n%s", everybody, idle, text)
	}
	for _, settings := range []map[string]string{learned.toggles, learned.exact} {
		if r := run(t, with(base, settings), "serve"); r.status != 2 || !strings.Contains(r.stderr, "client idle may do nothing") {
			t.Errorf("with %v: %v, want no start", settings, r)
		}
		delete(settings, "CLIENT_IDLE_LISTEN")
		if r := run(t, settings, "explain", "GET", "/info"); r.status != 0 {
			t.Errorf("without the client, and with %v: %v", settings, r)
		}
	}
}

// operations is how many a proxy with the settings allows.
func operations(t *testing.T, settings map[string]string) (n int) {
	t.Helper()
	r := run(t, settings, "explain")
	if _, err := fmt.Sscanf(r.stdout, "Clients may run %d of", &n); err != nil {
		t.Fatalf("%v in %v", err, r)
	}
	return n
}
