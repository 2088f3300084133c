package config

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestEveryFormOfAddressServes asserts that an address of each form serves, in
// each setting that takes one.
func TestEveryFormOfAddressServes(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, form := range []string{
		"{port}", ":{port}", "*:{port}", "0.0.0.0:{port}", "[::]:{port}", "127.0.0.1:{port}", "localhost:{port}",
		"tcp://:{port}", "TCP://127.0.0.1:{port}", "tcp://*:{port}/", " :{port} ", "{dir}/x", "unix:{dir}/x", "unix://{dir}/x?mode=0660", "{dir}/x?mode=0660",
	} {
		for _, variable := range []string{"LISTEN", "CLIENT_A_LISTEN", "METRICS_LISTEN"} {
			dir := harness.SocketDir(t)
			port := freePort(t)
			value := strings.NewReplacer("{port}", port, "{dir}", dir).Replace(form)
			p := harness.StartUp(t, map[string]string{"SOCKET_PATH": socket, variable: value, "CLIENT_A_INFO": "1", "CLIENT_A_FROM": "192.0.2.1"})
			p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "started" })
			network, addr := "tcp", "127.0.0.1:"+port
			if strings.Contains(form, "{dir}") {
				network, addr = "unix", filepath.Join(dir, "x")
			}
			want := map[string]int{"LISTEN": 403, "CLIENT_A_LISTEN": 200, "METRICS_LISTEN": 404}[variable]
			if got := harness.Send(t, harness.Dial(t, network, addr), harness.Head("GET", "/info")).Status; got != want {
				t.Errorf("%s=%q: GET /info gets %d, want %d", variable, value, got, want)
			}
			p.Terminate()
		}
	}
}

// freePort is a port that no program listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
