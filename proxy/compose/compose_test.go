package compose

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"postern/acl"
	"postern/acl/advise"
)

// TestEvaluate compares with what docker compose makes of a value when no variable is
// set.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, want string
		known      bool
	}{
		{"1", "1", true},
		{"", "", true},
		{"${A:-1}", "1", true},
		{"${A-x}y", "xy", true},
		{"${A:-${B:-2}}", "2", true},
		{"a$$b", "a$b", true},
		{"^/x$$", "^/x$", true},
		{"$A", "", false},
		{"${A}", "", false},
		{"${A:?set it}", "", false},
		{"${A:+1}", "", true},
		{"${A:-", "${A:-", true},
		{"5$", "5$", true},
		{"$(x)", "$(x)", true},
	} {
		if got, known := evaluate(test.text); got != test.want || known != test.known {
			t.Errorf("evaluate(%q) is %q, %v; want %q, %v", test.text, got, known, test.want, test.known)
		}
	}
}

// TestImageOf asserts which references name a known proxy.
func TestImageOf(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"tecnativa/docker-socket-proxy":                      "tecnativa/docker-socket-proxy",
		"Tecnativa/Docker-Socket-Proxy:0.3":                  "tecnativa/docker-socket-proxy",
		"ghcr.io/tecnativa/docker-socket-proxy@sha256:1234":  "tecnativa/docker-socket-proxy",
		"host:5000/a/tecnativa/docker-socket-proxy:v1@sha:1": "tecnativa/docker-socket-proxy",
		"lscr.io/linuxserver/socket-proxy:latest":            "linuxserver/socket-proxy",
		"wollomatic/socket-proxy:1":                          "wollomatic/socket-proxy",
		"11notes/socket-proxy":                               "11notes/socket-proxy",
		"quay.io/codeswhat/sockguard":                        "codeswhat/sockguard",
		"nottecnativa/docker-socket-proxy":                   "",
		"tecnativa/docker-socket-proxy-extra":                "",
		"nginx":                                              "",
		"":                                                   "",
	} {
		got := ""
		if i := imageOf(reference); i != nil {
			got = i.name
		}
		if got != want {
			t.Errorf("%q is the image %q, want %q", reference, got, want)
		}
	}
}

// TestOldRules asserts what the other proxies allow, with some of their settings.
func TestOldRules(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		image, environ  string
		allowed, denied string
	}{
		{"tecnativa/docker-socket-proxy", "", "SystemPing SystemEvents", "ContainerList SystemInfo"},
		{"tecnativa/docker-socket-proxy", "CONTAINERS=1", "ContainerList ContainerArchive ContainerAttachWebsocket", "ContainerCreate ContainerStart"},
		{"tecnativa/docker-socket-proxy", "CONTAINERS=true", "", "ContainerList"},
		{"tecnativa/docker-socket-proxy", "CONTAINERS=2 PING=0", "ContainerList", "SystemPing SystemPingHead"},
		{"tecnativa/docker-socket-proxy", "ALLOW_START=1", "", "ContainerStart"},
		{"tecnativa/docker-socket-proxy", "ALLOW_START=1 POST=1", "ContainerStart", "ContainerStop ContainerCreate"},
		{"tecnativa/docker-socket-proxy", "CONTAINERS=1 POST=1 EXEC=0", "ContainerExec PutContainerArchive ContainerDelete", "ExecStart"},
		{"tecnativa/docker-socket-proxy", "ALLOW_PAUSE=1 POST=1 ALLOW_LOGS=0 CONTAINERS=0", "", "ContainerPause"},
		{"linuxserver/socket-proxy", "CONTAINERS=1", "ContainerList ContainerStats CheckpointList", "ContainerLogs ContainerTop ContainerChanges ContainerArchive ContainerExport ContainerCreate ContainerDelete"},
		{"linuxserver/socket-proxy", "CONTAINERS=1 ALLOW_LOGS=1", "ContainerLogs", "ContainerTop"},
		{"linuxserver/socket-proxy", "ALLOW_RESTARTS=1", "ContainerStop ContainerRestart ContainerKill", "ContainerStart ContainerList"},
		{"linuxserver/socket-proxy", "ALLOW_PAUSE=1 LIBPOD_PODS=1", "ContainerPause PodPauseLibpod PodListLibpod", "ContainerUnpause"},
		{"11notes/socket-proxy", "", "ContainerList ImageGet NetworkList CheckpointList SwarmInspect", "SecretList ConfigInspect ContainerExport ImageGetAll SwarmUnlockkey ContainerCreate"},
		{"codeswhat/sockguard", "CONTAINERS=yes", "ContainerList", "ContainerStart"},
		{"codeswhat/sockguard", "CONTAINERS=on ALLOW_RESTART=1", "ContainerRestart ContainerKill", "ContainerList"},
		{"codeswhat/sockguard", "EXEC=1 POST=1", "ContainerExec ExecStart", "ContainerCreate"},
	} {
		p := &proxy{image: imageOf(test.image)}
		for pair := range strings.FieldsSeq(test.environ) {
			name, value, _ := strings.Cut(pair, "=")
			p.old = append(p.old, setting{name: name, raw: value, value: value, known: true})
		}
		allows := p.image.allows(p)
		for list, want := range map[string]bool{test.allowed: true, test.denied: false} {
			for id := range strings.FieldsSeq(list) {
				i := slices.IndexFunc(acl.Operations, func(op acl.Operation) bool { return op.ID == id })
				if got := allows(&acl.Operations[i]); got != want {
					t.Errorf("%s with %q allows %s: %v, want %v", test.image, test.environ, id, got, want)
				}
			}
		}
	}
}

