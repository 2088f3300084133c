package learn

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// settingsOf reads the settings in the first line of a report: "PRESET=homepage and
// ALLOW=ServiceInspect cover all of it".
func settingsOf(t *testing.T, r harness.Report) map[string]string {
	t.Helper()
	line := regexp.MustCompile(`^(.*?) covers? all of it`).FindStringSubmatch(r.First)
	if line == nil {
		t.Fatalf("the first line of the report names no settings: %q", r.First)
	}
	environ := map[string]string{}
	for setting := range strings.SplitSeq(line[1], " and ") {
		name, value, _ := strings.Cut(setting, "=")
		environ[name] = value
	}
	return environ
}

// TestFirstLineSuffices lets scripted clients learn, sets what the first line of the
// report says and nothing else, and asserts that all of their requests are forwarded.
func TestFirstLineSuffices(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	for _, test := range []struct{ client, settings, requests, first string }{
		{"traefik", "", "HEAD /_ping, GET /v1.41/version, GET /v1.41/events, GET /v1.41/containers/json, GET /v1.41/containers/web/json",
			"PRESET=traefik covers all of it"},
		{"prometheus", "", "HEAD /_ping, GET /v1.41/containers/json, GET /v1.41/networks",
			"PRESET=prometheus covers all of it"},
		{"testcontainers", "", "HEAD /_ping, GET /v1.41/info, GET /v1.41/images/web/json, POST /v1.41/containers/create, PUT /v1.41/containers/web/archive, " +
			"POST /v1.41/containers/web/start, GET /v1.41/containers/web/json, GET /v1.41/containers/web/logs, POST /v1.41/containers/web/exec, " +
			"POST /v1.41/exec/1/start, GET /v1.41/exec/1/json, POST /v1.41/containers/web/stop, DELETE /v1.41/containers/web",
			"ALLOW=ContainerInspect,ContainerLogs,ExecInspect,ContainerCreate,ContainerStart,ContainerStop,ContainerExec,ExecStart,PutContainerArchive,ContainerDelete,ImageInspect,SystemInfo covers all of it"},
		{"docker", "", "HEAD /_ping, GET /v1.41/containers/json, GET /v1.41/images/json, POST /v1.41/images/create",
			"ALLOW=ContainerList,ImageList,ImageCreate covers all of it"},
		{"homepage", "PRESET=uptime-kuma", "GET /containers/json, GET /services/web, GET /tasks",
			"PRESET=uptime-kuma and ALLOW=ServiceInspect,TaskList cover all of it: keep PRESET=uptime-kuma, and add ALLOW=ServiceInspect,TaskList"},
		{"a browser", "", "GET /version", "no setting is needed: what is open by default covers all of it"},
	} {
		t.Run(test.client, func(t *testing.T) {
			t.Parallel()
			var requests []harness.Request
			for request := range strings.SplitSeq(test.requests, ", ") {
				method, target, _ := strings.Cut(request, " ")
				requests = append(requests, harness.Request{Method: method, Target: target})
			}
			set := map[string]string{}
			if name, value, found := strings.Cut(test.settings, "="); found {
				set[name] = value
			}
			p := harness.Start(t, harness.With(set, map[string]string{"SOCKET_PATH": socket, "LEARN": "1"}))
			if slices.Contains(p.Forwarded(requests), false) {
				t.Error("LEARN=1 refuses a request")
			}
			r := p.Learned()
			if r.First != test.first {
				t.Errorf("the first line is\n%s\nwant\n%s", r.First, test.first)
			}
			environ := map[string]string{"SOCKET_PATH": socket}
			if strings.Contains(r.First, "=") {
				environ = harness.With(environ, settingsOf(t, r))
			}
			if got := harness.Start(t, environ).Forwarded(requests); slices.Contains(got, false) {
				t.Errorf("with %v, forwarded is %v", environ, got)
			}
		})
	}
}
