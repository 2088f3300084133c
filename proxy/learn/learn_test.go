package learn

import (
	"net/url"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
)

// unread is a pipe that nobody empties.
type unread struct{ full, gone chan struct{} }

func (u unread) Write(b []byte) (int, error) {
	close(u.full)
	<-u.gone
	return len(b), nil
}

// TestReportThatNobodyReads asserts that requests do not wait for a report that
// cannot be written.
func TestReportThatNobodyReads(t *testing.T) {
	t.Parallel()
	rules := acl.Rules{Learn: true}
	c := &client.Client{Policy: acl.Compile(rules)}
	rec := New("1", []*client.Client{c}, zerolog.Nop())
	u := unread{make(chan struct{}), make(chan struct{})}
	reported, recorded := make(chan struct{}), make(chan struct{})
	go func() {
		rec.Report(u)
		close(reported)
	}()
	<-u.full
	go func() {
		e := &proxy.Event{Client: c, Method: "GET", Path: "/info"}
		e.Decision = c.Policy.Decide(e.Method, &url.URL{Path: e.Path})
		rec.Begin(e)
		close(recorded)
	}()
	select {
	case <-recorded:
	case <-time.After(10 * time.Second):
		t.Error("a request waits for somebody to read the report")
	}
	close(u.gone)
	<-reported
}
