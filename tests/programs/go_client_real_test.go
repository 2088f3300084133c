//go:build real

package programs

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/moby/moby/client"

	"postern/tests/internal/harness"
)

// TestGoClientHijacks asserts that programs on Docker's Go client work, which upgrades,
// hijacks and half-closes connections by itself.
func TestGoClientHijacks(t *testing.T) {
	t.Parallel()
	container := harness.Box(t)
	for _, w := range harness.ThroughProxy(t) {
		c, err := client.New(client.WithHost(w.Host()))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		defer cancel()
		created, err := c.ExecCreate(ctx, container, client.ExecCreateOptions{
			AttachStdin: true, AttachStdout: true, Cmd: []string{"tr", "a-z", "A-Z"},
		})
		if err != nil {
			t.Fatal(err)
		}
		attached, err := c.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer attached.Close()
		io.WriteString(attached.Conn, "hello")
		attached.CloseWrite()
		all, err := io.ReadAll(attached.Reader)
		if want := "\x01\x00\x00\x00\x00\x00\x00\x05HELLO"; string(all) != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", w.Network, all, err, want)
		}
	}
}

// TestAttachWebsocketEchoes talks to a container over a websocket.
func TestAttachWebsocketEchoes(t *testing.T) {
	t.Parallel()
	image, name := harness.Busybox(t), harness.Unused(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket}))
	harness.MustDocker(t, "run", "-di", "--name", name, image, "cat")
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	url := "ws://" + p.Addr + "/containers/" + name + "/attach/ws?stream=1&stdin=1&stdout=1"
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPHeader: map[string][]string{"Origin": {"http://" + p.Addr}}, // the engine insists on one
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, said := range []string{"hello\n", strings.Repeat("long ", 1000) + "\n"} {
		if err := c.Write(ctx, websocket.MessageBinary, []byte(said)); err != nil {
			t.Fatal(err)
		}
		var heard strings.Builder
		for heard.Len() < len(said) {
			_, b, err := c.Read(ctx)
			if err != nil {
				t.Fatalf("after %q: %v", heard.String(), err)
			}
			heard.Write(b)
		}
		if heard.String() != said {
			t.Errorf("said %q and heard %q", said, heard.String())
		}
	}
	harness.MustDocker(t, "kill", name)
	if _, b, err := c.Read(ctx); err == nil {
		t.Errorf("heard %q from a container that is gone", b)
	}
}
