package proxy

import (
	"bufio"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy/client"
)

func logged() (AccessLog, *Event) {
	c := &client.Client{Name: "dashboard", Policy: acl.Compile(acl.Rules{Toggles: everything})}
	e := &Event{
		Start: time.Now(), Client: c, Address: "172.18.0.3:36052", Method: "GET", Path: "/v1.41/containers/json", Query: "all=1",
		Status: 200, Sent: 2522, Duration: time.Millisecond,
	}
	e.Decision = c.Policy.Decide(e.Method, &url.URL{Path: e.Path})
	return AccessLog{Log: zerolog.New(io.Discard).Level(zerolog.InfoLevel).With().Timestamp().Logger()}, e
}

// TestAccessLogAllocatesNothing asserts that a line of the log allocates no memory.
func TestAccessLogAllocatesNothing(t *testing.T) {
	log, e := logged()
	if n := testing.AllocsPerRun(100, func() { log.Begin(e); log.End(e) }); n != 0 {
		t.Errorf("a line of the log takes %v allocations, want none", n)
	}
}

func BenchmarkAccessLog(b *testing.B) {
	log, e := logged()
	b.ReportAllocs()
	for b.Loop() {
		log.Begin(e)
		log.End(e)
	}
}

// mistaken is an observer that panics.
type mistaken struct{}

func (mistaken) Begin(e *Event) {
	if e.Path == "/info" {
		panic("a mistake")
	}
}

func (mistaken) End(*Event) {}

// TestPanicEndsOneRequestAndIsLogged asserts that a panic ends one request, and not the
// process, and is an error in the log.
func TestPanicEndsOneRequestAndIsLogged(t *testing.T) {
	t.Parallel()
	s := play(t, func(*net.UnixConn, *bufio.Reader) {}, mistaken{})
	c := s.dial("tcp")
	s.send(c, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
	s.receiveEnd(c)
	s.awaitLog(`{"level":"error","message":"http: panic serving 127.0.0.1:`)
	c = s.dial("tcp")
	s.send(c, "GET /networks HTTP/1.1\r\nHost: docker\r\n\r\n")
	s.receive(c, "HTTP/1.1 403 Forbidden\r\n")
}
