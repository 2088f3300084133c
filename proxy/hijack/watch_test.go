package hijack

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/proxy/engine"
)

func TestMain(m *testing.M) {
	watchInterval, silenceLimit = 20*time.Millisecond, 200*time.Millisecond
	os.Exit(m.Run())
}

// patience is how long a test waits for what takes milliseconds when it works.
const patience = 5 * time.Second

// start serves every request on a unix socket through a [Handler], in front of an
// engine that sends a response to each header and does nothing more, not even read.
// It returns the socket's path, and a channel that gets the results.
func start(t *testing.T, response string) (path string, results chan Result) {
	t.Helper()
	// The path of a unix socket may have 107 bytes.
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	listen := func(name string) *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	engine, front := listen("e"), listen("p")
	done := make(chan struct{})
	go func() {
		for {
			c, err := engine.AcceptUnix()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := c.Read(make([]byte, 512)); err == nil {
					io.WriteString(c, response)
				}
				<-done
			}()
		}
	}()
	results = make(chan Result, 1)
	h := &Handler{
		Dial: func(context.Context) (*net.UnixConn, error) {
			return net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(dir, "e"), Net: "unix"})
		},
		Failure: func(*http.Request, error) *http.Response {
			return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody}
		},
		ErrorLog: log.Default(),
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		results <- h.ServeHTTP(w, r.WithContext(context.Background()))
	})}
	go server.Serve(front)
	t.Cleanup(func() {
		close(done)
		server.Close()
		engine.Close()
		os.RemoveAll(dir)
	})
	return filepath.Join(dir, "p"), results
}

// TestClientGone asserts that an exchange ends soon after its client has closed
// the connection, whatever the client has sent that nobody reads, and in whatever
// state the engine hangs.
func TestClientGone(t *testing.T) {
	t.Parallel()
	const (
		attach   = "POST /containers/x/attach HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\n"
		upgraded = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
		notFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nabc"
	)
	large := strings.Repeat("x", 1<<20)
	for _, test := range []struct{ name, request, response string }{
		{"no response", attach + "\r\n", ""},
		{"more than a buffer behind the request", attach + "\r\n" + large, ""},
		{"body never sent", attach + "Content-Length: 9\r\n\r\n{}", ""},
		{"body never asked for", attach + "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"},
		{"chunk never ended", attach + "Transfer-Encoding: chunked\r\n\r\n9", ""},
		{"malformed chunk", attach + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", ""},
		{"body that the engine does not read", attach + "Content-Length: 9000000\r\n\r\n" + large, ""},
		{"response broken off", attach + "\r\n", notFound},
		{"response broken off, a byte behind the request", attach + "\r\nG", notFound},
		{"response broken off, body never sent", attach + "Content-Length: 9\r\n\r\n{}", notFound},
		{"stream", attach + "\r\n", upgraded},
		{"stream whose input the engine does not read", attach + "\r\n" + large, upgraded},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, results := start(t, test.response)
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			// All of a large request goes nowhere: what fits into the buffers has to do.
			c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			io.WriteString(c, test.request)
			if test.response != "" {
				c.SetReadDeadline(time.Now().Add(patience))
				if _, err := c.Read(make([]byte, 512)); err != nil {
					t.Fatal(err)
				}
			}
			c.Close()
			select {
			case result := <-results:
				if test.response != upgraded && !result.CutByClient && !errors.As(result.Err, new(*engine.BodyError)) {
					t.Errorf("got %+v, want a client that cut it", result)
				}
			case <-time.After(patience):
				t.Error("the exchange goes on without its client")
			}
		})
	}
}
