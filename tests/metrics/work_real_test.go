//go:build real

package metrics

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestPageFits has a browser show the page with long paths at the widths of a desk and
// of a phone, light and dark. Nothing may be wider than the window, and no path may break
// inside a word unless that is longer than a whole line. PICTURES is a directory for the
// pictures, for a person to look at.
func TestPageFits(t *testing.T) {
	t.Parallel()
	b := harness.OpenBrowser(t)
	for _, look := range []struct {
		learn  string
		width  int
		scheme string
	}{{"0", 1280, "light"}, {"0", 1280, "dark"}, {"0", 390, "light"}, {"0", 390, "dark"}, {"1", 1280, "light"}, {"1", 390, "dark"}} {
		b.Show("http://" + busy(t, look.learn).Addr + "/")
		b.Eval("document.querySelectorAll('details').forEach((d, i) => d.open = i < 2)")
		b.Look(look.width, look.scheme)
		if got := b.Eval("document.documentElement.scrollWidth"); got != strconv.Itoa(look.width) {
			t.Errorf("at %d px the page is %s px wide", look.width, got)
		}
		if broken := b.Eval(brokenWords); broken != "" {
			t.Errorf("at %d px these break although they would fit a line: %s", look.width, broken)
		}
		if dir := os.Getenv("PICTURES"); dir != "" {
			name := filepath.Join(dir, fmt.Sprintf("%d-%s-learn%s.png", look.width, look.scheme, look.learn))
			if err := os.WriteFile(name, b.Picture(0), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(b.Complaints) > 0 {
		t.Errorf("the browser complains: %q", b.Complaints)
	}
}

// brokenWords lists the parts of paths that stand on two lines although one has room.
const brokenWords = `(() => {
	const broken = [];
	for (const code of document.querySelectorAll("code.path, td[data-is=request] code")) {
		const room = code.parentElement.clientWidth - 24;
		const walk = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
		while (walk.nextNode()) {
			for (const word of walk.currentNode.data.matchAll(/[^ \/-]+[\/-]?/g)) {
				const range = document.createRange();
				range.setStart(walk.currentNode, word.index);
				range.setEnd(walk.currentNode, word.index + word[0].length);
				const lines = [...range.getClientRects()].filter(r => r.width > 0);
				const width = lines.reduce((sum, r) => sum + r.width, 0);
				if (new Set(lines.map(r => Math.round(r.top))).size > 1 && width < room) broken.push(word[0]);
			}
		}
	}
	return broken.join(" ");
})()`

// busy starts a postern with several clients, long paths and all that the page has, and
// returns where the page is. learn is LEARN.
func busy(t *testing.T, learn string) harness.Endpoint {
	t.Helper()
	_, socket := harness.StandIn(t)
	dir := filepath.Dir(socket)
	p, monitor := monitored(t, map[string]string{
		"SOCKET_PATH": socket, "CONTAINERS": "1", "DENY": "*Prune", "CONTAINER": "1", "LEARN": learn,
		"CLIENT_TRAEFIK_FROM": "nowhere.invalid", "CLIENT_TRAEFIK_LISTEN": "unix://" + dir + "/traefik", "CLIENT_TRAEFIK_PRESET": "traefik",
		"CLIENT_PORTAINER_LISTEN": "unix://" + dir + "/portainer", "CLIENT_PORTAINER_CONTAINERS": "1", "CLIENT_PORTAINER_IMAGES": "1", "CLIENT_PORTAINER_POST": "1",
		"CLIENT_UI_LISTEN": "unix://" + dir + "/ui", "CLIENT_UI_ALLOW": "ContainerList,ContainerInspect", "CLIENT_UI_REDACT": "env", "CLIENT_UI_REDACT_KEEP": "VIRTUAL_*",
	})
	id := strings.Repeat("0123456789abcdef", 4)
	for _, request := range []struct{ client, method, path string }{
		{"", "GET", "/v1.41/containers/json"}, {"", "GET", "/v1.41/containers/" + id + "/json"},
		{"", "POST", "/v1.41/containers/" + id + "/exec"}, {"", "GET", "/v1.41/info"}, {"", "GET", "/v1.41/info"},
		{"", "POST", "/v1.41/images/prune"}, {"", "GET", "/" + strings.Repeat("long-and-without-a-slash-", 12)},
		{"traefik", "GET", "/v1.41/version"}, {"traefik", "GET", "/v1.41/containers/json"}, {"traefik", "GET", "/v1.41/networks"}, {"traefik", "GET", "/v1.41/services"},
		{"portainer", "POST", "/v1.41/containers/web/restart"}, {"portainer", "GET", "/v1.41/volumes"}, {"portainer", "POST", "/v1.41/containers/web/exec"},
		{"portainer", "GET", "/v1.41/networks/" + id}, {"portainer", "PUT", "/v1.41/plugins/registry.example.com/team/a-plugin-with-a-long-name/enable"},
		{"ui", "GET", "/v1.41/containers/web/json"}, {"ui", "GET", "/v1.41/images/json"}, {"ui", "GET", "/v1.41/containers/web/logs"},
	} {
		conn := harness.TCP(p.Addr)
		if request.client != "" {
			conn = harness.Unix(dir + "/" + request.client)
		}
		harness.Send(t, conn.Dial(t), harness.Head(request.method, request.path, "Content-Length: 0"))
	}
	p.Open(harness.Head("GET", "/v1.41/events"))
	p.Open(harness.Head("GET", "/v1.41/containers/worker/logs?follow=1&stdout=1"))
	harness.Await(t, "open streams", func() bool {
		page := monitor.Get(t, "/").Body
		return strings.Contains(page, "SystemEvents</small>") && strings.Contains(page, "2 streams are open") && strings.Contains(page, "nowhere.invalid, a host name")
	})
	return monitor
}

// TestRefusedCopyRestartAllowed clicks through what a user does with a refusal: unfold
// it, copy the lines, restart with them, and see on the same page, which nobody has
// loaded again, that the request is allowed.
func TestRefusedCopyRestartAllowed(t *testing.T) {
	t.Parallel()
	b := harness.OpenBrowser(t)
	_, socket := harness.StandIn(t)
	settings := map[string]string{"SOCKET_PATH": socket, "CLIENT_UI_FROM": "127.0.0.1", "CLIENT_UI_ALLOW": "SystemInfo"}
	p, monitor := monitored(t, settings)
	url := "http://" + monitor.Addr + "/"
	b.Do("Browser.grantPermissions", map[string]any{"permissions": []string{"clipboardReadWrite"}, "origin": "http://" + monitor.Addr}, nil)
	b.Show(url)
	b.Eval("window.loadedOnce = true")

	ask := func() int { t.Helper(); return p.Get("/v1.41/containers/json").Status }
	if status := ask(); status != 403 {
		t.Fatalf("status %d, want a refusal", status)
	}
	shows := func(text string) {
		t.Helper()
		harness.Await(t, text, func() bool { return strings.Contains(b.Eval("document.body.innerText"), text) })
	}
	shows("GET /v1.41/containers/json")
	b.Click("summary")
	shows("CLIENT_UI_ALLOW: SystemInfo,ContainerList")
	b.Click("details[open] button")
	copied := b.Eval("navigator.clipboard.readText()")
	// Another refusal refreshes the page; what is unfolded stays so.
	p.Get("/v1.41/networks")
	shows("GET /v1.41/networks")
	if open := b.Eval("document.querySelector('details[open]').dataset.key"); !strings.HasPrefix(open, "allow ui GET /v1.41/containers/json ") {
		t.Errorf("after a refresh %q is unfolded", open)
	}

	listen := map[string]string{"LISTEN": "tcp://" + p.Addr, "METRICS_LISTEN": monitor.Addr}
	p.Stop()
	shows("postern does not answer")
	p = harness.Start(t, harness.With(harness.With(settings, listen), environment(t, copied)))
	shows("The engine answers.")
	if status := ask(); status != 200 {
		t.Errorf("with\n%s the status is %d, want 200", copied, status)
	}
	shows("ContainerList\tGET /containers/json\t1\t0\t")
	if b.Eval("window.loadedOnce") != "true" {
		t.Error("the page was loaded again: the script does not refresh it")
	}
	for _, complaint := range b.Complaints {
		if !strings.Contains(complaint, "ERR_CONNECTION_REFUSED") { // while nothing listens
			t.Errorf("the browser complains: %s", complaint)
		}
	}
}
