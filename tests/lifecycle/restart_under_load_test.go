package lifecycle

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// TestFaults has 200 clients, half of them on taken-over connections, come and
// go at random while the engine is restarted twice. No client may see bytes of
// another's, and what they cost is given back.
func TestFaults(t *testing.T) {
	t.Parallel()
	const clients, lasting = 200, time.Minute
	socket := filepath.Join(harness.SocketDir(t), "docker.sock")
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
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	p.Get("/_ping")
	before := p.Files()

	begin := time.Now()
	var asked, answered atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for round := 0; time.Since(begin) < lasting; round++ {
				c := visitor{t, p.Addr, fmt.Sprintf("TOKEN-%d-%d-", i, round)}
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
	if a := p.Get("/_ping"); a.Status != http.StatusOK {
		t.Errorf("status %d afterwards, want 200", a.Status)
	}
	harness.Await(t, "return of the files", func() bool { return p.Files() <= before })
	idle := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	idle.Get("/_ping")
	resident := func(p *harness.Postern) int {
		return harness.ProcStatus(t, p.PID(), "VmRSS") >> 20
	}
	after, fresh := resident(p), resident(idle)
	most := 2*fresh + 10
	if harness.RaceDetector() {
		most = 8 * fresh // it never gives back what it noted of each goroutine
	}
	if after > most {
		t.Errorf("%d MB resident afterwards, and %d of a proxy that has just begun", after, fresh)
	}
	if after, fresh := p.Goroutines(), idle.Goroutines(); after > fresh {
		t.Errorf("%d goroutines afterwards, want no more than the %d of a proxy that has just begun", after, fresh)
	}
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
		conn.SetDeadline(time.Now().Add(harness.Patience))
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
