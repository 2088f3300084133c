// Package examples starts postern as each folder of examples/ does, and asks as the
// programs there do.
package examples

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestEveryFolderIsTested asserts that each folder has a short README and is in the
// table of these tests and in that of examples/README.md.
func TestEveryFolderIsTested(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(harness.File("examples/*/"))
	if err != nil {
		t.Fatal(err)
	}
	list := example{}.read(t, "README.md")
	var tested []string
	for _, e := range examples {
		tested = append(tested, e.folder)
	}
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		name := filepath.Base(folder)
		if !slices.Contains(tested, name) {
			t.Errorf("no test starts examples/%s", name)
			continue
		}
		if !strings.Contains(list, "]("+name+")") {
			t.Errorf("examples/README.md does not list %s", name)
		}
		if n := strings.Count(example{folder: name}.read(t, "README.md"), "\n"); n > 15 {
			t.Errorf("examples/%s/README.md has %d lines, want a screen's half", name, n)
		}
	}
}

// TestExamplesDecide starts postern with the settings of each example and sends it
// what the example's programs send, and what they must not.
func TestExamplesDecide(t *testing.T) {
	t.Parallel()
	for _, e := range examples {
		t.Run(e.folder, func(t *testing.T) {
			t.Parallel()
			p, users := start(t, e)
			if _, isGuarded := guarded[e.folder]; isGuarded {
				decideGuarded(t, e, p)
				return
			}
			for _, u := range e.users {
				allowed, refused := requests(u.allowed), requests(u.refused+", "+dangers)
				asked := slices.Concat(allowed, refused)
				for i, forwarded := range p.ForwardedOn(users(u), asked) {
					if want := i < len(allowed); forwarded != want {
						t.Errorf("%s: %s %s: allowed %v, want %v", u.service, asked[i].Method, asked[i].Target, forwarded, want)
					}
				}
			}
		})
	}
}

// decideGuarded asks a guarded example's postern in front of a stand-in engine, since a
// guard asks the engine itself: for each request whether the status is another than
// 403, and for creates by their bodies.
func decideGuarded(t *testing.T, e example, p *harness.Postern) {
	t.Helper()
	check := func(method, target, body string, want bool) {
		t.Helper()
		head := harness.Head(method, target, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))
		if r := harness.Send(t, p.Dial(), head+body); (r.Status != 403) != want {
			t.Errorf("%s %s %s: status %d %s, want allowed %v", method, target, body, r.Status, r.Message(), want)
		}
	}
	for _, u := range e.users {
		for _, r := range requests(u.allowed) {
			check(r.Method, r.Target, "", true)
		}
		for _, r := range requests(u.refused + ", " + dangers) {
			check(r.Method, r.Target, "", false)
		}
	}
	const create = "/v1.41/containers/create"
	for _, body := range guarded[e.folder].allowed {
		check("POST", create, body, true)
	}
	for _, body := range slices.Concat(guarded[e.folder].refused, escapes) {
		check("POST", create, body, false)
	}
}

// TestExamplesAreGuardedWell asserts what the compose files and the stack have in
// common: postern can do little, no port leads to it, and its networks lead nowhere.
func TestExamplesAreGuardedWell(t *testing.T) {
	t.Parallel()
	for _, e := range examples {
		if !e.isCompose() {
			continue
		}
		c := e.compose(t)
		s := c.Services["postern"]
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.CapAdd, []string{"SETUID", "SETGID"}) {
			t.Errorf("%s: read_only %v, cap_drop %q, cap_add %q: want true, ALL, SETUID and SETGID", e.folder, s.ReadOnly, s.CapDrop, s.CapAdd)
		}
		// A Swarm has no such option.
		if s.Deploy.Mode == "" && !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: security_opt %q, want no-new-privileges:true", e.folder, s.SecurityOpt)
		}
		if len(s.Ports) > 0 {
			t.Errorf("%s: postern has the ports %q, want none", e.folder, s.Ports)
		}
		if !slices.Contains(s.Volumes, "/var/run/docker.sock:/var/run/docker.sock:ro") {
			t.Errorf("%s: volumes %q, want the engine's socket, read-only", e.folder, s.Volumes)
		}
		if len(s.Networks) == 0 && s.NetworkMode != "none" {
			t.Errorf("%s: postern is on the default network", e.folder)
		}
		for _, name := range s.Networks {
			if !c.Networks[name].Internal {
				t.Errorf("%s: postern's network %s is not internal", e.folder, name)
			}
			users := 0
			for _, other := range c.Services {
				if slices.Contains(other.Networks, name) {
					users++
				}
			}
			if users > 2 {
				t.Errorf("%s: %d services share the network %s, want postern and its client", e.folder, users, name)
			}
		}
		for name, other := range c.Services {
			if name != "postern" && strings.Contains(fmt.Sprint(other.Volumes), "/var/run/docker.sock:") {
				t.Errorf("%s: %s has the engine's own socket", e.folder, name)
			}
		}
	}
}

