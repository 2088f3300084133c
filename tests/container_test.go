package tests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// container is postern in a container of the image.
type container struct {
	t    *testing.T
	name string
}

// launch starts a container, with arguments of docker run, and waits until
// postern serves.
func launch(t *testing.T, args ...string) container {
	t.Helper()
	c := container{t, unused(t)}
	prepare(t, append(append([]string{"run", "-d", "--name", c.name}, args...), buildImage(t))...)
	await(t, "start of "+c.name, func() bool {
		if c.inspect("{{.State.Status}}") == "exited" {
			t.Fatalf("postern ended: %s", c.logs().stderr)
		}
		return len(c.entries("started")) > 0
	})
	return c
}

// refuses runs postern in a container in which it must not start and returns
// what it says.
func refuses(t *testing.T, args ...string) string {
	t.Helper()
	name := unused(t)
	r := docker(t, direct, append(append([]string{"run", "--name", name}, args...), buildImage(t))...)
	if r.status != 2 || !strings.HasPrefix(r.stderr, "postern: cannot start:\n") {
		t.Errorf("docker run %q: status %d, want 2\nstdout: %s\nstderr: %s", args, r.status, r.stdout, r.stderr)
	}
	return r.stderr
}

func (c container) inspect(format string) string {
	c.t.Helper()
	return strings.TrimSpace(prepare(c.t, "inspect", "--format", format, c.name))
}

func (c container) logs() result {
	c.t.Helper()
	return docker(c.t, direct, "logs", c.name)
}

// entries returns the lines of the log whose message contains the text.
func (c container) entries(text string) []entry {
	c.t.Helper()
	var found []entry
	for line := range strings.Lines(c.logs().stdout) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			c.t.Errorf("a line of the log is not JSON: %q", line)
		}
		if message, _ := e["message"].(string); strings.Contains(message, text) {
			found = append(found, e)
		}
	}
	return found
}

// host is the proxy's address for docker -H.
func (c container) host() string {
	c.t.Helper()
	return "tcp://" + c.inspect("{{.NetworkSettings.IPAddress}}") + ":2375"
}

// healthy asks as the image's HEALTHCHECK does.
func (c container) healthy() bool {
	c.t.Helper()
	return docker(c.t, direct, "exec", c.name, "/postern", "healthcheck").status == 0
}

// answers asserts that docker version works through the proxy.
func (c container) answers() {
	c.t.Helper()
	got := docker(c.t, c.host(), "version", "--format", "{{.Server.Version}}")
	want := docker(c.t, direct, "version", "--format", "{{.Server.Version}}")
	if got != want {
		c.t.Errorf("docker version through postern: %+v, want %+v", got, want)
	}
}

// privileges is what /proc says of a thread, proc_pid_status(5).
type privileges struct {
	uid, gid                                   string // real, effective, saved, file system
	groups                                     string
	inheritable, permitted, effective, ambient string
	bounding                                   string
	noNewPrivs                                 string
}

// becomes is a user with one group and no capabilities; bounding is the
// bounding set.
func becomes(uid, gid int, bounding uint64) privileges {
	four := func(id int) string { return strings.TrimSpace(strings.Repeat(strconv.Itoa(id)+" ", 4)) }
	none := fmt.Sprintf("%016x", 0)
	return privileges{
		uid: four(uid), gid: four(gid), groups: strconv.Itoa(gid),
		inheritable: none, permitted: none, effective: none, ambient: none,
		bounding: fmt.Sprintf("%016x", bounding), noNewPrivs: "1",
	}
}

// holds asserts what every thread of the process may do.
func (c container) holds(want privileges) {
	c.t.Helper()
	holds(c.t, c.inspect("{{.State.Pid}}"), want)
}

// holds asserts what every thread of a process may do, in the machine's numbers.
func holds(t *testing.T, pid string, want privileges) {
	t.Helper()
	paths, err := filepath.Glob("/proc/" + pid + "/task/*/status")
	if err != nil || len(paths) < 2 {
		t.Fatalf("%d threads found, want several; %v", len(paths), err)
	}
	told := map[privileges]bool{want: true}
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{}
		for line := range strings.Lines(string(status)) {
			key, value, _ := strings.Cut(line, ":")
			fields[key] = strings.Join(strings.Fields(value), " ")
		}
		got := privileges{
			fields["Uid"], fields["Gid"], fields["Groups"],
			fields["CapInh"], fields["CapPrm"], fields["CapEff"], fields["CapAmb"],
			fields["CapBnd"], fields["NoNewPrivs"],
		}
		if !told[got] {
			told[got] = true
			t.Errorf("%s:\n got %+v\nwant %+v", path, got, want)
		}
	}
}

// relay is the real engine on another socket, whose file belongs to whom the
// test says.
type relay struct {
	path     string
	listener *net.UnixListener
	// dead is done when the listener is closed, and with it every connection.
	dead context.Context
	kill func()
}

// serveSocket relays a socket to the engine until the test is over.
func serveSocket(t *testing.T, uid, gid int, mode fs.FileMode) *relay {
	t.Helper()
	r := &relay{path: filepath.Join(socketDir(t), "docker.sock")}
	r.open(t, uid, gid, mode)
	t.Cleanup(func() { r.close() })
	return r
}

func (r *relay) open(t *testing.T, uid, gid int, mode fs.FileMode) {
	t.Helper()
	var err error
	if r.listener, err = net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: r.path}); err != nil {
		t.Fatal(err)
	}
	r.dead, r.kill = context.WithCancel(context.Background())
	if err := os.Chown(r.path, uid, gid); err != nil {
		t.Fatalf("a socket of another owner takes root: %v", err)
	}
	if err := os.Chmod(r.path, mode); err != nil {
		t.Fatal(err)
	}
	go relayAll(r.dead, r.listener)
}

// close removes the socket and ends the connections, as an engine does that
// stops.
func (r *relay) close() {
	r.listener.Close()
	r.kill()
}

// leave does not remove the socket, as an engine that is killed.
func (r *relay) leave() {
	r.listener.SetUnlinkOnClose(false)
	r.close()
}

// replace is a restart of the engine.
func (r *relay) replace(t *testing.T, uid, gid int, mode fs.FileMode) {
	t.Helper()
	r.close()
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	r.open(t, uid, gid, mode)
}

func relayAll(dead context.Context, l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go forward(dead, client)
	}
}

// forward copies both ways until one side has come to its end.
func forward(dead context.Context, client net.Conn) {
	defer client.Close()
	upstream, err := net.Dial("unix", engineSocket)
	if err != nil {
		return
	}
	defer upstream.Close()
	defer context.AfterFunc(dead, func() { client.Close() })()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{client, upstream}, {upstream, client}} {
		go func() {
			io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}

// mount is the argument that shows a host's file as the engine's socket.
func mount(path string) string { return "--volume=" + path + ":" + engineSocket }

// engineGroup is the group of the real engine's socket.
func engineGroup(t *testing.T) int {
	t.Helper()
	info, err := os.Stat(engineSocket)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Gid)
}
