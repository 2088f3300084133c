package learn

import (
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// TestLearnedSettingsSufficeForClients has a proxy learn the requests of three clients,
// and starts others with each of the two environments that it reports. It asserts that
// they forward these requests, that ALLOW forwards no others, and that no item of
// either can be taken away.
func TestLearnedSettingsSufficeForClients(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	requests := harness.Requests(t)
	pick := func(ids string) (some []harness.Request) {
		for id := range strings.FieldsSeq(ids) {
			i := slices.IndexFunc(requests, func(r harness.Request) bool { return r.ID == id })
			some = append(some, requests[i])
		}
		return some
	}
	asked := map[string][]harness.Request{
		"undeclared": pick("SystemPing SystemVersion ContainerList NetworkList ContainerList"),
		"manager":    pick("ContainerCreate ContainerStop ExecStart ContainerArchive"),
		"healer":     pick("ContainerRestart ContainerStop ContainerListLibpod"),
	}
	dir := harness.SocketDir(t)
	base := map[string]string{"SOCKET_PATH": socket}
	for name := range asked {
		if name != "undeclared" {
			base["CLIENT_"+strings.ToUpper(name)+"_LISTEN"] = "unix://" + filepath.Join(dir, name) + "?mode=0666"
		}
	}
	// through sends requests as each client and reports what was forwarded.
	through := func(t *testing.T, p *harness.Postern, requests func(name string) []harness.Request) map[string][]bool {
		t.Helper()
		got := map[string][]bool{}
		for name := range asked {
			conn := p.Dial
			if name != "undeclared" {
				conn = func() net.Conn { return harness.Dial(t, "unix", filepath.Join(dir, name)) }
			}
			got[name] = p.ForwardedOn(conn(), requests(name))
		}
		return got
	}
	theirs := func(name string) []harness.Request { return asked[name] }

	// What is closed by hand stays closed, so that all settings can be compared.
	learning := map[string]string{"LEARN": "1", "CONTAINERS": "1", "CLIENT_HEALER_INFO": "1"}
	for name, value := range harness.DefaultsOff {
		for _, prefix := range []string{"", "CLIENT_MANAGER_", "CLIENT_HEALER_"} {
			learning[prefix+name] = value
		}
	}
	p := harness.Start(t, harness.With(base, learning))
	for name, forwarded := range through(t, p, theirs) {
		if slices.Contains(forwarded, false) {
			t.Errorf("LEARN=1 refuses %s: %v", name, forwarded)
		}
	}
	learned := p.Learned()
	for _, settings := range []map[string]string{learned.Toggles, learned.Exact, learned.Shortest} {
		p := harness.Start(t, harness.With(base, settings))
		for name, forwarded := range through(t, p, theirs) {
			if slices.Contains(forwarded, false) {
				t.Errorf("%v: a request of %s that was learned is refused: %v", settings, name, forwarded)
			}
		}
		p.Stop()
		for _, less := range thinned(settings) {
			environ := harness.With(base, less)
			if r := harness.Run(t, environ, "explain"); r.Status == 2 {
				continue // a client that may do nothing: the start fails
			}
			p := harness.StartQuick(t, environ)
			all := slices.Concat(slices.Collect(maps.Values(through(t, p, theirs)))...)
			if !slices.Contains(all, false) {
				t.Errorf("%v can do with %v", settings, less)
			}
			p.Stop()
		}
	}
	// ALLOW has for each client the ids of its requests, and no others.
	p = harness.Start(t, harness.With(base, learned.Exact))
	for name, forwarded := range through(t, p, func(string) []harness.Request { return requests }) {
		for i, r := range requests {
			asks := slices.ContainsFunc(asked[name], func(a harness.Request) bool { return a.ID == r.ID })
			if forwarded[i] != (asks && r.ID != "") {
				t.Errorf("%s: %+v: forwarded is %v", name, r, forwarded[i])
			}
		}
	}
}

// TestLearnDenyChangesNoDecision asserts that LEARN=deny changes no decision, and
// reports the refused requests with their remedies.
func TestLearnDenyChangesNoDecision(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	requests := harness.Requests(t)
	environ := harness.With(harness.DefaultsOff, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "VERSION": "1"})
	plain := harness.Start(t, environ).Forwarded(requests)
	p := harness.Start(t, harness.With(environ, map[string]string{"LEARN": "deny"}))
	if got := p.Forwarded(requests); !slices.Equal(got, plain) {
		t.Error("LEARN=deny forwards something else than without")
	}
	learned := p.Learned()
	text := p.Stderr.String()
	for _, line := range []string{
		"#   2x POST /containers/web/restart (ContainerRestart): set ALLOW_RESTARTS=1, or POST=1, or ALLOW=ContainerRestart",
		"#   2x GET /info (SystemInfo): set INFO=1, or ALLOW=SystemInfo\n",
		"# All of these that ALLOW can name: ALLOW=",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the report has no %q", line)
		}
	}
	// The reported settings allow the forwarded requests and not the refused ones.
	exact := harness.Start(t, harness.With(map[string]string{"SOCKET_PATH": socket}, learned.Exact)).Forwarded(requests)
	for i, r := range requests {
		if exact[i] != (plain[i] && r.ID != "") {
			t.Errorf("%+v: forwarded %v before, and %v with what was learned", r, plain[i], exact[i])
		}
	}
}

