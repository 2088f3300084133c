package tests

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// askProgram builds tests/ask once, for containers of busybox.
var askProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workDir, "ask")
	cmd := exec.Command("go", "build", "-o", path, "postern/tests/ask")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return path, err
})

// site is a user-defined network of containers.
type site struct {
	t    *testing.T
	name string
}

// newSite makes a network; more are arguments of docker network create.
func newSite(t *testing.T, more ...string) site {
	t.Helper()
	s := site{t, unused(t)}
	prepare(t, append(append([]string{"network", "create"}, more...), s.name)...)
	return s
}

// subnet returns one of six addresses, any of which is soon used again, that no
// other network is likely to have.
func subnet() string {
	return fmt.Sprintf("10.%d.%d.%d/29", 128+rand.IntN(128), rand.IntN(256), rand.IntN(32)*8)
}

// member starts a container of busybox that does nothing on the network until
// it is removed, and returns its name. more are arguments of docker run.
func (s site) member(more ...string) string {
	s.t.Helper()
	name := unused(s.t)
	prepare(s.t, append(s.args(name, more...), busybox(s.t), "sleep", "1000")...)
	return name
}

func (s site) args(name string, more ...string) []string {
	s.t.Helper()
	program, err := askProgram()
	if err != nil {
		s.t.Fatal(err)
	}
	args := []string{"run", "-d", "--init", "--name", name, "--network", s.name, "--volume", program + ":/ask:ro"}
	return append(args, more...)
}

// ask asks once from within a member and returns the status.
func ask(t *testing.T, member, host, method, target string) int {
	t.Helper()
	out := strings.TrimSpace(prepare(t, "exec", member, "/ask", host, method, target))
	status, err := strconv.Atoi(out)
	if err != nil {
		t.Fatalf("%s asks %s %s: %s", member, method, target, out)
	}
	return status
}

