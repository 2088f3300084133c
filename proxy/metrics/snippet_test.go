package metrics

import (
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
)

// TestSnippetIsYAML asserts that a value in a snippet is read as it is, whatever is in it.
func TestSnippetIsYAML(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"1", "0", "traefik", "caddy-docker-proxy", "SystemInfo", "ContainerList,SystemInfo", "*", "*Prune", "env", "on", "true", "null", "No", "False", "NULL", "~", "",
		"a: b", "a #b", "- a", "{x}", "[x]", "&a", "!x", `"`, `'`, `\`, "a\nPRIVILEGED: 1", "\x1b[31m", "é\u202e", "${HOME}", "$", "1e3", "0x10", "1_000", "y", "2026-11-26", "a\tb", " a ",
	} {
		var file struct{ Environment map[string]string }
		text := snippet("for client ci", []string{"CLIENT_CI_X=" + value, "Y=1"})
		err := yaml.Unmarshal([]byte(text), &file)
		// Compose reads $$ as $.
		if got := strings.ReplaceAll(file.Environment["CLIENT_CI_X"], "$$", "$"); err != nil || got != value || len(file.Environment) != 2 {
			t.Errorf("%q: %v, %v in\n%s", value, file.Environment, err, text)
		}
		var kinds struct{ Environment map[string]any }
		yaml.Unmarshal([]byte(text), &kinds)
		switch kinds.Environment["CLIENT_CI_X"].(type) {
		case string, int:
		default:
			t.Errorf("%q is a %T, which compose refuses:\n%s", value, kinds.Environment["CLIENT_CI_X"], text)
		}
	}
}

// TestLimitRemediesAreCopiedWithCare asserts that a limit's remedy becomes a snippet if
// it is one setting, and never if a client could have put more into it.
func TestLimitRemediesAreCopiedWithCare(t *testing.T) {
	t.Parallel()
	for remedy, want := range map[string]string{
		"set CLIENT_UI_REDACT=none":                     `CLIENT_UI_REDACT: "none"`,
		"set GUARD_VOLUME=/srv/ci":                      `GUARD_VOLUME: "/srv/ci"`,
		"set GUARD_VOLUME=/srv/ci,/":                    "",
		"set GUARD_VOLUME=/x and A=1":                   "",
		"set GUARD_VOLUME=/x, or A=1":                   "",
		"set GUARD_VOLUME=/x\nA: 1":                     "",
		"set GUARD_VOLUME=*":                            "",
		"set GUARD_VOLUME=${SECRET}":                    "",
		"ask for something else":                        "",
		"set GUARD_VOLUME=/" + strings.Repeat("x", 300): "",
		"": "",
	} {
		s, all := newServer("ui")
		e := event(all[1], "GET", "/_ping")
		e.Decision = e.Decision.Refuse("CLIENT_UI_REDACT=env", "its output cannot be redacted")
		e.Remedy = remedy
		s.End(e)
		page := string(s.page())
		if has := strings.Contains(page, "allow this"); has != (want != "") || !strings.Contains(strings.ReplaceAll(page, "<wbr>", ""), strings.ReplaceAll(want, `"`, "&#34;")) {
			t.Errorf("the remedy %q has a snippet: %v, want %q", remedy, has, want)
		}
		if !strings.Contains(page, "its output cannot be redacted") {
			t.Errorf("the page does not say why: %q", remedy)
		}
	}
}

// TestLimitsAreNotLacking asserts that what ALLOW_FROM and limits refuse is in no sum of
// what ALLOW would allow.
func TestLimitsAreNotLacking(t *testing.T) {
	t.Parallel()
	s, all := newServer("ui")
	for _, path := range []string{"/info", "/networks"} {
		e := event(all[1], "GET", path)
		e.Decision = e.Decision.Refuse("ALLOW_FROM", "10.0.0.1 is not in ALLOW_FROM")
		s.End(e)
	}
	stranger := event(&client.Client{Policy: acl.Compile(acl.Rules{})}, "GET", "/volumes")
	stranger.Decision = stranger.Decision.Refuse("ALLOW_FROM", "10.0.0.1 is not in ALLOW_FROM")
	s.End(stranger)
	if page := string(s.page()); strings.Contains(page, "ALLOW=") {
		t.Errorf("the page proposes an ALLOW:\n%s", page)
	}
	s.End(event(all[1], "GET", "/info"))
	s.pages.last = nil
	if page := string(s.page()); !strings.Contains(page, "ALLOW=SystemInfo") || strings.Contains(page, "NetworkList,") {
		t.Errorf("the page does not propose SystemInfo alone:\n%s", page)
	}
}

// TestOpenStreamsAreNeeds asserts that a stream counts while it is open: a program whose
// only request is its events needs them.
func TestOpenStreamsAreNeeds(t *testing.T) {
	t.Parallel()
	s, all := newServer("ui")
	c := &client.Client{Name: "ui", Policy: acl.Compile(acl.Rules{Allow: []string{"ContainerLogs"}})}
	all[1] = c
	s.counters = newCounters(all)
	e := event(c, "GET", "/containers/web/logs")
	s.Begin(e)
	if p := s.proposalFor(s.counters.of(c)); p == nil || strings.Join(p.shortest.Settings(), " ") != "ALLOW=ContainerLogs" {
		t.Errorf("while the stream is open the proposal is %+v", p)
	}
	e.Ending = proxy.Complete
	s.End(e)
	if n := s.counters.of(c).operations[s.counters.position[e.Decision.Operation.Index()]].open.Load(); n != 0 {
		t.Errorf("%d streams are open, want none", n)
	}
}

// heapInUse is the memory of what can still be reached, in bytes.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestManyPathsTakeNoMemory asserts that the page's size and the memory do not grow with
// the number of different requests.
func TestManyPathsTakeNoMemory(t *testing.T) {
	s, all := newServer("ui")
	ask := func(from, n int) {
		for i := from; i < from+n; i++ {
			id := strings.Repeat("x", 200) + string(rune('a'+i%26)) + strings.Repeat("y", i%977)
			for _, path := range []string{"/" + id, "/containers/" + id + "/json", "/containers/" + id + "/novelty"} {
				s.End(event(all[1], "GET", path))
			}
		}
	}
	ask(0, 500)
	size, heap := len(s.render()), heapInUse()
	ask(500, 20000)
	if now := len(s.render()); now > size+size/5 {
		t.Errorf("the page has %d bytes after 60,000 paths and %d after 1,500", now, size)
	}
	if now := heapInUse(); now > heap+1<<20 {
		t.Errorf("%d bytes are in use after 60,000 paths and %d after 1,500", now, heap)
	}
}
