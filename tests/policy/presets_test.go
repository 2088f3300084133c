package policy

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// programNeeds are the operations that a preset's program runs, by id, and which of
// them are guesses.
type programNeeds struct{ all, guessed map[string]bool }

// presetNeeds reads the file of presets, whose fields are separated by tabs.
func presetNeeds(t *testing.T) map[string]programNeeds {
	t.Helper()
	text, err := os.ReadFile(harness.File("acl/preset/presets.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string]programNeeds{}
	for line := range strings.Lines(string(text)) {
		if line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		n := programNeeds{map[string]bool{}, map[string]bool{}}
		for id := range strings.FieldsSeq(fields[2]) {
			n.all[id] = true
		}
		for id := range strings.FieldsSeq(fields[3]) {
			n.all[id], n.guessed[id] = true, true
		}
		needs[fields[0]] = n
	}
	return needs
}

// TestPresetsAllowTheirProgramsOnly sends under each preset every operation of
// Docker and Podman: those of its program are forwarded, all others are refused.
func TestPresetsAllowTheirProgramsOnly(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	requests := harness.Requests(t)
	needs := presetNeeds(t)
	if listed := listedPresets(t); !slices.Equal(listed, slices.Sorted(maps.Keys(needs))) {
		t.Errorf("postern presets lists %q, want %q", listed, slices.Sorted(maps.Keys(needs)))
	}
	for name, need := range needs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := harness.Start(t, harness.With(harness.DefaultsOff, map[string]string{"SOCKET_PATH": socket, "PRESET": name}))
			for i, forwarded := range p.Forwarded(requests) {
				if r := requests[i]; forwarded != need.all[r.ID] {
					t.Errorf("PRESET=%s: %+v: forwarded is %v, want %v", name, r, forwarded, need.all[r.ID])
				}
			}
			checkDescribed(t, name, need)
		})
	}
}

// listedPresets are the names that postern presets prints, a line each.
func listedPresets(t *testing.T) []string {
	t.Helper()
	r := harness.Run(t, nil, "presets")
	table, _, _ := strings.Cut(r.Stdout, "\n\n")
	var names []string
	for line := range strings.Lines(table) {
		names = append(names, strings.Fields(line)[0])
		if len(line) > 140 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	if r.Status != 0 {
		t.Errorf("status %d", r.Status)
	}
	return names
}

// checkDescribed asserts that postern presets prints an ALLOW that is as good
// as the preset, where it can be checked, and which of it are guesses.
func checkDescribed(t *testing.T, name string, need programNeeds) {
	t.Helper()
	r := harness.Run(t, nil, "presets", name)
	allow := regexp.MustCompile(`(?m)^ALLOW=(.*)$`).FindStringSubmatch(r.Stdout)
	if allow == nil || !strings.Contains(r.Stdout, "\nsource ") || !strings.Contains(r.Stdout, "\nchecked ") {
		t.Fatalf("postern presets %s prints\n%s", name, r)
	}
	ids := strings.Split(allow[1], ",")
	slices.Sort(ids)
	if !slices.Equal(ids, slices.Sorted(maps.Keys(need.all))) {
		t.Errorf("presets %s prints ALLOW=%s, want %q", name, allow[1], slices.Sorted(maps.Keys(need.all)))
	}
	guesses := regexp.MustCompile(`(?m)^guesses +(.*?)(?: are not in .*| none: .*)?$`).FindStringSubmatch(r.Stdout)
	if guesses == nil {
		t.Fatalf("postern presets %s says nothing of guesses:\n%s", name, r.Stdout)
	}
	marked := map[string]bool{}
	for _, id := range strings.Split(guesses[1], ", ") {
		if need.all[id] {
			marked[id] = true
		}
	}
	if !maps.Equal(marked, need.guessed) {
		t.Errorf("presets %s marks %v as guesses, want %v", name, marked, need.guessed)
	}
	explained := harness.Run(t, map[string]string{"ALLOW": allow[1]}, "explain").Stdout
	warned := strings.Contains(explained, "warning: root on the host")
	if got := strings.Contains(r.Stdout, "root on the host"); got != warned {
		t.Errorf("presets %s warns of root on the host: %v, explain: %v", name, got, warned)
	}
}

// TestPresetsWithOtherSettings asserts how a preset goes with the other settings, and
// which rule is named.
func TestPresetsWithOtherSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ environ, request, want string }{
		{"PRESET=traefik", "GET /containers/json", "allowed: GET /containers/json (ContainerList) by PRESET=traefik\n"},
		{"PRESET=dozzle,traefik", "GET /v1.51/containers/web/logs", "allowed: GET /containers/web/logs (ContainerLogs) by PRESET=dozzle\n"},
		{"PRESET=dozzle,traefik", "GET /containers/json", "allowed: GET /containers/json (ContainerList) by PRESET=dozzle\n"},
		{"PRESET=traefik", "GET /info", "refused: GET /info (SystemInfo) by INFO=0: add ALLOW=SystemInfo, or set INFO=1"},
		// Toggles add.
		{"PRESET=traefik INFO=1", "GET /info", "allowed: GET /info (SystemInfo) by INFO=1\n"},
		{"PRESET=traefik CONTAINERS=0 EVENTS=0", "GET /events", "allowed: GET /events (SystemEvents) by PRESET=traefik\n"},
		{"PRESET=traefik ALLOW=Container*", "GET /containers/json", "allowed: GET /containers/json (ContainerList) by ALLOW=Container*\n"},
		// DENY cuts.
		{"PRESET=traefik DENY=ContainerInspect", "GET /containers/web/json", "refused: GET /containers/web/json (ContainerInspect) by DENY=ContainerInspect: DENY=ContainerInspect forbids it\n"},
		// Behind a client's prefix.
		{"CLIENT_A_FROM=192.0.2.1 CLIENT_A_PRESET=traefik", "--client a GET /containers/json", "allowed: GET /containers/json (ContainerList) by CLIENT_A_PRESET=traefik\n"},
		{"CLIENT_A_FROM=192.0.2.1 CLIENT_A_PRESET=traefik", "GET /containers/json", "refused: GET /containers/json (ContainerList) by CONTAINERS=0: "},
		// A preset stands for operations, not for what a newer engine may have.
		{"PRESET=portainer", "GET /containers/web/novelty", "refused: GET /containers/web/novelty by CONTAINERS=0: set CONTAINERS=1\n"},
		// Nor for what a start could do in old APIs.
		{"PRESET=dozzle-actions", "POST /v1.23/containers/web/start", "refused: POST /containers/web/start (ContainerStart) by CONTAINERS=0: set CONTAINERS=1 and POST=1\n"},
	} {
		environ := map[string]string{}
		for setting := range strings.FieldsSeq(test.environ) {
			name, value, _ := strings.Cut(setting, "=")
			environ[name] = value
		}
		if r := harness.Run(t, environ, append([]string{"explain"}, strings.Fields(test.request)...)...); !strings.HasPrefix(r.Stdout, test.want) {
			t.Errorf("%q explain %s: %s\nwant %s", test.environ, test.request, r, test.want)
		}
	}
}