// TestReportKeepsPresets asserts that the report of a client with a preset has the line
// to add and nothing in place of what is set, and that the line suffices.
func TestReportKeepsPresets(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	requests := []harness.Request{
		{Method: "GET", Target: "/containers/json"}, {Method: "GET", Target: "/v1.41/services/web"}, {Method: "GET", Target: "/tasks"},
		{Method: "POST", Target: "/containers/prune"},
	}
	environ := map[string]string{"SOCKET_PATH": socket, "PRESET": "uptime-kuma", "DENY": "*Prune"}
	for mode, forwarded := range map[string][]bool{"deny": {true, false, false, false}, "1": {true, true, true, false}} {
		p := harness.Start(t, harness.With(environ, map[string]string{"LEARN": mode}))
		if got := p.Forwarded(requests); !slices.Equal(got, forwarded) {
			t.Errorf("LEARN=%s forwards %v, want %v", mode, got, forwarded)
		}
		learned := p.Learned()
		const want = "PRESET=uptime-kuma and ALLOW=ServiceInspect,TaskList cover all of it: keep PRESET=uptime-kuma, and add ALLOW=ServiceInspect,TaskList"
		if learned.First != want {
			t.Errorf("LEARN=%s: the first line is %q, want %q", mode, learned.First, want)
		}
		if !maps.Equal(learned.Shortest, map[string]string{"ALLOW": "ServiceInspect,TaskList"}) || learned.Exact != nil || learned.Toggles != nil {
			t.Errorf("LEARN=%s: the environments are %+v, want ALLOW alone", mode, learned)
		}
		text := p.Stderr.String()
		for _, line := range []string{
			"#   leaks secrets: ServiceInspect lets a client read every Swarm service's environment\n",
			"#   1x POST /containers/prune (ContainerPrune): DENY=*Prune forbids it\n",
		} {
			if !strings.Contains(text, line) {
				t.Errorf("LEARN=%s: the report has no %q:\n%s", mode, line, text)
			}
		}
		if strings.Contains(text, "Podman") || strings.Contains(text, "LIBPOD") || strings.Contains(text, ": 0\n") {
			t.Errorf("LEARN=%s: the report tells of Podman or of zeros:\n%s", mode, text)
		}
		after := harness.Start(t, harness.With(environ, learned.Shortest)).Forwarded(requests)
		if !slices.Equal(after, []bool{true, true, true, false}) {
			t.Errorf("LEARN=%s: with the line that it proposes, forwarded is %v", mode, after)
		}
	}
}

// TestLearnForwardsHijacks asserts that LEARN=1 forwards a hijack, and that nothing is
// learned from addresses outside ALLOW_FROM or from requests that are too long.
func TestLearnForwardsHijacks(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1"})
	if got := p.Get("/containers/" + strings.Repeat("x", 600_000) + "/json").Status; got != 414 {
		t.Errorf("a URL of 600 KB gets %d, want 414", got)
	}
	conn := p.Dial()
	io.WriteString(conn, harness.Head("POST", "/v1.41/containers/web/attach?stream=1&stdin=1", "Connection: Upgrade", "Upgrade: tcp"))
	response := make([]byte, len("HTTP/1.1 101 "))
	if _, err := io.ReadFull(conn, response); err != nil || string(response) != "HTTP/1.1 101 " {
		t.Errorf("attach with Upgrade: %q, %v, want 101", response, err)
	}
	conn.Close()
	harness.AwaitRequest(t, e, func(r engine.Request) bool { return r.Ended })
	if got := p.Learned().Exact["ALLOW"]; got != "ContainerAttach" || strings.Contains(p.Stderr.String(), "xxx") {
		t.Errorf("ALLOW=%s, want ContainerAttach\n%s", got, p.Stderr.String())
	}

	outside := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1", "ALLOW_FROM": "192.0.2.1"})
	if got := outside.Get("/containers/json").Status; got != 403 {
		t.Errorf("an address outside ALLOW_FROM gets %d, want 403", got)
	}
	outside.Terminate()
	if text := outside.Stderr.String(); strings.Contains(text, "ContainerList") {
		t.Errorf("learned from an address that may not connect:\n%s", text)
	}
}

// TestNoReportWithoutLearn asserts that a proxy that learns nothing survives the
// signal that asks for a report, and says nothing.
func TestNoReportWithoutLearn(t *testing.T) {
	t.Parallel()
	p := harness.Start(t, map[string]string{"SOCKET_PATH": harness.MarkingEngine(t)})
	p.Signal(syscall.SIGUSR1)
	if got := p.Get("/version").Status; got != 200 {
		t.Errorf("GET /version after SIGUSR1: status %d, want 200", got)
	}
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
