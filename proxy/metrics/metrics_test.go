package metrics

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/logging"
)

// newServer returns a server whose engine is up, and its clients: the one for
// undeclared clients and one for each name.
func newServer(names ...string) (*Server, []*client.Client) {
	all := []*client.Client{{Policy: acl.Compile(acl.Rules{})}}
	for _, name := range names {
		all = append(all, &client.Client{Name: name, Policy: acl.Compile(acl.Rules{})})
	}
	s := New("test", all)
	s.Engine = func() error { return nil }
	return s, all
}

// event returns the event of a request after the decision.
func event(c *client.Client, method, path string) *proxy.Event {
	e := &proxy.Event{Start: time.Now(), Client: c, Address: "10.0.0.1:4711", Method: method, Path: path, Status: 403, Sent: 90}
	e.Decision = c.Policy.Decide(method, &url.URL{Path: path})
	return e
}

// TestNoTextBecomesMarkup puts hostile text in every place of the page, also in those
// that only an operator or the engine can fill, and asserts that it is escaped.
func TestNoTextBecomesMarkup(t *testing.T) {
	t.Parallel()
	for _, attack := range []string{
		`<script>alert(1)</script>`, `</code></table><img src=x onerror=alert(1)>`, `" onmouseover="alert(1)`, `' onmouseover='alert(1)`,
		`</style><script>`, `<!--`, `]]>`, `&lt;script&gt;`, "\u202e<b>\x1b[31m\x00", `%s%d%!(EXTRA`, "<\xff\xfescript>",
	} {
		s, all := newServer(attack)
		s.version = attack
		s.Engine = func() error { return errors.New(attack) }
		all[1].From = client.From{Names: []string{attack}}
		lines := func() []string { return []string{attack} }
		s.Notices = []Notice{{Title: attack, Lines: lines}, {Title: attack, Lines: lines, Report: true}}
		for _, c := range all {
			e := event(c, attack, "/"+attack)
			e.Address = attack
			s.Begin(e)
			s.End(e)
			open := event(c, "GET", "/events")
			open.Method, open.Path, open.Address = attack, attack, attack
			s.Begin(open)
		}
		page := string(s.page())
		plain, _ := newServer()
		want := map[string]bool{}
		for _, tag := range tags(string(plain.page())) {
			want[tag] = true
		}
		for _, tag := range tags(page) {
			tag = strings.ReplaceAll(tag, html.EscapeString(logging.Printable(attack)), "")
			name, _, _ := strings.Cut(tag, " ")
			if strings.Contains(tag, "alert") || !want[tag] && !knownTags[name] {
				t.Errorf("%q makes the page have <%s>", attack, tag)
			}
		}
		if strings.Contains(page, attack) && strings.ContainsAny(attack, `<>"'&`) {
			t.Errorf("%q is on the page as it is", attack)
		}
	}
}

// knownTags are the elements that only a page with refusals and streams has.
var knownTags = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq("/b /button /code /details /div /pre /section /small /span /summary /table /th /time /ul b button code details div h2 li p pre section small span summary table td th time tr ul wbr") {
		m[name] = true
	}
	return m
}()

// tags lists the text after each < up to the next >.
func tags(page string) (all []string) {
	for _, part := range strings.Split(page, "<")[1:] {
		tag, _, _ := strings.Cut(part, ">")
		all = append(all, tag)
	}
	return all
}

// TestRefusalsAreBounded asserts that a repeated refusal takes one place in the
// list, that the list has an end, and that long paths are cut.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	s, all := newServer("other")
	add := func(c *client.Client, path string) { s.End(event(c, "GET", path)) }
	add(all[0], "/info")
	for range 1000 {
		add(all[1], "/info")
	}
	list := s.refusals.list()
	if len(list) != 2 || list[0].client.Name != "other" || list[0].times != 1000 || list[1].client.Name != "" || list[1].times != 1 {
		t.Errorf("got %+v, want 1000 of client other, then one of the default client", list)
	}
	// The same request, but another rule refuses it, so another setting allows it.
	shutOut := event(all[0], "GET", "/info")
	shutOut.Decision = shutOut.Decision.Refuse("ALLOW_FROM", "10.0.0.1 is not in ALLOW_FROM")
	s.End(shutOut)
	if list = s.refusals.list(); len(list) != 3 || list[0].rule != "ALLOW_FROM" || list[0].times != 1 {
		t.Errorf("got %+v, want the one that ALLOW_FROM refused in front", list)
	}
	for i := range 10 * maxRefusals {
		add(all[0], fmt.Sprintf("/containers/%d/%s", i, strings.Repeat("x", 60000)))
	}
	add(all[0], "/networks")
	list = s.refusals.list()
	if len(list) != maxRefusals || list[0].path != "/networks" || list[0].times != 1 || !strings.HasPrefix(list[1].path, "/containers/499/") {
		t.Errorf("%d refusals are kept, the latest %+v, want %d and /networks", len(list), list[0], maxRefusals)
	}
	for _, r := range list {
		if len(r.path) > 300 {
			t.Errorf("a path of %d bytes is kept", len(r.path))
		}
	}
}

// TestStreamsAreBounded asserts that the list has the streams that have been open
// longest, and counts all.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s, all := newServer()
	var events []*proxy.Event
	begin := time.Now()
	for i := range 3 * maxStreams {
		e := event(all[0], "GET", "/events")
		e.Start = begin.Add(-time.Duration(i) * time.Minute)
		s.Begin(e)
		events = append(events, e)
	}
	list, open := s.streams.list()
	if len(list) != maxStreams || open != 3*maxStreams || !list[0].start.Equal(events[3*maxStreams-1].Start) {
		t.Errorf("%d of %d are shown, want %d of %d, the oldest first", len(list), open, maxStreams, 3*maxStreams)
	}
	for _, e := range events {
		s.End(e)
	}
	if list, open := s.streams.list(); len(list) != 0 || open != 0 {
		t.Errorf("%d of %d are left when all are over", len(list), open)
	}
}

// TestEventsDoNotAllocate asserts that counting a request allocates nothing if its
// counters exist.
func TestEventsDoNotAllocate(t *testing.T) {
	s, all := newServer("other")
	for _, path := range []string{"/_ping", "/v1.41/version"} {
		e := event(all[1], "GET", path)
		if n := testing.AllocsPerRun(100, func() { s.Begin(e); s.End(e) }); n != 0 {
			t.Errorf("GET %s: %v allocations, want none", path, n)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	s, all := newServer("other")
	for name, e := range map[string]*proxy.Event{
		"allowed": event(all[1], "GET", "/_ping"),
		"stream":  event(all[1], "GET", "/events"),
		"refused": event(all[1], "GET", "/info"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Begin(e)
				s.End(e)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", time.Hour - 1: "59 min",
		47*time.Hour + 59*time.Minute: "47 h 59 min", 50 * time.Hour: "2 d 2 h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}
