package limits

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// explained is what explain --json says, as far as these tests look at it.
type explained struct {
	Redact       string
	RedactKeep   []string
	RedactAround []string
	Warnings     []struct {
		Kind, Why  string
		Operations []string
	}
	Operations []struct {
		ID           string
		Allowed      bool
		Rule, Remedy string
	}
}

func explain(t *testing.T, settings map[string]string, args ...string) (e explained) {
	t.Helper()
	r := harness.Run(t, settings, append([]string{"explain", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.Stdout), &e); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	return e
}

// TestDangersUnderRedact asserts that a danger is named where it is still there, in words
// for what is left of it, and not where redaction has removed it.
func TestDangersUnderRedact(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ allow, redact, want string }{
		{"ContainerInspect", "none", "read every container's environment"},
		{"ContainerInspect", "env", "read every container's command line and labels"},
		{"ContainerInspect", "args", "read every container's environment"},
		{"ContainerInspect", "env,args", "read every container's labels"},
		{"ContainerList", "env", "read every container's command line and labels"},
		{"ContainerList", "args", "read every container's labels"},
		{"ContainerTop", "env", "read the command line of every process in containers"},
		{"ContainerTop", "args", ""},
		{"ExecInspect", "env", "read the command lines of execs"},
		{"ExecInspect", "args", ""},
		{"ImageInspect,ImageHistory", "env", ""},
		{"ImageInspect", "args", "read the environment and build arguments in images"},
		{"PluginList", "env", ""},
		{"ServiceList", "env,args", "read every Swarm service's labels"},
		{"TaskInspect", "env", "read every Swarm task's command line and labels"},
		{"SystemEvents", "args", "read containers' labels"},
		{"ContainerLogs", "env,args", "read what containers print"},
		{"ContainerArchive", "env,args", "read every file in containers"},
		{"ContainerInspectLibpod,ContainerCreateLibpod,ContainerStartLibpod", "env", ""},
		{"SwarmInspect", "env,args", "read the Swarm's join tokens, which admit a manager"},
	} {
		var got []string
		for _, w := range explain(t, map[string]string{"EVENTS": "0", "ALLOW": test.allow, "REDACT": test.redact}).Warnings {
			if !slices.Contains(got, w.Why) {
				got = append(got, w.Why)
			}
		}
		if got := strings.Join(got, "; "); got != test.want {
			t.Errorf("ALLOW=%s REDACT=%s: %q, want %q", test.allow, test.redact, got, test.want)
		}
	}
}

// TestExplainRedact asserts that explain says what is redacted, for whom, what is refused
// for it and what gives it away nevertheless.
func TestExplainRedact(t *testing.T) {
	t.Parallel()
	settings := map[string]string{
		"CONTAINERS": "1", "LIBPOD_CONTAINERS": "1", "REDACT": "env", "REDACT_KEEP": "VIRTUAL_*",
		"CLIENT_UI_FROM": "192.0.2.1", "CLIENT_UI_ALLOW": "ContainerInspect", "CLIENT_UI_REDACT": "none",
	}
	e := explain(t, settings)
	if e.Redact != "env" || !slices.Equal(e.RedactKeep, []string{"VIRTUAL_*"}) || !slices.Equal(e.RedactAround, []string{"ContainerLogs"}) {
		t.Errorf("explain says %+v", e)
	}
	if e := explain(t, settings, "--client", "ui"); e.Redact != "" || e.RedactAround != nil {
		t.Errorf("explain says of client ui %+v", e)
	}
	for _, op := range e.Operations {
		if op.ID == "ContainerInspectLibpod" && (op.Allowed || op.Rule != "REDACT=env" || !strings.HasSuffix(op.Remedy, "; set REDACT=none")) {
			t.Errorf("explain says %+v", op)
		}
	}
	text := harness.Run(t, settings, "explain").Stdout
	for _, want := range []string{
		"REDACT=env: responses have *** for the values of environment variables.\n",
		"It leaves the variables VIRTUAL_*.\n",
		"These give it away nevertheless, in files of containers and images, what programs print, and what a client runs itself: ContainerLogs.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("explain does not say %q:\n%.900s", want, text)
		}
	}
	for request, want := range map[string]string{
		"/libpod/containers/x/json": "refused: GET /libpod/containers/x/json (ContainerInspectLibpod) by REDACT=env: Podman's own API is not redacted; Docker's API, which Podman serves too, is; set REDACT=none\n",
		"/containers/x/json":        "allowed: GET /containers/x/json (ContainerInspect) by CONTAINERS=1\n",
		"ContainerListLibpod":       "refused: ",
	} {
		if r := harness.Run(t, settings, "explain", request); !strings.HasPrefix(r.Stdout, want) {
			t.Errorf("explain %s: %v, want %q", request, r, want)
		}
	}
}

// TestRedactInStartLog asserts that the start names what is redacted, and warns of the
// open operations that give it away, each client's by its own.
func TestRedactInStartLog(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{
		"SOCKET_PATH": socket, "ALLOW": "ContainerInspect", "REDACT": "env,args",
		"CLIENT_UI_FROM": "192.0.2.1", "CLIENT_UI_ALLOW": "ContainerLogs,ContainerArchive,ImageGet", "CLIENT_UI_REDACT": "env", "CLIENT_UI_REDACT_KEEP": "A,B*",
	})
	if p.Started["REDACT"] != "env,args" {
		t.Errorf("started has %v", p.Started)
	}
	warned, client := 0, 0
	for _, entry := range p.Log() {
		message, _ := entry["message"].(string)
		if strings.Contains(message, "does not hold for") {
			warned++
			want := "CLIENT_UI_REDACT=env does not hold for files of containers and images, what programs print, and what a client runs itself"
			if operations, _ := json.Marshal(entry["operations"]); message != want || entry["client"] != "ui" || string(operations) != `["ContainerArchive","ImageGet","ContainerLogs"]` {
				t.Errorf("the log says %v", entry)
			}
		}
		if keep, _ := json.Marshal(entry["REDACT_KEEP"]); message == "client" && entry["REDACT"] == "env" && string(keep) == `["A","B*"]` {
			client++
		}
	}
	if warned != 1 || client != 1 {
		t.Errorf("%d warnings and %d lines about the client, want 1 and 1", warned, client)
	}
}

// TestPresetsUnderRedact asserts that the list of presets names no danger that REDACT
// removes.
func TestPresetsUnderRedact(t *testing.T) {
	t.Parallel()
	for redact, want := range map[string]string{"": "lets a client read every container's environment", "env": "ContainerInspect lets a client read every container's command line and labels"} {
		text := harness.Run(t, map[string]string{"REDACT": redact}, "presets", "traefik").Stdout
		if !strings.Contains(text, want) || redact != "" && strings.Contains(text, "every container's environment") {
			t.Errorf("REDACT=%s: postern presets traefik says\n%s\nwant %q", redact, text, want)
		}
	}
}
