package metrics

import (
	"fmt"
	"html"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// snippet matches what the page offers to be copied, and the key of where it is.
var snippet = regexp.MustCompile(`(?s)<details data-key="([^"]*)">(?:<summary>.{0,1000}?</summary>)(?:<p class="danger">[^<]*</p>)?<div class="snippet"><pre>(.*?)</pre>`)

// snippets returns the environments that a page offers to be copied, by key.
func snippets(t *testing.T, page string) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, m := range snippet.FindAllStringSubmatch(strings.ReplaceAll(page, "<wbr>", ""), -1) {
		all[html.UnescapeString(m[1])] = environment(t, html.UnescapeString(m[2]))
	}
	return all
}

// environment reads a snippet as it stands under a service in a compose file.
func environment(t *testing.T, snippet string) map[string]string {
	t.Helper()
	var file struct {
		Services struct {
			Postern struct{ Environment map[string]string }
		}
	}
	text := "services:\n  postern:\n" + snippet
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return file.Services.Postern.Environment
}

// TestSnippetsAllow copies what the page offers for each refusal, starts the proxy with
// it and sends the request again. The snippet for all refusals of a client must allow
// every one of them, and the one for all that it asked for that alone.
func TestSnippetsAllow(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	unix := filepath.Join(filepath.Dir(socket), "ci.sock")
	settings := map[string]string{
		"SOCKET_PATH": socket, "CONTAINERS": "1", "CLIENT_CI_LISTEN": "unix://" + unix, "CLIENT_CI_PRESET": "traefik", "CLIENT_CI_ALLOW": "SystemInfo",
	}
	ask := func(p *harness.Postern, key string) int {
		t.Helper()
		words := strings.Split(key, " ") // allow CLIENT METHOD PATH RULE
		to := harness.TCP(p.Addr)
		if words[1] == "ci" {
			to = harness.Unix(unix)
		}
		return harness.Send(t, to.Dial(t), harness.Head(words[2], words[3], "Content-Length: 0")).Status
	}
	requests := []string{
		"allow  GET /info ", "allow  POST /containers/web/restart ", "allow  GET /containers/web/novelty ", "allow  PATCH /images/novelty ",
		"allow ci GET /networks ", "allow ci GET /containers/web/logs ", "allow ci GET /volumes/data ",
	}
	p, monitor := monitored(t, settings)
	for _, r := range requests {
		if status := ask(p, r); status != 403 && !strings.Contains(r, "containers/web/novelty") {
			t.Fatalf("%s: status %d, want a refusal", r, status)
		}
	}
	var offered map[string]map[string]string
	harness.Await(t, "all refusals", func() bool {
		offered = snippets(t, monitor.Get(t, "/").Body)
		return len(offered) >= len(requests)-1+3
	})
	p.Stop()
	for key, environment := range offered {
		with := harness.With(settings, environment)
		if key == "all " {
			with = harness.With(settings, map[string]string{"CONTAINERS": "0"}, environment)
		}
		p := harness.StartQuick(t, with)
		for _, r := range requests {
			mine := strings.HasPrefix(key, r) // the rule comes last
			if !strings.HasPrefix(key, "allow ") {
				client := strings.Fields(key + " -")[1]
				mine = !strings.Contains(r, "novelty") && (client == "ci") == strings.HasPrefix(r, "allow ci")
			}
			if status := ask(p, r); mine && status == 403 {
				t.Errorf("%s: with %v the status is %d", r, environment, status)
			} else if !mine && strings.HasPrefix(key, "allow ") && status != 403 && !strings.Contains(r+key, "novelty") {
				t.Errorf("%s: with %v of %q the status is %d, want 403", r, environment, key, status)
			}
		}
		p.Stop()
	}
	if got := fmt.Sprint(offered["sum ci"]); got != "map[CLIENT_CI_ALLOW:SystemInfo,ContainerLogs,VolumeInspect,NetworkList]" {
		t.Errorf("for all refusals of ci the page offers %s", got)
	}
}

// TestPageShowsLearn asserts that the page says that LEARN is on, and has the report.
func TestPageShowsLearn(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1"})
	p.Get("/v1.41/info")
	for _, want := range []string{
		"LEARN=1 is on: nothing is refused but what DENY names # LEARN=1: ALLOW=SystemInfo covers all of it",
		"1x GET /info (SystemInfo)", "SystemInfo GET /info 1 0 ", "what covers these operations ALLOW=SystemInfo environment:",
	} {
		// A request is counted after its response, and a page is shown for a second.
		harness.Await(t, want+" on the page", func() bool { return strings.Contains(text(monitor.Get(t, "/").Body), want) })
	}
}
