//go:build real

package clients

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// site is a user-defined network of containers.
type site struct {
	t    *testing.T
	name string
}

// newSite makes a network; more are arguments of docker network create.
func newSite(t *testing.T, more ...string) site {
	t.Helper()
	s := site{t, harness.Unused(t)}
	harness.MustDocker(t, append(append([]string{"network", "create"}, more...), s.name)...)
	return s
}

// subnet returns one of six addresses, any of which is soon used again, that no
// other network is likely to have.
func subnet() string {
	return fmt.Sprintf("10.%d.%d.%d/29", 128+rand.IntN(128), rand.IntN(256), rand.IntN(32)*8)
}

// TestContainersGetTheirPolicies asserts that three clients, by service name, by subnet
// and by a socket in a shared volume, and an undeclared one may do what their policies
// allow and nothing else.
func TestContainersGetTheirPolicies(t *testing.T) {
	t.Parallel()
	theirs := subnet()
	here, there := newSite(t), newSite(t, "--subnet", theirs)
	volume := harness.Unused(t)
	harness.MustDocker(t, "volume", "create", volume)
	p := here.serve(map[string]string{
		"INFO":                     "1",
		"CLIENT_READER_FROM":       "reader",
		"CLIENT_READER_CONTAINERS": "1",
		"CLIENT_MANAGER_FROM":      theirs,
		"CLIENT_MANAGER_VOLUMES":   "1",
		"CLIENT_MANAGER_POST":      "1",
		"CLIENT_UPDATER_LISTEN":    "unix:///run/updater/docker.sock?mode=0666",
		"CLIENT_UPDATER_ALLOW":     "ImageList",
		"CLIENT_UPDATER_VERSION":   "0",
	}, "--volume", volume+":/run/updater")
	harness.MustDocker(t, "network", "connect", there.name, p.Name)

	for _, client := range []struct {
		member, host string
		allowed      string
	}{
		{here.member("--network-alias", "reader"), p.URL(), "/containers/json /version"},
		{there.member(), p.URL(), "/volumes /version"},
		{here.member("--volume", volume+":/run/updater"), "unix:///run/updater/docker.sock", "/images/json"},
		{here.member(), p.URL(), "/info /version"},
	} {
		for _, target := range harness.Words("/containers/json /volumes /images/json /info /version /networks /secrets") {
			allowed := strings.Contains(client.allowed+" ", target+" ")
			if status := harness.Ask(t, client.member, client.host, "GET", target); (status != 403) != allowed {
				t.Errorf("the client that may do %q: GET %s has status %d, want allowed %v", client.allowed, target, status, allowed)
			}
		}
		for _, target := range harness.Words("/containers/create /images/create /volumes/create?x=y") {
			allowed := strings.HasPrefix(target, "/volumes") && strings.Contains(client.allowed, "/volumes")
			if status := harness.Ask(t, client.member, client.host, "POST", target); (status != 403) != allowed {
				t.Errorf("the client that may do %q: POST %s has status %d, want allowed %v", client.allowed, target, status, allowed)
			}
		}
	}
	if e := p.Entries("refused"); len(e) == 0 || e[0]["client"] != "reader" {
		t.Errorf("the first refusal in the log is %v, want the reader's", e)
	}
}

// TestSearchDomainsAreIgnored asserts that a client's name is not looked up in a search
// domain, where it leads to another container.
func TestSearchDomainsAreIgnored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve(map[string]string{"CLIENT_READER_FROM": "reader", "CLIENT_READER_CONTAINERS": "1"}, "--dns-search", "web.test")
	other := s.member("--network-alias", "reader.web.test")
	for _, want := range []int{403, 200} {
		if status := harness.Ask(t, other, p.URL(), "GET", "/containers/json"); status != want {
			t.Errorf("reader.web.test: status %d, want %d", status, want)
		}
		// Now by its whole name.
		p = s.serve(map[string]string{"CLIENT_READER_FROM": "reader.web.test", "CLIENT_READER_CONTAINERS": "1"})
	}
}

