package config

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

func TestExplainOfOneRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ, request string
		status           int
		want             string
	}{
		{"", "GET /_ping", 0, "allowed: GET /_ping (SystemPing) by PING=1\n"},
		{"", "POST /v1.51/containers/web/restart?t=5", 1, "refused: POST /containers/web/restart (ContainerRestart) by CONTAINERS=0: set ALLOW_RESTARTS=1, or CONTAINERS=1 and POST=1, or ALLOW=ContainerRestart; "},
		{"ALLOW_RESTARTS=1", "POST /v1.51/containers/web/restart", 0, "allowed: POST /containers/web/restart (ContainerRestart) by ALLOW_RESTARTS=1\n"},
		{"CONTAINERS=1 DENY=*List", "GET /containers/json", 1, "refused: GET /containers/json (ContainerList) by DENY=*List: DENY=*List forbids it\n"},
		{"CONTAINERS=1", "GET /containers/../secrets", 1, "redirected: GET /containers/../secrets to /secrets\n"},
		{"CONTAINERS=1", "GET /nothing", 1, "refused: GET /nothing is in no section of the API\n"},
		{"", "GET nothing", 2, ""},
		{"", "get /_ping", 0, "allowed: GET /_ping (SystemPing) by PING=1\n"},
		{"", "/_ping", 0, "allowed: GET /_ping (SystemPing) by PING=1\n"},
		{"", "/x", 1, "refused: GET /x is in no section of the API\n"},
		{"CONTAINERS=1", "ContainerList", 0, "allowed: GET /containers/json (ContainerList) by CONTAINERS=1\n"},
		{"", "containerinspect", 1, "refused: GET /containers/{name}/json (ContainerInspect) by CONTAINERS=0: set CONTAINERS=1, or ALLOW=ContainerInspect; "},
		{"", "SystemPing --json", 0, "{\n  \"method\": \"GET\",\n  \"path\": \"/_ping\""},
		{"", "ContainerLst", 2, ""},
		{"", "containers/json", 2, ""},
		{"", "G(T /info", 2, ""},
		{"", "GET", 2, ""},
		{"POST=maybe", "GET /_ping", 2, ""},
	} {
		environ := map[string]string{}
		for setting := range strings.FieldsSeq(test.environ) {
			name, value, _ := strings.Cut(setting, "=")
			environ[name] = value
		}
		r := harness.Run(t, environ, append([]string{"explain"}, strings.Fields(test.request)...)...)
		if strings.Contains(test.request, "Lst") && !strings.Contains(r.Stderr, `no operation has the id "ContainerLst": want one such as ContainerList, `) {
			t.Errorf("explain %s says %q, want the nearest id", test.request, r.Stderr)
		}
		if r.Status != test.status || !strings.HasPrefix(r.Stdout, test.want) || r.Status == 2 && strings.Count(r.Stderr, "\n") == 0 {
			t.Errorf("%q explain %s: status %d, %q, want %d, %q\n%s", test.environ, test.request, r.Status, r.Stdout, test.status, test.want, r.Stderr)
		}
	}
}

