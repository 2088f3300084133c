package metrics

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"postern/proxy/client"
	"postern/proxy/logging"
)

//go:embed page.css
var style markup

// script refreshes the page in place and makes its buttons copy. Nothing else needs it.
//
//go:embed page.js
var script []byte

// contentSecurity allows the page its own style, its own script and requests to
// itself, and nothing else. If the path of an attacker's request became markup in spite
// of the escaping, it could run no other script, load nothing and send nothing: the
// other responses of this listener are of types that a browser does not run.
var contentSecurity = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// second is the form of a moment on the page.
const second = time.DateTime + " MST"

// Notice is a section of the page.
type Notice struct {
	Title string
	// Lines is called whenever the page is rendered, one call at a time. The section
	// is left out while there are none.
	Lines func() []string
	// Report shows the lines below each other as they are.
	Report bool
}

// maxPageAge is how long a page is shown. Refreshes cost little however many people
// look at it, and many slow readers share its memory.
const maxPageAge = time.Second

// pages renders the page.
type pages struct {
	mu   sync.Mutex
	last []byte // nil when it is older than maxPageAge
}

// page returns the status page as it is now or was less than maxPageAge ago.
func (s *Server) page() []byte {
	s.pages.mu.Lock()
	defer s.pages.mu.Unlock()
	if s.pages.last == nil {
		s.pages.last = s.render()
		time.AfterFunc(maxPageAge, func() {
			s.pages.mu.Lock()
			s.pages.last = nil
			s.pages.mu.Unlock()
		})
	}
	return s.pages.last
}

func (s *Server) render() []byte {
	now := time.Now()
	state, text := "good", "The engine answers."
	if status, reason := s.ready(); status != http.StatusOK {
		state, text = "bad", reason
	}
	d := &document{}
	d.put(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>postern</title>
<link rel="icon" href="data:,">
<style>%s</style>
<noscript><meta http-equiv="refresh" content="30"></noscript>
<script src="page.js" defer></script>
<header>
<h1>postern</h1>
<p class="state %s">%s</p>
<p class="about">version %s, up for %s, seen at %s; <a href="metrics">metrics</a></p>
</header>
<main>
`, style, state, text, s.version, span(now.Sub(s.started)), now.Format(second))
	for _, n := range s.Notices {
		d.putNotice(n)
	}
	d.putRefusals(s.refusals.list(), now)
	oldest, open := s.streams.list()
	d.putStreams(oldest, open, now)
	s.putClients(d, now)
	d.put("</main>\n</html>\n")
	return d.Bytes()
}

func (d *document) putNotice(n Notice) {
	lines := n.Lines()
	switch {
	case len(lines) == 0:
	case n.Report:
		d.put("<section>\n<h2>%s</h2>\n<pre class=\"report\">%s</pre>\n</section>\n", n.Title, breakable(strings.Join(lines, "\n")))
	default:
		d.put("<section>\n<h2>%s</h2>\n<ul class=\"notice\">\n%s</ul>\n</section>\n", n.Title, join("<li>%s\n", lines, ""))
	}
}

func (d *document) putStreams(oldest []stream, open int, now time.Time) {
	var rows []markup
	for _, s := range oldest {
		rows = append(rows, row(requestCell(s.method, logging.Printable(s.path), s.operation), "",
			metaCell(s.client, s.address, render(`<time title="since %s">open for %s</time>`, s.start.Format(second), span(now.Sub(s.start))))))
	}
	var intro markup
	if open > len(oldest) {
		intro = render("<p>%d are open; these have been for the longest.</p>\n", open)
	}
	d.putRows("Open streams", "None.", intro, rows)
}

// putRows writes a section with rows, or with the text none if it has no rows.
func (d *document) putRows(title, none, intro markup, rows []markup) {
	d.put("<section>\n<h2>%s</h2>\n", title)
	if len(rows) == 0 {
		d.put(`<p class="none">%s</p>`+"\n</section>\n", none)
		return
	}
	d.put("%s<ul class=\"rows\">\n%s</ul>\n</section>\n", intro, join("%s", rows, ""))
}

// row renders a request over a whole line, so that a long path finds room, and below it
// what there is to say of it.
func row(request, what, meta markup) markup {
	return render("<li>%s<div class=\"what\">%s</div>%s\n", request, what, meta)
}

func requestCell(method, path, operation string) markup {
	cell := render(`<code class="path">%s %s</code>`, logging.Printable(method), breakable(path))
	if operation != "" {
		cell += render(" <small>%s</small>", operation)
	}
	return `<div class="request">` + cell + `</div>`
}

// breakable lets a path or a list break behind its slashes and commas.
func breakable(text string) markup {
	var parts []string
	for part := range strings.SplitAfterSeq(text, "/") {
		parts = append(parts, strings.SplitAfter(part, ",")...)
	}
	return join("%s", parts, "<wbr>")
}

// code renders settings with a word between them.
func code(settings []string, word markup) markup {
	var all []markup
	for _, setting := range settings {
		all = append(all, render("<code>%s</code>", breakable(setting)))
	}
	return join("%s", all, word)
}

func metaCell(c *client.Client, address string, more markup) markup {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "unix socket"
	}
	return render(`<div class="meta"><span>%s <small>%s</small></span> %s</div>`, c.Name, host, more)
}

// times says how often.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// span formats a duration for people: 45 s, 12 min, 5 h 3 min, 20 d 4 h.
func span(d time.Duration) string {
	s := int(d.Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", max(s, 0))
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
}