// TestIneffectiveRefusalIsAWarning asserts a warning where a toggle that is to
// refuse an operation refuses nothing, and none where it does.
func TestIneffectiveRefusalIsAWarning(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, test := range []struct {
		environ string
		want    []string
	}{
		{"PRESET=dozzle ALLOW_LOGS=0", []string{"ALLOW_LOGS=0 does not refuse ContainerLogs, which PRESET=dozzle allows: DENY=ContainerLogs does"}},
		{"ALLOW=*Top,ContainerList ALLOW_TOP=no ALLOW_EXPORT=0", []string{
			"ALLOW_TOP=0 does not refuse ContainerTop, which ALLOW=*Top allows: DENY=ContainerTop does"}},
		{"PRESET=dozzle ALLOW_LOGS=0 DENY=*Logs", nil},
		{"PRESET=dozzle CONTAINERS=1 ALLOW_TOP=0", nil},
		{"PRESET=traefik CONTAINERS=0 ALLOW_LOGS=0 ALLOW_START=0", nil},
		{"ALLOW_LOGS=0 CLIENT_A_FROM=192.0.2.1 CLIENT_A_PRESET=dozzle CLIENT_A_ALLOW_LOGS=0", []string{
			"CLIENT_A_ALLOW_LOGS=0 does not refuse ContainerLogs, which CLIENT_A_PRESET=dozzle allows: CLIENT_A_DENY=ContainerLogs does"}},
	} {
		environ := map[string]string{"SOCKET_PATH": socket}
		for setting := range strings.FieldsSeq(test.environ) {
			name, value, _ := strings.Cut(setting, "=")
			environ[name] = value
		}
		p := harness.Start(t, environ)
		var got []string
		for _, e := range p.Log() {
			if message := e["message"].(string); e["level"] == "warn" && e["danger"] == nil {
				got = append(got, message)
			}
		}
		p.Stop()
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: warnings %q, want %q", test.environ, got, test.want)
		}
	}
}
