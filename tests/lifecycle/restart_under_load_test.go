package lifecycle

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// TestEngineRestartsUnderLoad has clients, half of them on hijacked connections,
// come and go at random while the engine is restarted twice. No client may see
// bytes of another's, and the files and goroutines that they cost are given back.
func TestEngineRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, restarts, between = 100, 2, 300
	socket := filepath.Join(harness.SocketDir(t), "docker.sock")
	startEngine := func() *engine.Engine {
		says := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s", r.PathValue("name")) }
		e, err := engine.Start(socket, engine.Options{
			Tick:     10 * time.Millisecond,
			Handlers: map[string]http.Handler{"GET /containers/{name}/json": http.HandlerFunc(says)},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		return e
	}
	e := startEngine()
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "METRICS_LISTEN": "127.0.0.1:0"}))
	monitor := harness.TCP(strings.TrimPrefix(p.Started["metrics"].([]any)[0].(string), "tcp://"))
	goroutines := func() (n int) {
		_, value, _ := strings.Cut(monitor.Get(t, "/metrics").Body, "\ngo_goroutines ")
		fmt.Sscan(value, &n)
		return n
	}
	p.Get("/_ping")
	filesBefore, goroutinesBefore := p.Files(), goroutines()

	var asked, answered atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				c := visitor{t, p.Addr, fmt.Sprintf("TOKEN-%d-%d-", i, round)}
				if i%2 == 0 {
					answered.Add(c.asks())
				} else {
					answered.Add(c.attaches())
				}
				asked.Add(1)
			}
		})
	}
	defer wg.Wait()
	defer stop()
	for range restarts {
		enough := answered.Load() + between
		harness.Await(t, "responses", func() bool { return answered.Load() >= enough })
		e.Crash()
		e = startEngine()
	}
	enough := answered.Load() + between
	harness.Await(t, "responses after the last restart", func() bool { return answered.Load() >= enough })
	stop()
	wg.Wait()
	t.Logf("%d of %d visits were answered", answered.Load(), asked.Load())

	// A last restart, for the idle connections to the engine that may stay for a
	// minute or two.
	e.Crash()
	startEngine()
	if a := p.Get("/_ping"); a.Status != http.StatusOK {
		t.Errorf("status %d afterwards, want 200", a.Status)
	}
	harness.Await(t, "return of the files", func() bool { return p.Files() <= filesBefore })
	// The garbage collector starts a worker for each processor when it first runs.
	harness.Await(t, "return of the goroutines", func() bool { return goroutines() <= goroutinesBefore+runtime.NumCPU() })
}

// visitor is a client that has one connection, which it may drop at any moment.
// Its methods return 1 if all its responses were complete, and 0 else, which is not a
// failure.
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
			c.t.Errorf("sent a request for %s and got %d %q", want, response.StatusCode, got)
		}
	}
	return 1
}

// attaches talks to a container that echoes.
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