// TestExplainAndLogNameEachDanger asserts that explain and the log at start name each
// kind of danger, and none where there is none.
func TestExplainAndLogNameEachDanger(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, test := range []struct{ allow, dangers string }{
		{"ContainerCreate,ContainerStart", "root on the host"},
		{"ContainerExec,ExecStart", "root on the host"},
		{"PluginPull,PluginEnable", "root on the host; makes the engine call out"},
		{"ServiceCreate", "root on the host"},
		{"ContainerCreate,ContainerRestart", "root on the host"},
		{"ContainerCreate,ContainerStart,ContainerRestart", "root on the host"},
		{"ContainerCreateLibpod,ContainerRestartLibpod", "root on the host"},
		{"PodCreateLibpod,PodStartLibpod", "root on the host"},
		{"ContainerRestoreLibpod", "root on the host"},
		{"PluginUpgrade,PluginEnable", "root on the host; makes the engine call out"},
		{"SwarmJoin", "root on the host"},
		{"ImageBuild,Session", "root on the host; root on the host; makes the engine call out"},
		{"Grpc", "root on the host"},
		{"PutContainerArchive", "root on the host"},
		{"ContainerInspect", "leaks secrets"},
		{"SwarmInspect", "leaks secrets"},
		{"ConfigList", "leaks secrets"},
		{"ContainerExport", "leaks secrets"},
		{"ContainerLogs", "leaks secrets"},
		{"ImageCommit,ImageGetAll", "leaks secrets; leaks secrets"},
		{"SecretInspect", "leaks secrets"},
		{"ContainerTop", "leaks secrets"},
		{"ContainerTopLibpod", "leaks secrets"},
		{"ContainerList", "leaks secrets"},
		{"ImageHistory", "leaks secrets"},
		{"PluginInspect", "leaks secrets"},
		{"VolumeInspect", "leaks secrets"},
		{"SystemDataUsage", "leaks secrets"},
		{"VolumeExportLibpod,VolumeCreate", "leaks secrets; leaks secrets"},
		{"ImageBuildLibpod", "root on the host"},
		{"CheckpointDelete", "root on the host"},
		{"ManifestInspectLibpod", "makes the engine call out"},
		{"ArtifactLocalLibpod,ArtifactExtractLibpod", "leaks secrets"},
		{"DistributionInspect", "makes the engine call out"},
		{"ImageSearch", "makes the engine call out"},
		{"GetPluginPrivileges", "makes the engine call out"},
		{"ImageCreate", "makes the engine call out"},
		{"SystemAuth", "makes the engine call out"},
		{"ContainerCreate", ""},
		{"ExecStart", ""},
		{"ContainerRename", ""},
	} {
		environ := map[string]string{"ALLOW": test.allow, "EVENTS": "0", "SOCKET_PATH": socket}
		var printed []string
		for _, warning := range regexp.MustCompile(`\nwarning: ([^:]*): `).FindAllStringSubmatch(harness.Run(t, environ, "explain").Stdout, -1) {
			printed = append(printed, warning[1])
		}
		if got := strings.Join(printed, "; "); got != test.dangers {
			t.Errorf("ALLOW=%s: explain warns of %q, want %q", test.allow, got, test.dangers)
		}
		p := harness.StartQuick(t, environ)
		var logged []string
		for _, e := range p.Log() {
			if danger, ok := e["danger"].(string); ok {
				logged = append(logged, danger)
			}
		}
		if got := strings.Join(logged, "; "); got != test.dangers {
			t.Errorf("ALLOW=%s: the log warns of %q, want %q", test.allow, got, test.dangers)
		}
	}
}

// TestDefaultDangersAreInExplainOnly asserts that explain names the danger of /events,
// which is on by default, and that the log does not. The log has one line for a danger
// that several operations open.
func TestDefaultDangersAreInExplainOnly(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, test := range []struct {
		environ         map[string]string
		explained, logs int
	}{
		{nil, 1, 0},
		{map[string]string{"EVENTS": "0"}, 0, 0},
		{map[string]string{"ALLOW": "SystemEvents"}, 1, 0},
		{map[string]string{"ALLOW": "SystemEventsLibpod"}, 2, 1},
		{map[string]string{"ALLOW": "ImageInspect,ImageHistory"}, 3, 1},
	} {
		environ := harness.With(test.environ, map[string]string{"SOCKET_PATH": socket})
		explained := harness.Run(t, environ, "explain").Stdout
		if n := strings.Count(explained, "\nwarning: "); n != test.explained {
			t.Errorf("%v: explain warns %d times, want %d\n%.1000s", test.environ, n, test.explained, explained)
		}
		const events = "warning: leaks secrets: SystemEvents lets a client read the command line of every exec"
		if got, want := strings.Contains(explained, events), test.environ["EVENTS"] != "0"; got != want {
			t.Errorf("%v: explain says %q: %v, want %v", test.environ, events, got, want)
		}
		logs := 0
		for _, e := range harness.Start(t, environ).Log() {
			if e["danger"] != nil {
				logs++
			}
		}
		if logs != test.logs {
			t.Errorf("%v: the log warns %d times, want %d", test.environ, logs, test.logs)
		}
	}
}