func TestIPv6ClientIsIdentified(t *testing.T) {
	t.Parallel()
	six := fmt.Sprintf("fd00:%x:%x::/64", rand.IntN(1<<16), rand.IntN(1<<16))
	s := newSite(t, "--ipv6", "--subnet", six)
	p := s.serve(map[string]string{"CLIENT_SIX_FROM": six, "CLIENT_SIX_CONTAINERS": "1", "CLIENT_NAMED_FROM": "named", "CLIENT_NAMED_NETWORKS": "1"})
	v6 := "tcp://[" + p.Inspect(`{{(index .NetworkSettings.Networks "`+s.name+`").GlobalIPv6Address}}`) + "]:2375"
	v4 := "tcp://" + p.Address(s.name) + ":2375"
	member, named := s.member(), s.member("--network-alias", "named")
	for _, test := range []struct {
		member, host         string
		containers, networks int
	}{
		{member, v6, 200, 403},
		{member, v4, 403, 403},
		{named, v6, 403, 200},
		{named, v4, 403, 200},
	} {
		if status := harness.Ask(t, test.member, test.host, "GET", "/containers/json"); status != test.containers {
			t.Errorf("GET /containers/json at %s: status %d, want %d", test.host, status, test.containers)
		}
		if status := harness.Ask(t, test.member, test.host, "GET", "/networks"); status != test.networks {
			t.Errorf("GET /networks at %s: status %d, want %d", test.host, status, test.networks)
		}
	}
}

// TestHostNetworkHasTheGatewaysAddress asserts that a program in the host's network is
// known by the address of the network's gateway.
func TestHostNetworkHasTheGatewaysAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	gateway := strings.TrimSpace(harness.MustDocker(t, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", s.name))
	p := s.serve(map[string]string{"CLIENT_HOST_FROM": gateway, "CLIENT_HOST_CONTAINERS": "1"})
	host := "tcp://" + p.Address(s.name) + ":2375"
	onHost := site{t, "host"}
	if status := onHost.first(host, "GET", "/containers/json"); status != 200 {
		t.Errorf("in the host's network: status %d, want 200", status)
	}
	if status := s.first(host, "GET", "/containers/json"); status != 403 {
		t.Errorf("in the proxy's network: status %d, want 403", status)
	}
}

// TestNetworkNameTellsContainersApart asserts that <name>.<network> is one of two
// containers that have the same name in two networks.
func TestNetworkNameTellsContainersApart(t *testing.T) {
	t.Parallel()
	one, two := newSite(t), newSite(t)
	p := one.serve(map[string]string{
		"CLIENT_ONE_FROM":       "web." + one.name,
		"CLIENT_ONE_CONTAINERS": "1",
		"CLIENT_TWO_FROM":       "web." + two.name,
		"CLIENT_TWO_NETWORKS":   "1",
	})
	harness.MustDocker(t, "network", "connect", two.name, p.Name)
	for _, test := range []struct {
		s                    site
		containers, networks int
	}{{one, 200, 403}, {two, 403, 200}} {
		member := test.s.member("--network-alias", "web")
		host := "tcp://" + p.Address(test.s.name) + ":2375"
		if status := harness.Ask(t, member, host, "GET", "/containers/json"); status != test.containers {
			t.Errorf("GET /containers/json: status %d, want %d", status, test.containers)
		}
		if status := harness.Ask(t, member, host, "GET", "/networks"); status != test.networks {
			t.Errorf("GET /networks: status %d, want %d", status, test.networks)
		}
	}
}

// member starts a container of busybox that does nothing on the network until
// it is removed, and returns its name. more are arguments of docker run.
func (s site) member(more ...string) string {
	s.t.Helper()
	name := harness.Unused(s.t)
	harness.MustDocker(s.t, append(s.args(name, more...), harness.Busybox(s.t), "sleep", "1000")...)
	return name
}

func (s site) args(name string, more ...string) []string {
	s.t.Helper()
	program := harness.AskProgram(s.t)
	args := []string{"run", "-d", "--init", "--name", name, "--network", s.name, "--volume", program + ":/ask:ro"}
	return append(args, more...)
}

// first runs a container that sends a request at once, and returns the status: the
// proxy has not seen the container before.
func (s site) first(host, method, target string, more ...string) int {
	s.t.Helper()
	name := harness.Unused(s.t)
	args := append(s.args(name, more...), harness.Busybox(s.t), "/ask", host, method, target)
	args[1] = "--rm"
	status, err := strconv.Atoi(strings.TrimSpace(harness.MustDocker(s.t, args...)))
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

// serve starts postern in the network under the name it returns.
func (s site) serve(environ map[string]string, more ...string) harness.Container {
	s.t.Helper()
	args := append([]string{"--network", s.name, harness.Mount(harness.EngineSocket)}, more...)
	for name, value := range environ {
		args = append(args, "--env", name+"="+value)
	}
	return harness.StartStatic(s.t, args...)
}