// first runs a container that asks at once, and returns the status: what the
// proxy takes a container for that it has never seen.
func (s site) first(host, method, target string, more ...string) int {
	s.t.Helper()
	name := unused(s.t)
	args := append(s.args(name, more...), busybox(s.t), "/ask", host, method, target)
	args[1] = "--rm"
	status, err := strconv.Atoi(strings.TrimSpace(prepare(s.t, args...)))
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

// serve starts postern in the network under the name it returns.
func (s site) serve(environ map[string]string, more ...string) container {
	s.t.Helper()
	args := append([]string{"--network", s.name, mount(engineSocket)}, more...)
	for name, value := range environ {
		args = append(args, "--env", name+"="+value)
	}
	return launch(s.t, args...)
}

func (c container) url() string { return "tcp://" + c.name + ":2375" }

// TestClientContainers: three clients, by service name, by subnet and by a
// socket in a shared volume, and a stranger. Each may do what its policy says
// and nothing else.
func TestClientContainers(t *testing.T) {
	t.Parallel()
	theirs := subnet()
	here, there := newSite(t), newSite(t, "--subnet", theirs)
	volume := unused(t)
	prepare(t, "volume", "create", volume)
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
	prepare(t, "network", "connect", there.name, p.name)

	for _, client := range []struct {
		member, host string
		allowed      string
	}{
		{here.member("--network-alias", "reader"), p.url(), "/containers/json /version"},
		{there.member(), p.url(), "/volumes /version"},
		{here.member("--volume", volume+":/run/updater"), "unix:///run/updater/docker.sock", "/images/json"},
		{here.member(), p.url(), "/info /version"},
	} {
		for _, target := range words("/containers/json /volumes /images/json /info /version /networks /secrets") {
			allowed := strings.Contains(client.allowed+" ", target+" ")
			if status := ask(t, client.member, client.host, "GET", target); (status != 403) != allowed {
				t.Errorf("whoever may do %q: GET %s has status %d, want allowed %v", client.allowed, target, status, allowed)
			}
		}
		for _, target := range words("/containers/create /images/create /volumes/create?x=y") {
			allowed := strings.HasPrefix(target, "/volumes") && strings.Contains(client.allowed, "/volumes")
			if status := ask(t, client.member, client.host, "POST", target); (status != 403) != allowed {
				t.Errorf("whoever may do %q: POST %s has status %d, want allowed %v", client.allowed, target, status, allowed)
			}
		}
	}
	if e := p.entries("refused"); len(e) == 0 || e[0]["client"] != "reader" {
		t.Errorf("the first refusal in the log is %v, want the reader's", e)
	}
}

// TestChangingClients recreates, scales and renames clients while others ask,
// on a network so small that addresses come back, and counts wrong decisions.
func TestChangingClients(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--subnet", subnet())
	p := s.serve(map[string]string{
		"CLIENT_READER_FROM":       "reader",
		"CLIENT_READER_CONTAINERS": "1",
	})
	// The path of a request says who asks, so that the log tells what each was
	// taken for.
	const reader, stranger = "/containers/reader/json", "/containers/stranger/json"
	background := s.member()
	prepare(t, "exec", "-d", background, "/ask", "-every", "20ms", p.url(), "GET", stranger)

	asReader := words("--network-alias reader")
	for range 6 {
		if status := s.first(p.url(), "GET", reader, asReader...); status != 404 {
			t.Errorf("the first request of a reader: status %d, want the engine's 404", status)
		}
		if status := s.first(p.url(), "GET", stranger); status != 403 {
			t.Errorf("the first request of a stranger on a reader's address: status %d, want 403", status)
		}
	}
	// Up to three, and down again. There is room for six addresses.
	several := []string{}
	for range 3 {
		several = append(several, s.member(asReader...))
		for _, member := range several {
			if status := ask(t, member, p.url(), "GET", reader); status != 404 {
				t.Errorf("one of %d readers: status %d, want the engine's 404", len(several), status)
			}
		}
	}
	remove(several[0])
	if status := s.first(p.url(), "GET", stranger); status != 403 {
		t.Errorf("a stranger on the address of a reader that is gone: status %d, want 403", status)
	}
	for _, member := range several[1:] {
		if status := ask(t, member, p.url(), "GET", reader); status != 404 {
			t.Errorf("a reader that is left: status %d, want the engine's 404", status)
		}
		remove(member)
	}

	renamed := unused(t)
	member := s.member()
	q := s.serve(map[string]string{"CLIENT_READER_FROM": renamed, "CLIENT_READER_CONTAINERS": "1"})
	for range 3 {
		if status := ask(t, member, q.url(), "GET", stranger); status != 403 {
			t.Errorf("before it is renamed: status %d, want 403", status)
		}
		prepare(t, "rename", member, renamed)
		if status := ask(t, renamed, q.url(), "GET", reader); status != 404 {
			t.Errorf("after it is renamed: status %d, want the engine's 404", status)
		}
		prepare(t, "rename", renamed, member)
	}

	wrong, asked := 0, 0
	for _, c := range []container{p, q} {
		for _, e := range c.entries("") {
			path, _ := e["path"].(string)
			if path != reader && path != stranger {
				continue
			}
			asked++
			if refused := e["message"] == "refused"; refused != (path == stranger) {
				wrong++
				t.Errorf("wrong decision: %v", e)
			}
		}
	}
	if asked < 100 || wrong > 0 {
		t.Errorf("%d wrong decisions of %d, want none of a hundred or more", wrong, asked)
	}
}

// TestKeptConnectionOfRenamed: a connection that lasts belongs to a client as
// long as the client's name does.
func TestKeptConnectionOfRenamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	member, other := s.member(), unused(t)
	p := s.serve(map[string]string{"CLIENT_READER_FROM": member, "CLIENT_READER_CONTAINERS": "1"})
	prepare(t, "exec", "-d", member, "/ask", "-every", "50ms", "-keep", p.url(), "GET", "/containers/json")
	last := func(message string) func() bool {
		return func() bool {
			all := p.entries("")
			return len(all) > 0 && all[len(all)-1]["message"] == message
		}
	}
	await(t, "allowed request", last("allowed"))
	prepare(t, "rename", member, other)
	await(t, "refused request of a container that is no longer called so", last("refused"))
	prepare(t, "rename", other, member)
	await(t, "allowed request of one that is called so again", last("allowed"))
	connections := map[any]bool{}
	for _, e := range p.entries("") {
		if e["path"] == "/containers/json" {
			connections[e["address"]] = true
		}
	}
	if len(connections) != 1 {
		t.Errorf("the requests came on %d connections, want one that is kept", len(connections))
	}
}

// TestSearchDomains: the proxy's container has a search domain in which there is
// an entry of the name that a client has. It leads to somebody else.
func TestSearchDomains(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve(map[string]string{"CLIENT_READER_FROM": "reader", "CLIENT_READER_CONTAINERS": "1"}, "--dns-search", "web.test")
	other := s.member("--network-alias", "reader.web.test")
	for _, want := range []int{403, 200} {
		if status := ask(t, other, p.url(), "GET", "/containers/json"); status != want {
			t.Errorf("reader.web.test: status %d, want %d", status, want)
		}
		// Now by its whole name.
		p = s.serve(map[string]string{"CLIENT_READER_FROM": "reader.web.test", "CLIENT_READER_CONTAINERS": "1"})
	}
}

// TestGoneFromInternalNetwork: Docker's resolver passes a name that it no longer
// knows on to a server that an internal network cannot reach (engines before
// 23.0.11), and says nothing. Neither the first connection from the address of a
// client that is gone nor a later one may have its permissions.
func TestGoneFromInternalNetwork(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--internal", "--subnet", subnet())
	p := s.serve(map[string]string{"CLIENT_READER_FROM": "reader", "CLIENT_READER_CONTAINERS": "1"})
	for range 3 {
		reader := s.member("--network-alias", "reader")
		if status := ask(t, reader, p.url(), "GET", "/containers/json"); status != 200 {
			t.Errorf("a reader: status %d, want 200", status)
		}
		address := container{t, reader}.address(s)
		remove(reader)
		stranger := s.member("--ip", address)
		for range 3 {
			if status := ask(t, stranger, p.url(), "GET", "/containers/json"); status != 403 {
				t.Errorf("a stranger on the address of a reader that is gone: status %d, want 403", status)
			}
		}
		remove(stranger)
	}
}

