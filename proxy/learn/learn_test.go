package learn

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
)

// newRecorder returns a recorder of one client with the rules.
func newRecorder(rules acl.Rules) (*Recorder, *client.Client) {
	c := &client.Client{Policy: acl.Compile(rules)}
	return New("1", []*client.Client{c}, zerolog.Nop()), c
}

// event is a request with the decision of the client's policy.
func event(c *client.Client, method, path string) *proxy.Event {
	return &proxy.Event{Client: c, Method: method, Path: path, Decision: c.Policy.Decide(method, &url.URL{Path: path})}
}

// TestRecordsAreBounded asserts that ever new paths do not take more memory.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	rec, c := newRecorder(acl.Rules{Learn: true})
	for i := range 1000 {
		name := fmt.Sprint(i) + strings.Repeat("x", 1000)
		for _, request := range []string{"GET /containers/%s/novelty", "BREW%s /images/x", "GET /%s", "GET /containers/%s/json"} {
			method, path, _ := strings.Cut(fmt.Sprintf(request, name), " ")
			rec.Begin(event(c, method, path))
		}
	}
	uses := rec.records[0].uses
	if len(uses) != 4 {
		t.Errorf("%d uses, want one for each kind of request", len(uses))
	}
	for _, u := range uses {
		if u.count != 1000 || len(u.path) > 200 || len(u.method) > 32 {
			t.Errorf("%d times a method of %d bytes and a path of %d, want 1000, at most 32 and at most 200", u.count, len(u.method), len(u.path))
		}
	}
}

// TestRequestsWithoutRemedyAreNotRecorded asserts that requests are not recorded
// that no setting of the client's policy would allow.
func TestRequestsWithoutRemedyAreNotRecorded(t *testing.T) {
	t.Parallel()
	rec, c := newRecorder(acl.Rules{Learn: true})
	unknown := &client.Client{Policy: c.Policy}
	refused := event(c, "GET", "/info")
	refused.Decision = refused.Decision.Refuse("ALLOW_FROM", "10.0.0.1 is not in ALLOW_FROM")
	for name, e := range map[string]*proxy.Event{
		"a redirect":                 event(c, "GET", "/containers/../info"),
		"a refusal by ALLOW_FROM":    refused,
		"a client that is not known": event(unknown, "GET", "/info"),
	} {
		rec.Begin(e)
		if n := len(rec.records[0].uses); n != 0 {
			t.Errorf("%s is recorded", name)
		}
	}
	rec.Begin(event(c, "GET", "/info"))
	if n := len(rec.records[0].uses); n != 1 {
		t.Errorf("%d uses after a request that is to be recorded, want 1", n)
	}
}

// TestReport asserts the words of a report on each kind of request.
func TestReportOfEachKindOfRequest(t *testing.T) {
	t.Parallel()
	rec, c := newRecorder(acl.Rules{Learn: true, Toggles: acl.Toggles{"CONTAINERS": true}, Deny: []string{"*Prune"}})
	for _, request := range []string{
		"GET /containers/json", "GET /containers/json", "POST /v1.23/containers/web/start", "PATCH /images/x",
		"GET /containers/web/novelty", "POST /containers/prune", "GET /debug",
	} {
		method, path, _ := strings.Cut(request, " ")
		rec.Begin(event(c, method, path))
	}
	var b strings.Builder
	if err := rec.Report(&b); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"# LEARN=1: CONTAINERS=1 and IMAGES=1 and POST=1 and DENY=*Prune cover all of it\n",
		"#   root on the host: ContainerCreate with ContainerStart lets a client start a container that mounts the host's file system\n",
		"#   2x GET /containers/json (ContainerList), allowed already\n",
		"#   1x POST /containers/web/start (ContainerStart) in an API before 1.24\n",
		"      CONTAINERS: 1\n", "      IMAGES: 1\n", "      POST: 1\n", "      DENY: \"*Prune\"\n", "      ALLOW: ContainerList\n",
		"      # not in it, for ALLOW cannot name it: 1x PATCH /images/x; IMAGES=1 and POST=1 would open it with the rest of its section\n",
		"      # not in it, for ALLOW cannot name it: 1x GET /containers/web/novelty; what allows it now is CONTAINERS=1\n",
		"\n# Refused, and in none of these:\n#   1x POST /containers/prune (ContainerPrune): DENY=*Prune forbids it\n#   1x GET /debug: no setting allows it\n",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("the report has no %q:\n%s", line, b.String())
		}
	}
}

// TestReportNamesAWiderPreset asserts that a preset is named of which a client used a
// part only, and that no danger of Podman is.
func TestReportNamesAWiderPreset(t *testing.T) {
	t.Parallel()
	rec, c := newRecorder(acl.Rules{Learn: true})
	for _, request := range []string{
		"HEAD /_ping", "GET /info", "POST /containers/create", "POST /containers/web/start", "GET /containers/web/json", "GET /containers/web/logs",
		"DELETE /containers/web", "POST /containers/web/exec", "POST /exec/1/start", "GET /exec/1/json", "PUT /containers/web/archive", "POST /build",
	} {
		method, path, _ := strings.Cut(request, " ")
		rec.Begin(event(c, method, path))
	}
	var b strings.Builder
	if err := rec.Report(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(lines[0], "# LEARN=1: ALLOW=") || !strings.HasPrefix(lines[1], "#   PRESET=testcontainers covers all of it too, and ") {
		t.Errorf("the report begins\n%s\n%s\nwant ALLOW, and PRESET=testcontainers", lines[0], lines[1])
	}
	if strings.Contains(b.String(), "Podman") || strings.Contains(b.String(), "LIBPOD") {
		t.Errorf("the report tells of Podman:\n%s", b.String())
	}
}

// unread is a pipe that is not read.
type unread struct{ full, gone chan struct{} }

func (u unread) Write(b []byte) (int, error) {
	close(u.full)
	<-u.gone
	return len(b), nil
}

// TestUnreadReportHoldsNoRequest asserts that requests do not wait for a report that
// cannot be written.
func TestUnreadReportHoldsNoRequest(t *testing.T) {
	t.Parallel()
	rec, c := newRecorder(acl.Rules{Learn: true})
	u := unread{make(chan struct{}), make(chan struct{})}
	reported, recorded := make(chan struct{}), make(chan struct{})
	go func() {
		rec.Report(u)
		close(reported)
	}()
	<-u.full
	go func() {
		rec.Begin(event(c, "GET", "/info"))
		close(recorded)
	}()
	select {
	case <-recorded:
	case <-time.After(10 * time.Second):
		t.Error("a request waits until the report has been read")
	}
	close(u.gone)
	<-reported
}
