package tests

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/tests/engine"
)

// streamRequests open a stream of each kind on the stand-in.
var streamRequests = map[string]string{
	"events": "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n",
	"logs":   "GET /containers/web/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: docker\r\n\r\n",
	"stats":  "GET /containers/web/stats HTTP/1.1\r\nHost: docker\r\n\r\n",
	"silent": "GET /containers/web/silent HTTP/1.1\r\nHost: docker\r\n\r\n",
	"wait":   "POST /containers/web/silent HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n",
	"upload": "POST /images/load HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
	"attach": "POST /containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n",
	"upgraded attach with input": "POST /containers/web/attach?stream=1&stdout=1&stdin=1 HTTP/1.1\r\nHost: docker\r\n" +
		"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n",
}

// handleSilent makes the stand-in answer nothing to a request until the client
// is gone.
func handleSilent(e *engine.Engine) {
	e.Handle("/containers/web/silent", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
}

// TestVanishedClients asserts that the engine's side of a stream ends within a
// second when the client's process is killed, of which the kernel closes the
// connections.
func TestVanishedClients(t *testing.T) {
	t.Parallel()
	for name, request := range streamRequests {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+"/"+network, func(t *testing.T) {
				t.Parallel()
				e, socket := standIn(t)
				handleSilent(e)
				own := filepath.Join(socketDir(t), "p.sock")
				p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0,unix://" + own}))
				address := map[string]string{"tcp": p.addr, "unix": own}[network]
				conn := dial(t, network, address)
				if _, err := io.WriteString(conn, request); err != nil {
					t.Fatal(err)
				}
				awaitRequest(t, e, func(engine.Request) bool { return true })
				conn.Close()
				begin := time.Now()
				awaitRequest(t, e, func(r engine.Request) bool { return r.Ended })
				if took := time.Since(begin); took > time.Second {
					t.Errorf("the engine's side ended after %v, want a second at most", took)
				}
			})
		}
	}
}

// TestEngineGone asserts that a client whose stream the engine cannot finish
// sees that it is broken off: no answer, a body without its end, a taken-over
// connection closed.
func TestEngineGone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ request, want string }{
		{"silent", "502"},
		{"upload", "502"},
		{"events", "200 unexpected EOF"},
		{"attach", "200 <nil>"},
		{"upgraded attach with input", "101 <nil>"},
	} {
		t.Run(test.request, func(t *testing.T) {
			t.Parallel()
			e, socket := standIn(t)
			over := make(chan struct{})
			t.Cleanup(func() { close(over) })
			for _, pattern := range []string{"/containers/web/silent", "GET /events", "POST /images/load"} {
				e.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "GET" && r.URL.Path == "/events" {
						io.WriteString(w, "event")
						http.NewResponseController(w).Flush()
					}
					<-over
				}))
			}
			p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
			conn := p.dial()
			if _, err := io.WriteString(conn, streamRequests[test.request]); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			if !strings.HasPrefix(test.want, "502") {
				if _, err := r.Peek(1); err != nil {
					t.Fatal(err)
				}
			}
			awaitRequest(t, e, func(engine.Request) bool { return true })
			e.Crash()
			response, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			stream := io.Reader(response.Body)
			if response.StatusCode == http.StatusSwitchingProtocols {
				stream = r
			}
			_, err = io.Copy(io.Discard, stream)
			if got := fmt.Sprint(response.StatusCode, " ", err); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// status reads a value in kilobytes of /proc/pid/status.
func status(t *testing.T, pid, name string) (bytes int) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == name+":" {
			kilobytes, _ := strconv.Atoi(fields[1])
			return kilobytes << 10
		}
	}
	t.Fatalf("no %s in %s", name, status)
	return 0
}

