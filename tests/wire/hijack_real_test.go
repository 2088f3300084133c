//go:build real

package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// stream is a hijacked connection and what was seen on it.
type stream struct {
	harness.HalfConn
	w     harness.Endpoint
	scene string
	tty   bool
	path  string // of the exec or container
	// head is the response's; seen is what else the scene saw.
	Head string
	seen bytes.Buffer
}

// readHead reads up to the first byte of the stream.
func (s *stream) readHead(t *testing.T) {
	t.Helper()
	one := make([]byte, 1)
	for !strings.HasSuffix(s.Head, "\r\n\r\n") {
		if _, err := s.Read(one); err != nil {
			t.Fatalf("head %q: %v", s.Head, err)
		}
		s.Head += string(one)
	}
}

// payload is the stream without frames: where they begin is chance.
func (s *stream) payload(t *testing.T) io.Reader {
	if s.tty {
		return s
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(engine.Demultiplex(w, w, s)) }()
	t.Cleanup(func() { r.Close() })
	return r
}

// readAll reads to the end and notes what came.
func (s *stream) readAll(t *testing.T) {
	t.Helper()
	sum := crc32.NewIEEE()
	var start bytes.Buffer
	n, err := io.Copy(io.MultiWriter(sum, &limited{&start, 100}), s.payload(t))
	fmt.Fprintf(&s.seen, "%d bytes, sum %08x, %v: %q", n, sum.Sum32(), err, start.Bytes())
}

type limited struct {
	w    *bytes.Buffer
	most int
}

// size is how much the scenes with much data move: several times what sockets
// and pipes hold on the way, and less where a terminal makes the engine slow, in
// all but one of them.
func (s *stream) size() int {
	if s.tty && s.scene != bothWays {
		return 1 << 20
	}
	return 16 << 20
}

// TestHijackedConnectionsActAsOnTheSocket plays each scene on the engine's socket
// and through the proxy: the client must not be able to tell which it is.
func TestHijackedConnectionsActAsOnTheSocket(t *testing.T) {
	t.Parallel()
	image, container := harness.Busybox(t), harness.Box(t)
	ways := harness.ThroughProxy(t)
	kinds := map[string]func(*testing.T, harness.Endpoint, scene, bool, bool) string{
		"exec": func(t *testing.T, w harness.Endpoint, sc scene, tty, upgrade bool) string {
			return execScene(t, w, container, sc, tty, upgrade)
		},
		"attach": func(t *testing.T, w harness.Endpoint, sc scene, tty, upgrade bool) string {
			return attachScene(t, w, image, sc, tty, upgrade)
		},
	}
	for what, run := range kinds {
		for _, sc := range scenes {
			for _, tty := range sc.terminals {
				for _, upgrade := range either {
					t.Run(fmt.Sprintf("%s/%s/tty=%v,upgrade=%v", what, sc.name, tty, upgrade), func(t *testing.T) {
						t.Parallel()
						want := run(t, harness.EngineEndpoint, sc, tty, upgrade)
						for _, w := range ways {
							if got := run(t, w, sc, tty, upgrade); got != want {
								t.Errorf("%s\ngot  %s\nwant %s", w.Network, got, want)
							}
						}
					})
				}
			}
		}
	}
}

// openStream asks for a stream, with or without Upgrade, and returns the
// connection on which the response comes.
func openStream(t *testing.T, w harness.Endpoint, upgrade bool, path, body string) harness.HalfConn {
	t.Helper()
	request := "POST " + path + " HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
	if upgrade {
		request += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
	}
	conn := w.Dial(t)
	conn.SetDeadline(time.Now().Add(4 * harness.Patience)) // much data through a terminal
	request += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn.(harness.HalfConn)
}

// execScene plays a scene with an exec.
func execScene(t *testing.T, w harness.Endpoint, container string, sc scene, tty, upgrade bool) string {
	t.Helper()
	s := &stream{w: w, scene: sc.name, tty: tty, path: "/exec/"}
	body, _ := json.Marshal(map[string]any{
		"AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": tty,
		"Env": []string{fmt.Sprint("SIZE=", s.size())}, "Cmd": []string{"sh", "-c", sc.command},
	})
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(w.Call(t, "POST", "/containers/"+container+"/exec", string(body)).Body), &made); err != nil {
		t.Fatal(err)
	}
	s.path += made.ID
	s.HalfConn = openStream(t, w, upgrade, s.path+"/start", fmt.Sprintf(`{"Detach":false,"Tty":%v}`, tty))
	s.readHead(t)
	sc.play(t, s)
	s.Close()
	return s.outcome(t, s.path+"/json")
}

// attachScene plays a scene with a container that is attached to before it
// starts.
func attachScene(t *testing.T, w harness.Endpoint, image string, sc scene, tty, upgrade bool) string {
	t.Helper()
	name := harness.Unused(t)
	s := &stream{w: w, scene: sc.name, tty: tty, path: "/containers/" + name}
	body, _ := json.Marshal(map[string]any{
		"Image": image, "Env": []string{fmt.Sprint("SIZE=", s.size())}, "Tty": tty, "OpenStdin": true, "StdinOnce": true,
		"AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Cmd": []string{"sh", "-c", sc.command},
		"HostConfig": map[string]any{"LogConfig": map[string]any{"Type": "none"}}, // it would take most of the time
	})
	w.Call(t, "POST", "/containers/create?name="+name, string(body))
	s.HalfConn = openStream(t, w, upgrade, s.path+"/attach?stream=1&stdin=1&stdout=1&stderr=1", "")
	s.readHead(t)
	w.Call(t, "POST", s.path+"/start", "")
	sc.play(t, s)
	s.Close()
	return s.outcome(t, s.path+"/json")
}

var exitCode = regexp.MustCompile(`"ExitCode":(-?\d+|null)`)

// outcome is what the client saw and how the command ended.
func (s *stream) outcome(t *testing.T, inspect string) string {
	t.Helper()
	var state string
	harness.Await(t, "end of "+s.path, func() bool {
		state = s.w.Call(t, "GET", inspect, "").Body
		return strings.Contains(state, `"Running":false`)
	})
	return fmt.Sprintf("head %q\nseen %s\nexit %s", s.Head, s.seen.String(), cmp.Or(exitCode.FindString(state), "unknown"))
}

// TestDetachKeysEndTheConnectionOnly asserts that the detach keys end the
// connection and not the container.
func TestDetachKeysEndTheConnectionOnly(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	detach := func(w harness.Endpoint) string {
		name := harness.Unused(t)
		harness.MustDocker(t, "run", "-dit", "--name", name, image, "cat")
		s := openStream(t, w, true, "/containers/"+name+"/attach?stream=1&stdin=1&stdout=1&stderr=1", "")
		(&stream{HalfConn: s}).readHead(t)
		// The engine says nothing when it has attached, but the terminal does.
		io.WriteString(s, "hello\n")
		heard := make([]byte, len("hello\r\nhello\r\n"))
		io.ReadFull(s, heard)
		io.WriteString(s, "\x10\x11")
		rest, err := io.ReadAll(s)
		return fmt.Sprintf("%q %q %v %s", heard, rest, err, harness.MustDocker(t, "inspect", "-f", "{{.State.Status}}", name))
	}
	want := detach(harness.EngineEndpoint)
	for _, w := range harness.ThroughProxy(t) {
		if got := detach(w); got != want {
			t.Errorf("%s: got %s, want %s", w.Network, got, want)
		}
	}
}

func (l *limited) Write(p []byte) (int, error) {
	l.w.Write(p[:min(len(p), l.most-l.w.Len())])
	return len(p), nil
}