// TestExamplesNameTheirPostern asserts that the settings of each program name the
// address or the socket file at which the tests find postern.
func TestExamplesNameTheirPostern(t *testing.T) {
	t.Parallel()
	for _, e := range examples {
		var texts strings.Builder
		files, _ := filepath.Glob(e.path("*"))
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && !info.IsDir() {
				texts.WriteString(e.read(t, filepath.Base(file)))
			}
		}
		text := texts.String()
		for _, u := range e.users {
			named := []string{u.endpoint, strings.TrimPrefix(u.endpoint, "unix://")}
			if host, port, found := strings.Cut(strings.TrimPrefix(u.endpoint, "tcp://"), ":"); found {
				named = append(named, "host: "+host+"\n  port: "+port)
			}
			if !slices.ContainsFunc(named, func(name string) bool { return strings.Contains(text, name) }) {
				t.Errorf("%s: nothing tells %s that postern is at %s", e.folder, u.service, u.endpoint)
			}
		}
	}
}

var (
	fromVariable   = regexp.MustCompile(`^CLIENT_([A-Z]+)_FROM$`)
	listenVariable = regexp.MustCompile(`^(?:CLIENT_[A-Z]+_|METRICS_)?LISTEN$`)
)

// start runs postern with the settings of an example, but for what only a container
// has: sockets go to a folder of the test, ports are free ones, and a client's host
// name is an address of loopback. The function it returns connects as a program of
// the example.
func start(t *testing.T, e example) (*harness.Postern, func(user) net.Conn) {
	t.Helper()
	dir := harness.SocketDir(t)
	file := func(path string) string {
		return filepath.Join(dir, strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"))
	}
	settings := maps.Clone(e.settings(t))
	addresses := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := settings[name]
		if m := fromVariable.FindStringSubmatch(name); m != nil {
			addresses[m[1]] = fmt.Sprintf("127.0.77.%d", len(addresses)+1)
			settings[name] = addresses[m[1]]
		} else if path, found := strings.CutPrefix(value, "unix://"); found && listenVariable.MatchString(name) {
			path, query, _ := strings.Cut(path, "?")
			settings[name] = "unix://" + file(path) + "?" + query
		} else if listenVariable.MatchString(name) {
			settings[name] = "tcp://127.0.0.1:0"
		}
	}
	if _, isGuarded := guarded[e.folder]; isGuarded {
		_, settings["SOCKET_PATH"] = harness.StandIn(t)
	} else {
		settings["SOCKET_PATH"] = harness.MarkingEngine(t)
	}
	p := harness.Start(t, settings)
	for _, entry := range p.Log() {
		if entry["level"] == "warn" && entry["operations"] == nil { // else it says what is open
			t.Errorf("a warning at start: %v", entry)
		}
	}
	return p, func(u user) net.Conn {
		t.Helper()
		if path, found := strings.CutPrefix(u.endpoint, "unix://"); found {
			return harness.Dial(t, "unix", file(path))
		}
		if u.client != "" {
			return p.DialFrom(addresses[u.client])
		}
		return p.Dial()
	}
}