// files is the number of the proxy's open files.
func (p *postern) files() int {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

// TestFaults has 200 clients, half of them on taken-over connections, come and
// go at random while the engine is restarted twice. No client may see bytes of
// another's, and what they cost is given back.
func TestFaults(t *testing.T) {
	t.Parallel()
	const clients, lasting = 200, time.Minute
	socket := filepath.Join(socketDir(t), "docker.sock")
	startEngine := func() *engine.Engine {
		says := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s", r.PathValue("name")) }
		e, err := engine.Start(socket, engine.Options{
			Tick:     10 * time.Millisecond,
			Handlers: map[string]http.Handler{"GET /containers/{name}/json": http.HandlerFunc(says)},
		})
		if err != nil {
			t.Error(err)
		}
		return e
	}
	e := startEngine()
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	p.get("/_ping")
	before := p.files()

	begin := time.Now()
	var asked, answered atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for round := 0; time.Since(begin) < lasting; round++ {
				c := visitor{t, p.addr, fmt.Sprintf("TOKEN-%d-%d-", i, round)}
				if i%2 == 0 {
					answered.Add(c.asks())
				} else {
					answered.Add(c.attaches())
				}
				asked.Add(1)
				time.Sleep(rand.N(400 * time.Millisecond)) // or they would measure the processors
			}
		})
	}
	for _, third := range []time.Duration{1, 2} {
		time.Sleep(time.Until(begin.Add(third * lasting / 3)))
		e.Crash()
		e = startEngine()
	}
	wg.Wait()
	if n := answered.Load(); n < asked.Load()/2 {
		t.Errorf("%d of %d clients were answered, want half at least", n, asked.Load())
	}
	// A last restart, for the idle connections to the engine that may stay for a
	// minute or two.
	e.Crash()
	last := startEngine()
	defer last.Close()
	if a := p.get("/_ping"); a.status != http.StatusOK {
		t.Errorf("status %d afterwards, want 200", a.status)
	}
	await(t, "return of the files", func() bool { return p.files() <= before })
	idle := start(t, map[string]string{"SOCKET_PATH": socket})
	idle.get("/_ping")
	resident := func(p *postern) int { return status(t, strconv.Itoa(p.cmd.Process.Pid), "VmRSS") >> 20 }
	after, fresh := resident(p), resident(idle)
	most := 2*fresh + 10
	if raceDetector() {
		most = 8 * fresh // it never gives back what it noted of each goroutine
	}
	if after > most {
		t.Errorf("%d MB resident afterwards, and %d of a proxy that has just begun", after, fresh)
	}
	if after, fresh := p.goroutines(), idle.goroutines(); after > fresh {
		t.Errorf("%d goroutines afterwards, want no more than the %d of a proxy that has just begun", after, fresh)
	}
}

// goroutines counts the proxy's goroutines. It ends the proxy: SIGQUIT makes
// the runtime print them.
func (p *postern) goroutines() int {
	p.t.Helper()
	p.dumped = true
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		p.t.Fatal(err)
	}
	<-p.exited
	n := strings.Count(p.stderr.String(), "\ngoroutine ")
	if n == 0 {
		p.t.Fatalf("no goroutines in %q", p.stderr.String())
	}
	return n
}

// visitor is a client that has one connection, which it may drop at any moment. Its methods
// return how many answers it saw to its end; that there is none is no fault.
type visitor struct {
	t     *testing.T
	addr  string
	token string
}

func (c visitor) dial() (net.Conn, error) {
	conn, err := net.Dial("tcp", c.addr)
	if err == nil {
		conn.SetDeadline(time.Now().Add(patience))
		if rand.IntN(4) == 0 {
			time.AfterFunc(rand.N(20*time.Millisecond), func() { conn.(*net.TCPConn).SetLinger(0); conn.Close() })
		}
	}
	return conn, err
}

// asks sends a few requests on one connection.
func (c visitor) asks() int64 {
	conn, err := c.dial()
	if err != nil {
		return 0
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i := range 3 {
		want := c.token + strconv.Itoa(i)
		fmt.Fprintf(conn, "GET /containers/%s/json HTTP/1.1\r\nHost: docker\r\n\r\n", want)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0
		}
		got, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode == http.StatusBadGateway || response.StatusCode == http.StatusServiceUnavailable {
			return 0
		}
		if string(got) != want {
			c.t.Errorf("asked for %s and got %d %q", want, response.StatusCode, got)
		}
	}
	return 1
}

// attaches talks to a shell that echoes.
func (c visitor) attaches() int64 {
	conn, err := c.dial()
	if err != nil {
		return 0
	}
	defer conn.Close()
	io.WriteString(conn, "POST /containers/web/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n")
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, &http.Request{Method: "POST"})
	if err != nil || response.StatusCode != http.StatusOK {
		return 0
	}
	if _, err := io.WriteString(conn, c.token); err != nil {
		return 0
	}
	conn.(*net.TCPConn).CloseWrite()
	var got strings.Builder
	err = engine.Demultiplex(&got, io.Discard, response.Body)
	if !strings.HasPrefix(c.token, got.String()) {
		c.t.Errorf("said %s and heard %q", c.token, got.String())
	}
	if err != nil || got.String() != c.token {
		return 0
	}
	return 1
}