// TestCoverOpensWhatIsWanted takes random operations and asserts that the settings
// open exactly these.
func TestCoverOpensWhatIsWanted(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		wanted, podman := map[string]bool{}, random.IntN(2) == 0
		share := random.IntN(4)
		for i := range acl.Operations {
			op := &acl.Operations[i]
			// Whole sections or single operations.
			if (podman || !advise.IsPodman(op.Section())) && (share == 3 || (len(op.Section().Var)+share)%3 == 0 || random.IntN(9) == 0) {
				wanted[op.ID] = true
			}
		}
		environ := map[string]string{}
		for _, s := range cover(wanted, wanted, podman) {
			environ[s.name] = s.raw
		}
		r, errs := acl.ParseRules("", environ)
		if got := opened(r, podman); len(errs) > 0 || !maps.Equal(got, wanted) {
			t.Fatalf("the settings %v (%v) open %v, want %v", environ, errs, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(wanted)))
		}
	}
}

// TestWords asserts how a command line is split.
func TestWords(t *testing.T) {
	t.Parallel()
	if got, want := words(` -a '-b=c d' -e="x y"z ""`+"\n-f"), []string{"-a", "-b=c d", "-e=x yz", "", "-f"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzCheck asserts of any file that Check ends with one line, or with YAML in which
// each service has postern's image.
func FuzzCheck(f *testing.F) {
	files, err := filepath.Glob("../../tests/config/testdata/compose/*.yml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no compose files to begin with: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("services: {a: {image: tecnativa/docker-socket-proxy, environment: [], command: {}, volumes: [a, {}], healthcheck: []}}"))
	f.Add([]byte("services: {a: {image: wollomatic/socket-proxy, environment: [{}, []], command: [[], -allowGET=(], labels: 1, depends_on: [a]}}"))
	f.Add([]byte("services: {\"a\\nb\": {image: 11notes/socket-proxy, ? [x] : y, environment: {\"A\\nB\": \"C\\u2028D\"}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var out bytes.Buffer
		if err := Check(text, &out); err != nil {
			if strings.ContainsRune(err.Error(), '\n') || out.Len() > 0 {
				t.Errorf("the error has more than one line, or comes with output: %q", err)
			}
			return
		}
		var file struct {
			Services map[string]struct {
				Image string
			}
		}
		if err := yaml.Unmarshal(out.Bytes(), &file); err != nil {
			t.Fatalf("the output is no YAML: %v\n%s", err, &out)
		}
		for name, s := range file.Services {
			if s.Image != postern {
				t.Errorf("service %q has image %q", name, s.Image)
			}
		}
	})
}

// TestEveryDifferenceIsSaid asserts with random settings that each operation which
// only one of the proxies allows is in a line, and no other.
func TestEveryDifferenceIsSaid(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	values := []string{"0", "1", "1", "true", "no", "2"}
	for range 60 {
		known := images[[]int{0, 1, 4}[random.IntN(3)]]
		environment := map[string]string{}
		for name := range strings.FieldsSeq(known.sections + " " + known.verbs + " ALLOW_LOGS ALLOW_PAUSE") {
			if random.IntN(3) == 0 && !strings.HasPrefix(name, "LIBPOD_") {
				environment[name] = values[random.IntN(len(values))]
			}
		}
		text, err := yaml.Marshal(map[string]any{"services": map[string]any{"x": map[string]any{"image": known.name, "environment": environment}}})
		if err != nil {
			t.Fatal(err)
		}
		services, err := readServices(text)
		if err != nil {
			t.Fatal(err)
		}
		p := &proxy{service: services[0], image: &known}
		p.translate(nil)
		allows, policy := known.allows(p), p.policy()
		for _, op := range p.operations() {
			now := policy.Operation(op.Index()).Outcome == acl.Allowed
			for kind, want := range map[kind]bool{narrower: allows(op) && !now, wider: now && !allows(op)} {
				said := slices.ContainsFunc(p.lines, func(l line) bool {
					subject, _, _ := strings.Cut(l.text, ": ")
					return l.kind == kind && slices.Contains(strings.FieldsFunc(subject, func(r rune) bool { return strings.ContainsRune(" ,()", r) }), op.ID)
				})
				if said != want {
					t.Fatalf("%s with %v: a line says that %s is %s: %v, want %v\n%s", known.name, environment, op.ID, kind, said, want, fmt.Sprint(p.lines))
				}
			}
		}
	}
}
