package lifecycle

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// TestUnixListenerHasItsPermissions asserts that a socket file has the permissions in
// LISTEN, that postern serves on it, and removes it at exit.
func TestUnixListenerHasItsPermissions(t *testing.T) {
	t.Parallel()
	_, engine := harness.StandIn(t)
	uid, gid := os.Getuid(), os.Getgid()
	other := gid
	if uid == 0 {
		other = 4711 // only root can give a file away
		uid = 65532  // and does, to whom it becomes
	}
	for _, test := range []struct {
		options string
		mode    fs.FileMode
		gid     int
	}{
		{"", 0o660, gid},
		{"?mode=0600", 0o600, gid},
		{"?mode=666", 0o666, gid},
		{"?mode=0660&gid={other}", 0o660, other},
	} {
		t.Run(test.options, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(harness.SocketDir(t), "postern.sock")
			options := strings.ReplaceAll(test.options, "{other}", strconv.Itoa(other))
			p := harness.Start(t, map[string]string{"SOCKET_PATH": engine, "LISTEN": "unix://" + path + options})
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode(); got != test.mode|fs.ModeSocket {
				t.Errorf("LISTEN=unix://...%s: mode is %v, want %v", options, got, test.mode|fs.ModeSocket)
			}
			if got := info.Sys().(*syscall.Stat_t); int(got.Uid) != uid || int(got.Gid) != test.gid {
				t.Errorf("LISTEN=unix://...%s: owner is %d:%d, want %d:%d", options, got.Uid, got.Gid, uid, test.gid)
			}
			if got := harness.Send(t, harness.Dial(t, "unix", path), harness.Head("GET", "/version")); got.Status != 200 {
				t.Errorf("GET /version: status %d, want 200", got.Status)
			}
			if got := harness.Send(t, harness.Dial(t, "unix", path), harness.Head("GET", "/info")); got.Status != 403 {
				t.Errorf("GET /info: status %d, want 403", got.Status)
			}
			p.Terminate()
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is there after the exit: %v", path, err)
			}
		})
	}
}

// TestStaleSocketIsReplaced asserts that a socket which a killed postern left
// behind does not keep the next one from starting.
func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	_, engine := harness.StandIn(t)
	path := filepath.Join(harness.SocketDir(t), "postern.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	harness.Start(t, map[string]string{"SOCKET_PATH": engine, "LISTEN": "unix://" + path})
	if got := harness.Send(t, harness.Dial(t, "unix", path), harness.Head("GET", "/_ping")); got.Status != 200 {
		t.Errorf("GET /_ping: status %d, want 200", got.Status)
	}
}

// TestEveryListenerServes asserts that every address of LISTEN serves.
func TestEveryListenerServes(t *testing.T) {
	t.Parallel()
	_, engine := harness.StandIn(t)
	path := filepath.Join(harness.SocketDir(t), "postern.sock")
	p := harness.Start(t, map[string]string{"SOCKET_PATH": engine, "LISTEN": "tcp://127.0.0.1:0, unix://" + path + ",tcp://127.0.0.2:0"})
	addresses := p.Started["listen"].([]any)
	if len(addresses) != 3 {
		t.Fatalf("postern listens on %v, want three addresses", addresses)
	}
	for _, address := range addresses {
		network, addr, _ := strings.Cut(address.(string), "://")
		if got := harness.Send(t, harness.Dial(t, network, addr), harness.Head("GET", "/_ping")); got.Status != 200 {
			t.Errorf("GET /_ping on %s: status %d, want 200", address, got.Status)
		}
	}
}

// TestListensOnIPv4AndIPv6 asserts that postern listens on both kinds of address,
// and with DISABLE_IPV6=1 on IPv4 alone.
func TestListensOnIPv4AndIPv6(t *testing.T) {
	t.Parallel()
	_, engine := harness.StandIn(t)
	for _, test := range []struct {
		disable string
		want    bool
	}{{"0", hasIPv6()}, {"1", false}} {
		t.Run("DISABLE_IPV6="+test.disable, func(t *testing.T) {
			t.Parallel()
			p := harness.Start(t, map[string]string{
				"SOCKET_PATH": engine, "LISTEN": "tcp://:0", "DISABLE_IPV6": test.disable,
				"CLIENT_A_LISTEN": "tcp://[::]:0", "CLIENT_A_INFO": "1",
			})
			client := p.AwaitLog(func(e harness.Entry) bool { return e["message"] == "client" })
			clients, _ := strings.CutPrefix(client["listen"].([]any)[0].(string), "tcp://")
			for _, addr := range []string{p.Addr, clients} {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					t.Fatal(err)
				}
				if got := harness.Send(t, harness.Dial(t, "tcp", "127.0.0.1:"+port), harness.Head("GET", "/_ping")); got.Status != 200 {
					t.Errorf("GET /_ping on 127.0.0.1: status %d, want 200", got.Status)
				}
				conn, err := net.Dial("tcp", "[::1]:"+port)
				if got := err == nil; got != test.want {
					t.Errorf("DISABLE_IPV6=%s: connected to ::1 on %s is %v (%v), want %v", test.disable, addr, got, err, test.want)
				}
				if err == nil {
					conn.Close()
				}
			}
		})
	}
}

// hasIPv6 reports whether this machine has the address ::1.
func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}
