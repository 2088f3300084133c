package clients

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestListenerIdentifiesItsClient asserts that connections to a client's own listener
// belong to that client, and no others do.
func TestListenerIdentifiesItsClient(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	dir := harness.SocketDir(t)
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	stale, err := net.Listen("unix", two)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	p := harness.Start(t, map[string]string{
		"SOCKET_PATH":           socket,
		"CLIENT_ONE_LISTEN":     "unix://" + one + "?mode=0600",
		"CLIENT_ONE_CONTAINERS": "1",
		"CLIENT_TWO_LISTEN":     "unix://" + two + "?mode=0666,tcp://127.0.0.2:0",
		"CLIENT_TWO_NETWORKS":   "1",
	})
	if info, err := os.Stat(one); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v, want 0600", one, info.Mode(), err)
	}
	e := p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "client" && e["client"] == "two" })
	addresses := e["listen"].([]any)
	if len(addresses) != 2 {
		t.Fatalf("client two listens on %v, want two addresses", addresses)
	}
	port, _ := strings.CutPrefix(addresses[1].(string), "tcp://")
	for _, test := range []struct {
		network, address     string
		containers, networks int
	}{
		{"unix", one, 200, 403},
		{"unix", two, 403, 200},
		{"tcp", port, 403, 200},
		{"tcp", p.Addr, 403, 403},
	} {
		if a := harness.Send(t, harness.Dial(t, test.network, test.address), harness.Head("GET", "/containers/json")); a.Status != test.containers {
			t.Errorf("GET /containers/json on %s: status %d, want %d", test.address, a.Status, test.containers)
		}
		if a := harness.Send(t, harness.Dial(t, test.network, test.address), harness.Head("GET", "/networks")); a.Status != test.networks {
			t.Errorf("GET /networks on %s: status %d, want %d", test.address, a.Status, test.networks)
		}
	}
	p.Terminate()
	for _, path := range []string{one, two} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left behind", path)
		}
	}
}
