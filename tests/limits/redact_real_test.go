//go:build real

package limits

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"postern/acl"
	"postern/acl/redact"
	"postern/tests/internal/harness"
)

// secretBox starts a container whose image and own settings have a SECRET of its own in the
// environment, and whose health check has printed it. It returns the name, which the
// image has too, the id of an exec and the secret.
func secretBox(t *testing.T) (name, exec, secret string) {
	t.Helper()
	secret = "hunter2-" + strings.ToLower(rand.Text())
	base := harness.Busybox(t)
	name = harness.Unused(t)
	dir := t.TempDir()
	file := strings.ReplaceAll("FROM "+base+"\nARG TOKEN=hunter2\nENV SECRET=hunter2\nONBUILD ENV SECRET=hunter2\nRUN true\nHEALTHCHECK --interval=1s CMD env\n", "hunter2", secret)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	harness.MustDocker(t, "build", "--no-cache", "--force-rm", "-t", name, dir)
	harness.MustDocker(t, "run", "-d", "--name", name, "-e", "SECRET="+secret, "-e", "VIRTUAL_HOST=shown.example.com", name, "sleep", "1000")
	harness.Await(t, "a health check", func() bool {
		return strings.Contains(harness.MustDocker(t, "inspect", "--format", "{{json .State.Health}}", name), secret)
	})
	created := harness.EngineEndpoint.Call(t, "POST", "/containers/"+name+"/exec", `{"Cmd":["true"],"Env":["SECRET=`+secret+`"]}`)
	var id struct{ ID string }
	if err := json.Unmarshal([]byte(created.Body), &id); err != nil {
		t.Fatal(err)
	}
	return name, id.ID, secret
}

// TestNoSecretOnTheWire runs every GET of the API that the warning at the start does not
// name, and looks for the value of an environment variable in the responses.
func TestNoSecretOnTheWire(t *testing.T) {
	t.Parallel()
	name, exec, secret := secretBox(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{
		"SOCKET_PATH": harness.EngineSocket, "REDACT": "env", "REDACT_KEEP": "VIRTUAL_*",
	}))
	all := acl.Compile(acl.Rules{Allow: []string{"*"}})
	named := redact.Redaction{Kinds: redact.Env}.Around(all)
	queries := map[string]string{
		"SystemEvents":    fmt.Sprintf("?since=%d&until=%d", time.Now().Add(-time.Hour).Unix(), time.Now().Unix()),
		"ContainerStats":  "?stream=0",
		"ContainerList":   "?all=1&size=1",
		"SystemDataUsage": "",
	}
	var leaks, walked []string
	for _, op := range acl.Operations {
		if op.Method != "GET" || op.Hijacks || slices.Contains(named, op.ID) || strings.HasPrefix(op.Pattern, "/libpod") {
			continue
		}
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(op.Pattern, name)
		if op.ID == "ExecInspect" {
			path = "/exec/" + exec + "/json"
		}
		if op.ID == "ImageSearch" || op.ID == "DistributionInspect" || op.ID == "GetPluginPrivileges" {
			continue // they wait for a registry
		}
		walked = append(walked, op.ID)
		for _, version := range []string{"", "/v1.12", "/v1.24", "/v1.41"} {
			target := version + path + queries[op.ID]
			r := p.Get(target)
			if strings.Contains(r.Body, secret) {
				t.Errorf("%s shows the secret: %.400s", target, r.Body)
			}
			if r.Status >= 500 && strings.Contains(r.Message(), "REDACT") {
				t.Errorf("%s: %d %s", target, r.Status, r.Body)
			}
			if version == "" && strings.Contains(harness.EngineEndpoint.Get(t, target).Body, secret) {
				leaks = append(leaks, op.ID)
			}
		}
	}
	for _, id := range []string{"ContainerInspect", "ImageInspect", "ImageHistory"} {
		if !slices.Contains(leaks, id) {
			t.Errorf("%s does not show the secret without postern: %q do", id, leaks)
		}
	}
	if len(walked) < 30 {
		t.Errorf("walked %d operations: %q", len(walked), walked)
	}
	for _, ps := range []string{"eww", "-eo pid,args"} {
		if r := p.Get("/containers/" + name + "/top?ps_args=" + strings.ReplaceAll(ps, " ", "+")); r.Status != 403 {
			t.Errorf("top %s: %d %s", ps, r.Status, r.Body)
		}
	}
}

