package advise

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/preset"
	"postern/acl/redact"
)

// TestNarrowest asserts that the narrowest settings allow what was refused, keep what
// is there, and are none where no setting helps.
func TestNarrowest(t *testing.T) {
	t.Parallel()
	traefik, err := preset.Find("traefik")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		rules           acl.Rules
		request, narrow string
		danger          string // of what they open, "" if they open none
	}{
		{acl.Rules{}, "GET /info", "ALLOW=SystemInfo", ""},
		{acl.Rules{Prefix: "CLIENT_CI_", Allow: []string{"SystemInfo"}}, "GET /networks", "CLIENT_CI_ALLOW=SystemInfo,NetworkList", ""},
		{acl.Rules{Presets: []preset.Preset{traefik}}, "GET /containers/web/logs", "ALLOW=ContainerLogs", "read what containers print"},
		{acl.Rules{Allow: []string{"ContainerStart"}}, "POST /containers/create", "ALLOW=ContainerStart,ContainerCreate", "start a container that mounts the host's file system"},
		{acl.Rules{Toggles: acl.Toggles{"PING": false}}, "HEAD /_ping", "ALLOW=SystemPingHead,SystemPing", ""},
		{acl.Rules{}, "GET /containers/web/novelty", "CONTAINERS=1", "read every container's environment"},
		{acl.Rules{}, "PATCH /images/x", "IMAGES=1 POST=1", "read every file in images"},
		{acl.Rules{}, "GET /debug", "", ""},
		{acl.Rules{Deny: []string{"*Prune"}}, "POST /images/prune", "", ""},
	} {
		p := acl.Compile(test.rules)
		method, path, _ := strings.Cut(test.request, " ")
		d := p.Decide(method, &url.URL{Path: path})
		got := Narrowest(p, d.Subject)
		if strings.Join(got, " ") != test.narrow {
			t.Errorf("%s: got %q, want %q", test.request, got, test.narrow)
		}
		if n := len(Allowable(p, []acl.Subject{d.Subject})); (n > 0) != (test.narrow != "") {
			t.Errorf("%s: %d allowable subjects, want as many as there are settings", test.request, n)
		}
		opens := Opens(p, redact.Redaction{}, got)
		if text := fmt.Sprint(opens); (len(opens) > 0) != (test.danger != "") || !strings.Contains(text, test.danger) || strings.Contains(text, "Podman") {
			t.Errorf("%s with %q opens %v, want %q", test.request, got, opens, test.danger)
		}
	}
}

// TestOpensReadsProposals asserts that the dangers of a preset are among those that
// settings open, and that what they take away opens nothing.
func TestOpensReadsProposals(t *testing.T) {
	t.Parallel()
	p := acl.Compile(acl.Rules{Prefix: "CLIENT_UI_", Allow: []string{"ContainerList"}})
	for settings, want := range map[string]string{
		"CLIENT_UI_PRESET=traefik":                     "read every container's environment",
		"CLIENT_UI_PRESET=portainer CLIENT_UI_PING=0":  "start a container that mounts the host's file system",
		"CLIENT_UI_PING=0 CLIENT_UI_DENY=*Prune":       "",
		"CLIENT_UI_ALLOW=ContainerList,ContainerStart": "",
	} {
		opens := Opens(p, redact.Redaction{}, strings.Fields(settings))
		if (len(opens) > 0) != (want != "") || !strings.Contains(fmt.Sprint(opens), want) {
			t.Errorf("%s opens %v, want %q", settings, opens, want)
		}
	}
}
