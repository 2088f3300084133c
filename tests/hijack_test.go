package tests

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/tests/engine"
)

// wire is one way to the engine.
type wire struct{ network, addr string }

// onSocket is the engine's own.
var onSocket = wire{"unix", engineSocket}

// throughProxy starts a proxy in front of the engine and gives the ways
// through it.
func throughProxy(t *testing.T) []wire {
	t.Helper()
	socket := filepath.Join(socketDir(t), "p.sock")
	p := start(t, with(everything(), map[string]string{
		"SOCKET_PATH": engineSocket,
		"LISTEN":      "tcp://127.0.0.1:0,unix://" + socket,
	}))
	return []wire{{"tcp", p.addr}, {"unix", socket}}
}

// call sends a request with a JSON body and returns the answer, which must be
// a success.
func (w wire) call(t *testing.T, method, path, body string) answer {
	t.Helper()
	request := head(method, path, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))
	a := send(t, dial(t, w.network, w.addr), request+body)
	if a.status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

// halfConn is a connection that can be closed for writing only.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// open asks for a stream, with or without Upgrade, and returns the connection
// on which the answer will come. What is sent early goes out with the request.
func (w wire) open(t *testing.T, upgrade bool, path, body string) halfConn {
	t.Helper()
	request := "POST " + path + " HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
	if upgrade {
		request += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
	}
	conn := dial(t, w.network, w.addr)
	conn.SetDeadline(time.Now().Add(4 * patience)) // 50 MB through a terminal
	request += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn.(halfConn)
}

// scene is something to do with a command in a container over a taken-over
// connection. It returns all that the client can notice.
type scene struct {
	name    string
	command string
	play    func(t *testing.T, s *stream)
	// terminals are the values of Tty for which the scene makes sense.
	terminals []bool
}

var (
	either  = []bool{false, true}
	without = []bool{false} // a terminal has one end for input and output
	only    = []bool{true}
)

// stream is a taken-over connection and what became of it.
type stream struct {
	halfConn
	w     wire
	scene string
	tty   bool
	path  string // of the exec or container
	// head is the answer's; seen is what else the scene saw.
	head string
	seen bytes.Buffer
}