// TestStartLogNamesOpenSections asserts that the log has a summary of explain at start,
// and each open section in the README's words.
func TestStartLogNamesOpenSections(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	environ := map[string]string{
		"SOCKET_PATH": socket, "CONTAINERS": "1", "POST": "1", "PING": "0", "LIBPOD_PING": "0", "LIBPOD_VERSION": "no", "ALLOW": "ImageList", "DENY": "*Prune",
	}
	p := harness.Start(t, harness.With(environ, map[string]string{"LOG_LEVEL": "debug"}))
	started, details := p.Started, p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "permissions" })
	readme, err := os.ReadFile(harness.File("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	open, _ := details["open"].(map[string]any)
	if len(open) != 3 {
		t.Errorf("open is %v, want CONTAINERS, EVENTS and VERSION", open)
	}
	for _, name := range []string{"CONTAINERS", "EVENTS", "VERSION"} {
		if words, _ := open[name].(string); !regexp.MustCompile("(?m)^\\| `" + name + "` .*\\| " + regexp.QuoteMeta(words) + ` \|$`).Match(readme) {
			t.Errorf("%s opens %q, which the README says in other words", name, words)
		}
	}
	var explained struct {
		Summary struct{ Allowed, Reads, Writes any }
	}
	if err := json.Unmarshal([]byte(harness.Run(t, environ, "explain", "--json").Stdout), &explained); err != nil {
		t.Fatal(err)
	}
	for key := range started {
		if !slices.Contains(strings.Fields("level time message version listen engine metrics POST ALLOW DENY operations"), key) {
			t.Errorf("started has %q, which belongs at level debug: %v", key, started)
		}
	}
	started["reads"], started["writes"] = details["reads"], details["writes"]
	for key, want := range map[string]any{
		"POST": true, "ALLOW": []any{"ImageList"}, "DENY": []any{"*Prune"},
		"operations": explained.Summary.Allowed, "reads": explained.Summary.Reads, "writes": explained.Summary.Writes,
	} {
		if got := started[key]; !reflect.DeepEqual(got, want) {
			t.Errorf("the log says %s: %v, want %v", key, got, want)
		}
	}
}

// TestPodmanOperationsAreShownOnRequest asserts that explain and the start show
// Podman's own operations only with --all or where a setting is about Podman.
func TestPodmanOperationsAreShownOnRequest(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, test := range []struct {
		environ, args string
		shown         bool
	}{
		{"CONTAINERS=1", "", false},
		{"ALLOW=*List", "", false},
		{"LIBPOD_PING=0 LIBPOD_CONTAINERS=0", "", false},
		{"LIBPOD_PING=1 LIBPOD_VERSION=1", "", false}, // as the image has them
		{"CONTAINERS=1", "--all", true},
		{"LIBPOD_INFO=1", "", true},
		{"ALLOW=ContainerListLibpod", "", true},
		{"CLIENT_A_FROM=192.0.2.1 CLIENT_A_LIBPOD_INFO=1", "", true},
	} {
		environ := map[string]string{"SOCKET_PATH": socket}
		for setting := range strings.FieldsSeq(test.environ) {
			name, value, _ := strings.Cut(setting, "=")
			environ[name] = value
		}
		args := append([]string{"explain"}, strings.Fields(test.args)...)
		text := harness.Run(t, environ, args...).Stdout
		if got := regexp.MustCompile(`  LIBPOD_CONTAINERS \d|/libpod/containers/`).MatchString(text); got != test.shown {
			t.Errorf("%s explain %s: Podman's operations are shown: %v, want %v", test.environ, test.args, got, test.shown)
		}
		if got := strings.Contains(text, "\n140 operations of Podman's own API, /libpod, are left out"); got == test.shown {
			t.Errorf("%s explain %s: it says that operations are left out: %v, want %v", test.environ, test.args, got, !test.shown)
		}
		var report struct {
			Summary    struct{ Allowed, Of int }
			Operations []any
		}
		if err := json.Unmarshal([]byte(harness.Run(t, environ, append(args, "--json")...).Stdout), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Operations) != report.Summary.Of || !strings.Contains(text, fmt.Sprintf(" may run %d of %d operations.", report.Summary.Allowed, report.Summary.Of)) {
			t.Errorf("%s: --json has %d operations and %+v, and the text says\n%.100s", test.environ, len(report.Operations), report.Summary, text)
		}
		if test.args != "" {
			continue
		}
		if got := harness.Start(t, environ).Started["operations"]; got != float64(report.Summary.Allowed) {
			t.Errorf("%s: started has %v operations, want %d as explain says", test.environ, got, report.Summary.Allowed)
		}
	}
}

// TestExplainRepeatsWarnings asserts that explain repeats the warnings of the
// start.
func TestExplainRepeatsWarnings(t *testing.T) {
	t.Parallel()
	text := harness.Run(t, map[string]string{"CONTAINER": "1"}, "explain").Stdout
	if want := "\nwarning: CONTAINER=\"1\" has no effect: did you mean CONTAINERS?\n"; !strings.Contains(text, want) {
		t.Errorf("explain says\n%.300s\nwant %q", text, want)
	}
}
