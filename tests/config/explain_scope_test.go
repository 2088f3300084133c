package config

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestExplainNamesTheScope asserts that explain says in words what a client sees and
// which operations it has on which names.
func TestExplainNamesTheScope(t *testing.T) {
	t.Parallel()
	settings := map[string]string{
		"CLIENT_HA_FROM": "192.0.2.1", "CLIENT_HA_CONTAINERS": "1", "CLIENT_HA_SERVICES": "1", "CLIENT_HA_SCOPE": "name=zigbee2mqtt,mosquitto",
		"CLIENT_HA_ALLOW": "ContainerRestart:zigbee2mqtt,ContainerRestart:mosquitto", "SCOPE": "mine", "CLIENT_ALL_FROM": "192.0.2.2", "CLIENT_ALL_INFO": "1", "CLIENT_ALL_SCOPE": "*",
		"CLIENT_CI_FROM": "192.0.2.3", "CLIENT_CI_INFO": "1",
	}
	for _, test := range []struct {
		args   string
		status int
		want   []string
	}{
		{"--client ha --all", 0, []string{
			"sees only containers named zigbee2mqtt or mosquitto (CLIENT_HA_SCOPE=name=zigbee2mqtt,mosquitto)", "named ContainerRestart on zigbee2mqtt, mosquitto alone",
			"ServiceList GET /services it cannot be held to a scope",
		}},
		{"", 0, []string{"sees only what it made itself (SCOPE=mine)"}},
		{"--client ci", 0, []string{"sees only what it made itself (SCOPE=mine)"}},
		{"--client ha POST /containers/zigbee2mqtt/restart", 0, []string{"on zigbee2mqtt, mosquitto alone; in the scope: containers named"}},
		{"--client ha POST /containers/traefik/restart", 1, []string{"add ContainerRestart:traefik to CLIENT_HA_ALLOW"}},
		{"--client ha ServiceList", 1, []string{"it cannot be held to a scope"}},
	} {
		r := harness.Finish(t, harness.QuickCommand(t, settings, append([]string{"explain"}, strings.Fields(test.args)...)...))
		text := strings.Join(strings.Fields(r.Stdout), " ")
		for _, want := range test.want {
			if r.Status != test.status || !strings.Contains(text, want) {
				t.Errorf("explain %s: want status %d and %q: %v", test.args, test.status, want, r)
			}
		}
	}
	r := harness.Finish(t, harness.QuickCommand(t, settings, "explain", "--client", "all"))
	if strings.Contains(r.Stdout, "  sees   only") {
		t.Errorf("explain for a client with SCOPE=*: %v", r)
	}
}

// TestGuardListsShareWithAScope asserts that no warning says that GUARD_NETWORK and
// GUARD_VOLUME have no effect where a scope is on without a guard, and one does elsewhere.
func TestGuardListsShareWithAScope(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scope, want string
	}{
		{"label=a=b", "warning: GUARD_CAP_ADD=NET_ADMIN has no effect without GUARD=1\n"},
		{"", "warning: GUARD_CAP_ADD=NET_ADMIN GUARD_NETWORK=web GUARD_VOLUME=data has no effect without GUARD=1\n"},
	} {
		r := harness.Finish(t, harness.QuickCommand(t, map[string]string{
			"CONTAINERS": "1", "SCOPE": test.scope, "GUARD_NETWORK": "web", "GUARD_VOLUME": "data", "GUARD_CAP_ADD": "NET_ADMIN",
		}, "explain"))
		var got string
		for line := range strings.Lines(r.Stdout) {
			if strings.Contains(line, "has no effect") {
				got += line
			}
		}
		if len(strings.Fields(got)) != len(strings.Fields(test.want)) || test.scope != "" && got != test.want {
			t.Errorf("SCOPE=%s: got %q, want %q", test.scope, got, test.want)
		}
	}
}