// readHead reads up to the first byte of the stream.
func (s *stream) readHead(t *testing.T) {
	t.Helper()
	one := make([]byte, 1)
	for !strings.HasSuffix(s.head, "\r\n\r\n") {
		if _, err := s.Read(one); err != nil {
			t.Fatalf("head %q: %v", s.head, err)
		}
		s.head += string(one)
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

func (l *limited) Write(p []byte) (int, error) {
	l.w.Write(p[:min(len(p), l.most-l.w.Len())])
	return len(p), nil
}

// size is how much the scenes with much data move: 50 MB, and less where a
// terminal makes the engine take its time over it, in all but one of them.
func (s *stream) size() int {
	if s.tty && s.scene != bothWays {
		return 1 << 20
	}
	return 50 << 20
}

const bothWays = "much both ways at once"

var scenes = []scene{
	{"echo until the end of input", "cat", func(t *testing.T, s *stream) {
		io.WriteString(s, "hello\n")
		if s.tty {
			io.WriteString(s, "\x04")
		} else {
			s.CloseWrite()
		}
		s.readAll(t)
	}, either},
	{"no input at all", "cat; echo over", func(t *testing.T, s *stream) {
		s.CloseWrite()
		s.readAll(t)
	}, without}, // with a terminal the engine itself may drop what comes after the end of input
	{"end of output first", "echo out; exec >&- 2>&-; cat >/tmp/in", func(t *testing.T, s *stream) {
		got := make([]byte, len("out\n"))
		_, err := io.ReadFull(s.payload(t), got)
		io.WriteString(s, "input after the end of output\n")
		s.CloseWrite()
		fmt.Fprintf(&s.seen, "%q %v", got, err)
	}, without},
	{"much up", "stty raw -echo 2>/dev/null; echo ready; head -c $SIZE | md5sum", func(t *testing.T, s *stream) {
		payload := s.payload(t)
		ready := make([]byte, len("ready\n"))
		_, err := io.ReadFull(payload, ready)
		go s.Write(bytes.Repeat([]byte("0123456789abcdef"), s.size()/16))
		sum := make([]byte, 32)
		_, err2 := io.ReadFull(payload, sum)
		fmt.Fprintf(&s.seen, "%q %v %q %v", ready, err, sum, err2)
	}, either},
	{"much down", "yes 0123456789abcdef | head -c $SIZE", func(t *testing.T, s *stream) { s.readAll(t) }, either},
	{bothWays, "stty raw -echo 2>/dev/null; echo ready; head -c $SIZE | tr a-z A-Z", func(t *testing.T, s *stream) {
		payload := s.payload(t)
		io.ReadFull(payload, make([]byte, len("ready\n")))
		go s.Write(bytes.Repeat([]byte("abcdefgh"), s.size()/8))
		sum := crc32.NewIEEE()
		n, err := io.CopyN(sum, payload, int64(s.size()))
		fmt.Fprintf(&s.seen, "%d %08x %v", n, sum.Sum32(), err)
	}, either},
	{"resize", "read a; stty size; read b; stty size", func(t *testing.T, s *stream) {
		for _, size := range []string{"h=30&w=100", "h=40&w=120"} {
			s.w.call(t, "POST", s.path+"/resize?"+size, "")
			io.WriteString(s, "\n")
			got := make([]byte, len("\r\n30 100\r\n"))
			_, err := io.ReadFull(s, got)
			fmt.Fprintf(&s.seen, "%q %v ", got, err)
		}
	}, only},
	{"failure", "echo no >&2; exit 3", func(t *testing.T, s *stream) { s.readAll(t) }, either},
}

// TestTakenOverConnections plays each scene on the engine's socket and through
// the proxy: the client must not be able to tell which it is.
func TestTakenOverConnections(t *testing.T) {
	t.Parallel()
	image, container := busybox(t), box(t)
	ways := throughProxy(t)
	kinds := map[string]func(*testing.T, wire, scene, bool, bool) string{
		"exec": func(t *testing.T, w wire, sc scene, tty, upgrade bool) string {
			return execScene(t, w, container, sc, tty, upgrade)
		},
		"attach": func(t *testing.T, w wire, sc scene, tty, upgrade bool) string {
			return attachScene(t, w, image, sc, tty, upgrade)
		},
	}
	for what, run := range kinds {
		for _, sc := range scenes {
			for _, tty := range sc.terminals {
				for _, upgrade := range either {
					t.Run(fmt.Sprintf("%s/%s/tty=%v,upgrade=%v", what, sc.name, tty, upgrade), func(t *testing.T) {
						t.Parallel()
						want := run(t, onSocket, sc, tty, upgrade)
						for _, w := range ways {
							if got := run(t, w, sc, tty, upgrade); got != want {
								t.Errorf("%s\ngot  %s\nwant %s", w.network, got, want)
							}
						}
					})
				}
			}
		}
	}
}

// execScene plays a scene with an exec.
func execScene(t *testing.T, w wire, container string, sc scene, tty, upgrade bool) string {
	t.Helper()
	s := &stream{w: w, scene: sc.name, tty: tty, path: "/exec/"}
	body, _ := json.Marshal(map[string]any{
		"AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": tty,
		"Env": []string{fmt.Sprint("SIZE=", s.size())}, "Cmd": []string{"sh", "-c", sc.command},
	})
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(w.call(t, "POST", "/containers/"+container+"/exec", string(body)).body), &made); err != nil {
		t.Fatal(err)
	}
	s.path += made.ID
	s.halfConn = w.open(t, upgrade, s.path+"/start", fmt.Sprintf(`{"Detach":false,"Tty":%v}`, tty))
	s.readHead(t)
	sc.play(t, s)
	s.Close()
	return s.outcome(t, s.path+"/json")
}

// attachScene plays a scene with a container that is attached to before it
// starts.
func attachScene(t *testing.T, w wire, image string, sc scene, tty, upgrade bool) string {
	t.Helper()
	name := unused(t)
	s := &stream{w: w, scene: sc.name, tty: tty, path: "/containers/" + name}
	body, _ := json.Marshal(map[string]any{
		"Image": image, "Env": []string{fmt.Sprint("SIZE=", s.size())}, "Tty": tty, "OpenStdin": true, "StdinOnce": true,
		"AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Cmd": []string{"sh", "-c", sc.command},
		"HostConfig": map[string]any{"LogConfig": map[string]any{"Type": "none"}}, // it would take most of the time
	})
	w.call(t, "POST", "/containers/create?name="+name, string(body))
	s.halfConn = w.open(t, upgrade, s.path+"/attach?stream=1&stdin=1&stdout=1&stderr=1", "")
	s.readHead(t)
	w.call(t, "POST", s.path+"/start", "")
	sc.play(t, s)
	s.Close()
	return s.outcome(t, s.path+"/json")
}

var exitCode = regexp.MustCompile(`"ExitCode":(-?\d+|null)`)

// outcome is what the client saw and how the command ended.
func (s *stream) outcome(t *testing.T, inspect string) string {
	t.Helper()
	var state string
	await(t, "end of "+s.path, func() bool {
		state = s.w.call(t, "GET", inspect, "").body
		return strings.Contains(state, `"Running":false`)
	})
	return fmt.Sprintf("head %q\nseen %s\nexit %s", s.head, s.seen.String(), cmp.Or(exitCode.FindString(state), "unknown"))
}

// TestDetach asserts that the detach keys end the connection and not the
// container.
func TestDetach(t *testing.T) {
	t.Parallel()
	image := busybox(t)
	detach := func(w wire) string {
		name := unused(t)
		prepare(t, "run", "-dit", "--name", name, image, "cat")
		s := w.open(t, true, "/containers/"+name+"/attach?stream=1&stdin=1&stdout=1&stderr=1", "")
		(&stream{halfConn: s}).readHead(t)
		// The engine says nothing when it has attached, but the terminal does.
		io.WriteString(s, "hello\n")
		heard := make([]byte, len("hello\r\nhello\r\n"))
		io.ReadFull(s, heard)
		io.WriteString(s, "\x10\x11")
		rest, err := io.ReadAll(s)
		return fmt.Sprintf("%q %q %v %s", heard, rest, err, prepare(t, "inspect", "-f", "{{.State.Status}}", name))
	}
	want := detach(onSocket)
	for _, w := range throughProxy(t) {
		if got := detach(w); got != want {
			t.Errorf("%s: got %s, want %s", w.network, got, want)
		}
	}
}