// TestDockerUnderRedact asserts what the docker command prints through postern.
func TestDockerUnderRedact(t *testing.T) {
	t.Parallel()
	name, _, secret := secretBox(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{
		"SOCKET_PATH": harness.EngineSocket, "REDACT": "env,args", "REDACT_KEEP": "VIRTUAL_*",
	}))
	host := harness.TCP(p.Addr).Host()
	// The engine keeps the last 256 events of all tests.
	harness.Await(t, "event of an exec", func() bool {
		since := time.Now().Unix()
		harness.MustDocker(t, "exec", name, "echo", secret)
		r := harness.Docker(t, host, "events", "--since", fmt.Sprint(since), "--until", fmt.Sprint(time.Now().Unix()+1), "--filter", "container="+name)
		if strings.Contains(r.Stdout, secret) {
			t.Fatalf("docker events: %s", r.Stdout)
		}
		return strings.Contains(r.Stdout, "exec_create: ***")
	})
	for _, test := range []struct{ args, want string }{
		{"inspect --format {{.Config.Env}} " + name, "SECRET=***"},
		{"inspect --format {{.Path}}{{.Args}}{{.Config.Cmd}} " + name, "***[***][*** ***]"},
		{"inspect " + name, `"Env": [`},
		{"image inspect " + name, "SECRET=***"},
		{"history --no-trunc --format {{.CreatedBy}} " + name, "***"},
		{"ps -a --no-trunc --format {{.Command}} --filter name=" + name, `"***"`},
		{"top " + name, "***"},
		{"system df -v", name},
	} {
		var r harness.Result
		harness.Await(t, "docker "+test.args, func() bool {
			r = harness.Docker(t, host, strings.Fields(test.args)...)
			return !strings.Contains(r.Stderr, "disk usage operation is already running") // another test's
		})
		if r.Status != 0 || !strings.Contains(r.Stdout, test.want) || strings.Contains(r.Stdout, secret) {
			t.Errorf("docker %s: status %d\n%.1500s%s\nwant %q", test.args, r.Status, r.Stdout, r.Stderr, test.want)
		}
	}
	// What is copied from a redacted inspect is not written.
	r := harness.Docker(t, host, "create", "--name", harness.Unused(t), "-e", "SECRET=***", name)
	if r.Status == 0 || !strings.Contains(r.Stderr, `(ContainerCreate) is not allowed: its body has "***" for a value`) {
		t.Errorf("docker create: status %d %s", r.Status, r.Stderr)
	}
	if r := harness.Docker(t, host, "exec", name, "true"); r.Status != 0 {
		t.Errorf("docker exec: status %d %s", r.Status, r.Stderr)
	}
}

// TestGoClientUnderRedact asserts that Docker's Go client, on which Traefik and most other
// programs are built, decodes the same through postern but for the values.
func TestGoClientUnderRedact(t *testing.T) {
	t.Parallel()
	image, name := harness.Busybox(t), harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", name, "-e", "SECRET=hunter2", "--label", "traefik.http.routers.web.rule=Host(`a`)", image, "sleep", "1000")
	p := harness.Start(t, map[string]string{"SOCKET_PATH": harness.EngineSocket, "PRESET": "traefik", "REDACT": "env"})
	decode := func(host string) (client.ContainerInspectResult, []container.Summary) {
		c, err := client.New(client.WithHost(host))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		inspected, err := c.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		listed, err := c.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("name", name)})
		if err != nil || len(listed.Items) != 1 {
			t.Fatal(listed, err)
		}
		listed.Items[0].Status = "" // its age
		return inspected, listed.Items
	}
	plain, plainList := decode(harness.EngineHost)
	got, gotList := decode(harness.TCP(p.Addr).Host())
	if !slices.Contains(got.Container.Config.Env, "SECRET=***") {
		t.Errorf("Env is %q", got.Container.Config.Env)
	}
	got.Container.Config.Env, plain.Container.Config.Env, got.Raw, plain.Raw = nil, nil, nil, nil
	if !reflect.DeepEqual(got, plain) || !reflect.DeepEqual(gotList, plainList) {
		t.Errorf("through postern the client decodes\n%+v\n%+v\nwant\n%+v\n%+v", got, gotList, plain, plainList)
	}
}