// TestDNSIsCut: known clients keep working, and nobody is let in.
func TestDNSIsCut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve(map[string]string{"CLIENT_READER_FROM": "reader", "CLIENT_READER_CONTAINERS": "1", "INFO": "1"})
	known := s.member("--network-alias", "reader")
	stranger := s.member()
	if status := ask(t, known, p.url(), "GET", "/containers/json"); status != 200 {
		t.Fatalf("a reader: status %d, want 200", status)
	}
	firewall := func(change string) {
		t.Helper()
		cmd := exec.Command("nsenter", "--target", p.inspect("{{.State.Pid}}"), "--net",
			"iptables", change, "OUTPUT", "--destination", "127.0.0.11", "--jump", "DROP")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cutting the proxy off its resolver takes root and iptables: %v: %s", err, out)
		}
	}
	firewall("--insert")
	host := "tcp://" + p.address(s) + ":2375"
	for range 3 {
		if status := ask(t, known, host, "GET", "/containers/json"); status != 200 {
			t.Errorf("a reader that was known: status %d, want 200", status)
		}
		if status := ask(t, stranger, host, "GET", "/containers/json"); status != 403 {
			t.Errorf("a stranger: status %d, want 403", status)
		}
		if status := ask(t, stranger, host, "GET", "/info"); status != 200 {
			t.Errorf("what a stranger may do: status %d, want 200", status)
		}
		if status := s.first(host, "GET", "/containers/json", "--network-alias", "reader"); status != 403 {
			t.Errorf("a reader that was not known: status %d, want 403", status)
		}
	}
	await(t, "line of the log about the resolver", func() bool { return len(p.entries("no answer from the resolver")) == 1 })
	firewall("--delete")
	await(t, "new reader once the resolver is back", func() bool {
		return s.first(host, "GET", "/containers/json", "--network-alias", "reader") == 200
	})
}

// address is the proxy's in a network.
func (c container) address(s site) string {
	c.t.Helper()
	return c.inspect(`{{(index .NetworkSettings.Networks "` + s.name + `").IPAddress}}`)
}

func TestIPv6Client(t *testing.T) {
	t.Parallel()
	six := fmt.Sprintf("fd00:%x:%x::/64", rand.IntN(1<<16), rand.IntN(1<<16))
	s := newSite(t, "--ipv6", "--subnet", six)
	p := s.serve(map[string]string{"CLIENT_SIX_FROM": six, "CLIENT_SIX_CONTAINERS": "1", "CLIENT_NAMED_FROM": "named", "CLIENT_NAMED_NETWORKS": "1"})
	v6 := "tcp://[" + p.inspect(`{{(index .NetworkSettings.Networks "`+s.name+`").GlobalIPv6Address}}`) + "]:2375"
	v4 := "tcp://" + p.address(s) + ":2375"
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
		if status := ask(t, test.member, test.host, "GET", "/containers/json"); status != test.containers {
			t.Errorf("GET /containers/json at %s: status %d, want %d", test.host, status, test.containers)
		}
		if status := ask(t, test.member, test.host, "GET", "/networks"); status != test.networks {
			t.Errorf("GET /networks at %s: status %d, want %d", test.host, status, test.networks)
		}
	}
}

// TestHostNetworkClient: a program in the host's network has the address of the
// network's gateway.
func TestHostNetworkClient(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	gateway := strings.TrimSpace(prepare(t, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", s.name))
	p := s.serve(map[string]string{"CLIENT_HOST_FROM": gateway, "CLIENT_HOST_CONTAINERS": "1"})
	host := "tcp://" + p.address(s) + ":2375"
	onHost := site{t, "host"}
	if status := onHost.first(host, "GET", "/containers/json"); status != 200 {
		t.Errorf("in the host's network: status %d, want 200", status)
	}
	if status := s.first(host, "GET", "/containers/json"); status != 403 {
		t.Errorf("in the proxy's network: status %d, want 403", status)
	}
}

// TestOverlappingNames: two networks have a container of the same name each. The
// name of the network behind it tells which.
func TestOverlappingNames(t *testing.T) {
	t.Parallel()
	one, two := newSite(t), newSite(t)
	p := one.serve(map[string]string{
		"CLIENT_ONE_FROM":       "web." + one.name,
		"CLIENT_ONE_CONTAINERS": "1",
		"CLIENT_TWO_FROM":       "web." + two.name,
		"CLIENT_TWO_NETWORKS":   "1",
	})
	prepare(t, "network", "connect", two.name, p.name)
	for _, test := range []struct {
		s                    site
		containers, networks int
	}{{one, 200, 403}, {two, 403, 200}} {
		member := test.s.member("--network-alias", "web")
		host := "tcp://" + p.address(test.s) + ":2375"
		if status := ask(t, member, host, "GET", "/containers/json"); status != test.containers {
			t.Errorf("GET /containers/json: status %d, want %d", status, test.containers)
		}
		if status := ask(t, member, host, "GET", "/networks"); status != test.networks {
			t.Errorf("GET /networks: status %d, want %d", status, test.networks)
		}
	}
}
