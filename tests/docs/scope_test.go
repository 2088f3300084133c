package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestScopeExample asserts that the example of docs/scope.md is accepted, and amounts to
// what the page says.
func TestScopeExample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(harness.File("docs/scope.md"))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	block, _, _ := strings.Cut(string(page[strings.Index(string(page), "environment:"):]), "```")
	for _, m := range regexp.MustCompile(`(?m)^  ([A-Z_]+): (.*)$`).FindAllStringSubmatch(block, -1) {
		settings[m[1]] = m[2]
	}
	if len(settings) < 15 {
		t.Fatalf("the example has %d variables", len(settings))
	}
	for client, want := range map[string]string{
		"ha":     "  sees   only containers named zigbee2mqtt or mosquitto (CLIENT_HA_SCOPE=name=zigbee2mqtt,mosquitto)\n",
		"ci":     "  sees   only what it made itself (CLIENT_CI_SCOPE=mine)\n",
		"dozzle": "  sees   only what has the label logs=public (CLIENT_DOZZLE_SCOPE=label=logs=public)\n",
	} {
		r := harness.Finish(t, harness.QuickCommand(t, settings, "explain", "--client", client))
		if r.Status != 0 || !strings.Contains(r.Stdout, want) || strings.Contains(r.Stdout, "has no effect") {
			t.Errorf("explain --client %s: want %q: %v", client, want, r)
		}
		if client == "ha" && !strings.Contains(string(page), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if r := harness.Finish(t, harness.QuickCommand(t, settings, "explain", "POST", "/containers/web/restart")); r.Status != 0 || !strings.Contains(r.Stdout, "on web alone") {
		t.Errorf("explain for the others: %v", r)
	}
}
