package advise_test

import (
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/advise"
)

// TestShortestOfPrograms asserts what is proposed for the requests of typical programs.
func TestShortestOfPrograms(t *testing.T) {
	t.Parallel()
	const (
		traefik  = "HEAD /_ping, GET /version, GET /events, GET /containers/json, GET /containers/a/json"
		homepage = "GET /containers/json, GET /containers/a/json, GET /containers/a/stats, GET /services, GET /services/a, GET /tasks"
	)
	for _, test := range []struct{ settings, used, keep, set string }{
		{"", "", "", ""},
		{"", "GET /_ping, GET /version", "", ""},
		{"", traefik, "", "PRESET=traefik"},
		{"", "HEAD /_ping, GET /containers/json, GET /networks", "", "PRESET=prometheus"},
		{"", homepage, "", "PRESET=homepage"},
		// One operation more than the preset has.
		{"", homepage + ", GET /volumes", "", "PRESET=homepage ALLOW=VolumeList"},
		// Too few for a preset, or too far from every one.
		{"", "GET /containers/json", "", "ALLOW=ContainerList"},
		{"", "GET /containers/json, POST /containers/a/kill", "", "ALLOW=ContainerList,ContainerKill"},
		{"", "POST /plugins/a/enable, GET /volumes, GET /swarm", "", "ALLOW=VolumeList,SwarmInspect,PluginEnable"},
		// ALLOW cannot name it.
		{"", "GET /containers/json, GET /containers/a/novelty", "", "CONTAINERS=1"},
		// Zeros of the user stay, and SystemPing goes with SystemPingHead.
		{"PING=0", "HEAD /_ping, GET /info", "", "PING=0 ALLOW=SystemPingHead,SystemPing,SystemInfo"},
		{"EVENTS=0 PING=0 VERSION=0", traefik, "", "EVENTS=0 PING=0 VERSION=0 PRESET=traefik"},
		{"DENY=*Prune", traefik, "", "PRESET=traefik DENY=*Prune"},
		{"DENY=*Ping*", "GET /info", "", "ALLOW=SystemInfo DENY=*Ping*"},
		// Presets stay, and get what they lack.
		{"PRESET=traefik", traefik, "PRESET=traefik", ""},
		{"PRESET=traefik,dozzle", traefik, "PRESET=traefik,dozzle", ""},
		{"PRESET=uptime-kuma", homepage, "PRESET=uptime-kuma", "ALLOW=ContainerStats,ServiceList,ServiceInspect,TaskList"},
		{"PRESET=traefik ALLOW=SystemInfo", "GET /networks", "PRESET=traefik", "ALLOW=SystemInfo,NetworkList"},
		{"PRESET=traefik ALLOW=SystemInfo", "GET /info", "PRESET=traefik ALLOW=SystemInfo", ""},
		{"PRESET=traefik CONTAINERS=1", "GET /containers/a/logs", "PRESET=traefik", ""},
		{"PRESET=traefik", "PATCH /images/a", "PRESET=traefik", "IMAGES=1 POST=1"},
		{"PRESET=uptime-kuma PING=0", "HEAD /_ping", "PRESET=uptime-kuma", "ALLOW=SystemPingHead,SystemPing"},
	} {
		rules := settings(t, test.settings).Rules()
		var used []string
		if test.used != "" {
			used = strings.Split(test.used, ", ")
		}
		needs, forwarded := learn(rules, used)
		p := advise.Shortest(rules, needs)
		if keep, set := strings.Join(p.Keep, " "), strings.Join(p.Set, " "); keep != test.keep || set != test.set {
			t.Errorf("%q, %q: keep %q and set %q, want %q and %q", test.settings, test.used, keep, set, test.keep, test.set)
		}
		whole := strings.Join(p.Set, " ")
		if len(p.Keep) > 0 {
			whole = test.settings + " " + whole
		}
		if lost := refused(settings(t, whole), forwarded); len(lost) > 0 {
			t.Errorf("%q refuses %q", whole, lost)
		}
	}
}

// TestShortestNamesAWiderPreset asserts that a preset is named beside ALLOW when the
// client has used a part of it only.
func TestShortestNamesAWiderPreset(t *testing.T) {
	t.Parallel()
	needs, _ := learn(acl.Rules{}, strings.Split("HEAD /_ping, GET /info, POST /containers/create, POST /containers/a/start, "+
		"GET /containers/a/json, GET /containers/a/logs, DELETE /containers/a, POST /containers/a/exec, POST /exec/a/start, GET /exec/a/json, "+
		"PUT /containers/a/archive, POST /containers/a/stop", ", "))
	p := advise.Shortest(acl.Rules{}, needs)
	if p.Wider != "testcontainers" || p.WiderBy == 0 || len(p.Set) != 1 || !strings.HasPrefix(p.Set[0], "ALLOW=") {
		t.Errorf("got %+v, want ALLOW, and testcontainers as the wider one", p)
	}
}

// TestRemedyBesidePreset asserts that ALLOW comes first where PRESET or ALLOW is all
// that is set, with the operations that the preset's note names together.
func TestRemedyBesidePreset(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ settings, request, want string }{
		{"PRESET=traefik", "GET /info", "add ALLOW=SystemInfo, or set INFO=1"},
		{"PRESET=traefik ALLOW=ImageList", "GET /info", "add SystemInfo to ALLOW, or set INFO=1"},
		{"PRESET=traefik CONTAINERS=0 POST=0 PING=1", "GET /info", "add ALLOW=SystemInfo, or set INFO=1"},
		{"PRESET=traefik PING=0 DENY=SystemInfo", "GET /info", "DENY=SystemInfo forbids it"},
		{"PRESET=watchtower", "POST /containers/a/exec", "add ALLOW=ContainerExec,ExecStart,ExecInspect, or set CONTAINERS=1 and EXEC=1 and POST=1"},
		{"PRESET=uptime-kuma PING=0", "HEAD /_ping", "add ALLOW=SystemPingHead,SystemPing, or set PING=1"},
		{"PRESET=traefik", "GET /images/a/novelty", "set IMAGES=1"},
		// Who sets toggles thinks in toggles.
		{"PRESET=traefik IMAGES=1", "GET /info", "set INFO=1, or ALLOW=SystemInfo"},
		{"PRESET=traefik ALLOW_START=1", "GET /info", "set INFO=1, or ALLOW=SystemInfo"},
	} {
		policy := settings(t, test.settings)
		if got := advise.RemedyFor(policy, decide(policy, test.request)).Text; got != test.want {
			t.Errorf("%q, %s: %q, want %q", test.settings, test.request, got, test.want)
		}
	}
}
