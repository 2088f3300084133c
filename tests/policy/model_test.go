package policy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestModelKnowsEveryToggle asserts that the random settings are made of all
// toggles, which TestDocs asserts of the tables in docs/variables.md.
func TestModelKnowsEveryToggle(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(harness.File("docs/variables.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, table := range regexp.MustCompile(`(?s)<!-- (?:sections|podman|verbs) -->.*?<!-- end -->`).FindAllString(string(page), -1) {
		for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)`").FindAllStringSubmatch(table, -1) {
			listed = append(listed, row[1])
		}
	}
	known := strings.Fields(harness.SectionToggles + " " + harness.OtherToggles)
	slices.Sort(listed)
	slices.Sort(known)
	if !slices.Equal(listed, known) {
		t.Errorf("docs/variables.md lists %q, the model knows %q", listed, known)
	}
}

// noReads are the GETs that docs/migrating.md says are none.
var noReads = strings.Fields("CheckpointList ContainerAttachWebsocket SwarmUnlockkey " +
	"ContainerHealthcheckLibpod ContainerTopLibpod QuadletListLibpod QuadletFileLibpod QuadletExistsLibpod SecretInspectLibpod")

// model is what postern promises, written from its documentation and without
// its code: environ holds "0" or "1" for the toggles that are set.
func model(environ map[string]string, r harness.Request) bool {
	on := func(name string) bool { return environ[name] == "1" }
	is := func(methods, suffix string) bool {
		return matches("^("+methods+") (/libpod)?/(containers|pods)/.+/("+suffix+")$", r.Method+" "+r.Path)
	}
	listed := func(list string) bool {
		patterns := strings.NewReplacer("*", ".*", ",", "|").Replace(environ[list])
		return environ[list] != "" && matches("^("+patterns+")$", r.ID)
	}
	section := strings.ToUpper(strings.NewReplacer("/_", "", "/libpod/_", "LIBPOD_", "/libpod/", "LIBPOD_").Replace(r.Path))
	section, _, _ = strings.Cut(strings.TrimPrefix(section, "/"), "/")
	_, set := environ[section]
	open := on(section) || !set && slices.Contains([]string{"EVENTS", "PING", "VERSION", "LIBPOD_PING", "LIBPOD_VERSION"}, section)
	if !slices.Contains(strings.Fields(harness.SectionToggles), section) || listed("DENY") {
		return false
	}
	libpod, legacy := "", ""
	switch {
	case strings.HasPrefix(r.Path, "/libpod/containers/"):
		libpod, legacy = "LIBPOD_", "LIBPOD_ALLOW_"
	case strings.HasPrefix(r.Path, "/libpod/pods/"):
		libpod, legacy = "LIBPOD_", "LIBPOD_ALLOW_POD_"
	}
	if listed("ALLOW") {
		return true
	}
	for verb, suffix := range map[string]string{"START": "start", "STOP": "stop", "RESTARTS": "stop|restart|kill", "PAUSE": "pause", "UNPAUSE": "unpause"} {
		if is("POST", suffix) && (on("ALLOW_"+verb) || on(legacy+verb)) {
			return true
		}
	}
	if !open || is("POST", "exec") && !on(libpod+"EXEC") {
		return false
	}
	for name, refused := range map[string]bool{
		"ALLOW_LOGS":    is("GET", "logs"),
		"ALLOW_TOP":     is("GET", "top"),
		"ALLOW_CHANGES": is("GET", "changes"),
		"ALLOW_ARCHIVE": is("GET|HEAD|PUT", "archive") || is("POST", "copy"),
		"ALLOW_EXPORT":  is("GET", "export") || r.ID == "VolumeExportLibpod",
	} {
		value, set := environ[name]
		files := name == "ALLOW_ARCHIVE" || name == "ALLOW_EXPORT"
		if refused && (value == "0" || !set && files && !on("POST")) {
			return false
		}
	}
	writes := r.Method != "GET" && r.Method != "HEAD" || slices.Contains(noReads, r.ID)
	return !writes || on("POST")
}

var compiled sync.Map // of *regexp.Regexp by pattern

// matches compiles each pattern once: the model asks a hundred thousand times.
func matches(pattern, s string) bool {
	re, known := compiled.Load(pattern)
	if !known {
		re, _ = compiled.LoadOrStore(pattern, regexp.MustCompile(pattern))
	}
	return re.(*regexp.Regexp).MatchString(s)
}

// TestProxyDecidesLikeTheModel sends every operation of Docker and Podman to the proxy,
// with and without a version, under random settings, and compares which requests are
// forwarded with the model.
func TestProxyDecidesLikeTheModel(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	requests := harness.Requests(t)
	random := seeded(t)
	for range 25 {
		environ := randomSettings(random, requests)
		p := harness.StartQuick(t, harness.With(environ, map[string]string{"SOCKET_PATH": socket}))
		explained := harness.Explained(t, environ)
		for i, forwarded := range p.Forwarded(requests) {
			r := requests[i]
			if want := model(environ, r); forwarded != want {
				t.Errorf("%v\n%+v: forwarded is %v, want %v", environ, r, forwarded, want)
			}
			if allowed, listed := explained[r.ID+" "+r.Method+" "+r.Pattern]; listed && forwarded != allowed {
				t.Errorf("%v\n%+v: forwarded is %v, explain says %v", environ, r, forwarded, allowed)
			}
		}
		p.Stop()
		if t.Failed() {
			return
		}
	}
}

// seeded returns random numbers, and logs what makes them the same again.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// randomSettings sets a third of the toggles to 1 and a third to 0, and every
// other time ALLOW and DENY to a few operations.
func randomSettings(random *rand.Rand, requests []harness.Request) map[string]string {
	environ := map[string]string{}
	for _, name := range strings.Fields(harness.SectionToggles + " " + harness.OtherToggles) {
		if value := random.IntN(3); value < 2 {
			environ[name] = fmt.Sprint(value)
		}
	}
	for _, list := range []string{"ALLOW", "DENY"} {
		if random.IntN(2) == 0 {
			continue
		}
		patterns := []string{[]string{"*Prune", "*Delete*", "Container*", "*Inspect", "Image*Libpod"}[random.IntN(5)]}
		for range 5 {
			if id := requests[random.IntN(len(requests))].ID; id != "" {
				patterns = append(patterns, id)
			}
		}
		environ[list] = strings.Join(patterns, ",")
	}
	return environ
}
