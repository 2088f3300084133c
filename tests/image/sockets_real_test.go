//go:build real

package image

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"postern/tests/internal/harness"
)

// relay is the real engine on another socket, whose file has the owner, group
// and mode that a test needs.
type Relay struct {
	path     string
	listener *net.UnixListener
	// dead is done when the listener is closed, and with it every connection.
	dead context.Context
	kill func()
}

// serveSocket relays a socket to the engine until the test is over.
func serveSocket(t *testing.T, uid, gid int, mode fs.FileMode) *Relay {
	t.Helper()
	r := &Relay{path: filepath.Join(harness.SocketDir(t), "docker.sock")}
	r.open(t, uid, gid, mode)
	t.Cleanup(func() { r.close() })
	return r
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
	real, err := net.Dial("unix", harness.EngineSocket)
	if err != nil {
		return
	}
	defer real.Close()
	defer context.AfterFunc(dead, func() { client.Close() })()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{client, real}, {real, client}} {
		go func() {
			io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}

// engineGroup is the group of the real engine's socket.
func engineGroup(t *testing.T) int {
	t.Helper()
	info, err := os.Stat(harness.EngineSocket)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Gid)
}

func (r *Relay) open(t *testing.T, uid, gid int, mode fs.FileMode) {
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
func (r *Relay) close() {
	r.listener.Close()
	r.kill()
}

// leave does not remove the socket, as an engine that is killed.
func (r *Relay) leave() {
	r.listener.SetUnlinkOnClose(false)
	r.close()
}

// replace is a restart of the engine.
func (r *Relay) replace(t *testing.T, uid, gid int, mode fs.FileMode) {
	t.Helper()
	r.close()
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	r.open(t, uid, gid, mode)
}
