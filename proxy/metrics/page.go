package metrics

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"time"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/logging"
)

//go:embed page.css
var style string

// contentSecurity allows the page its own style and nothing else. If the path of an
// attacker's request became markup in spite of the escaping, it could not run a
// script, load anything or send anything.
var contentSecurity = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// page renders the status page.
func (s *Server) page() []byte {
	now := time.Now()
	d := &document{}
	d.put(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>postern</title>
<link rel="icon" href="data:,">
<style>`)
	d.WriteString(style)
	d.put(`</style>
<header>
<h1>postern</h1>
`)
	if status, text := s.ready(); status == 200 {
		d.put("<p class=\"state good\">The engine answers.</p>\n")
	} else {
		d.put("<p class=\"state bad\">%s</p>\n", text)
	}
	d.put("<p class=\"about\">version %s, up for %s, seen at %s; <a href=\"/metrics\">metrics</a></p>\n</header>\n<main>\n",
		s.version, span(now.Sub(s.started)), now.Format(time.DateTime+" MST"))
	d.putRefusals(s.refusals.list(), now)
	oldest, open := s.streams.list()
	d.putStreams(oldest, open, now)
	d.Write(s.policies)
	d.put("</main>\n</html>\n")
	return d.Bytes()
}

// renderPolicies renders the operations that each client may run. Of clients, the
// first one stands for all that are not declared, and is shown last.
func renderPolicies(clients []*client.Client) []byte {
	d := &document{}
	d.put("<section>\n<h2>Permissions</h2>\n")
	for i := range clients {
		d.putPolicy(clients[(i+1)%len(clients)], len(clients) > 1)
	}
	d.put("</section>\n")
	return d.Bytes()
}

func (d *document) putPolicy(c *client.Client, others bool) {
	summary := advise.Summarize(c.Policy, true)
	d.put("<article>\n<h3>")
	switch {
	case c.Name != "":
		d.put("%s", c.Name)
	case others:
		d.put("all other clients")
	default:
		d.put("all clients")
	}
	d.put("</h3>\n")
	if from := c.From.Items(); len(from) > 0 {
		d.put("<p>from %s</p>\n", strings.Join(from, ", "))
	} else if c.Name != "" {
		d.put("<p>through a listener of its own</p>\n")
	}
	d.put("<dl>\n<dt>may run<dd>%d of %d operations\n", summary.Allowed, summary.Of)
	d.putSections("reads", summary.Reads)
	d.putSections("writes", summary.Writes)
	d.put("</dl>\n")
	d.putDangers(advise.Dangers(c.Policy))
	if summary.Allowed > 0 {
		d.put("<details><summary>Each operation and what allows it</summary>\n<table>\n<tr><th>operation<th>request<th>allowed by\n")
		for i, op := range acl.Operations {
			if decided := c.Policy.Operation(i); decided.Outcome == acl.Allowed {
				d.put("<tr><td>%s<td data-is=\"request\"><code>%s %s</code><td data-is=\"allowed by\"><code>%s</code>\n", op.ID, op.Method, op.Path(), decided.Rule)
			}
		}
		d.put("</table>\n</details>\n")
	}
	d.put("</article>\n")
}

// putDangers writes one line for each kind of danger. Dangers of a kind are next to
// each other.
func (d *document) putDangers(dangers []advise.Danger) {
	if len(dangers) == 0 {
		return
	}
	d.put("<ul class=\"dangers\">\n")
	var kind advise.DangerKind
	for _, w := range dangers {
		if w.Kind != kind {
			d.put("<li><b>%s</b>: ", w.Kind)
			kind = w.Kind
		} else {
			d.put(", ")
		}
		d.put("<code title=\"lets a client %s\">%s</code>", w.Why, strings.Join(w.All, " with "))
	}
	d.put("</ul>\n")
}

func (d *document) putSections(title string, names []string) {
	d.put("<dt>%s<dd>", title)
	if len(names) == 0 {
		d.put("nothing")
	}
	for _, name := range names {
		d.put("<code>%s</code> ", name)
	}
	d.put("\n")
}

func (d *document) putRefusals(list []refusal, now time.Time) {
	d.put("<section>\n<h2>Refused</h2>\n")
	if len(list) == 0 {
		d.put("<p class=\"none\">Nothing has been refused yet.</p>\n</section>\n")
		return
	}
	d.put("<p>The last %d that differ, the latest first.</p>\n<table>\n<tr><th>request<th>what would allow it<th>client<th>last<th>times\n", maxRefusals)
	for _, r := range list {
		d.put("<tr><td><code class=\"path\">%s %s</code>", r.method, r.path)
		if r.operation != "" {
			d.put("<small>%s</small>", r.operation)
		}
		d.put("<td data-is=\"allowed by\">")
		d.putRemedies(advise.RemedyFor(r.policy, r.decision))
		d.putClient(r.client, r.address)
		d.put("<td data-is=\"last\"><time title=\"%s\">%s ago</time><td data-is=\"times\">%d\n",
			r.last.Format(time.DateTime+" MST"), span(now.Sub(r.last)), r.times)
	}
	d.put("</table>\n</section>\n")
}

// putRemedies writes the settings that would allow the request.
func (d *document) putRemedies(r advise.Remedy) {
	for i, settings := range r.Sets {
		if i > 0 {
			d.put(" or ")
		}
		for j, setting := range settings {
			if j > 0 {
				d.put(" and ")
			}
			d.put("<code>%s</code>", setting)
		}
	}
	switch {
	case len(r.Sets) > 0:
	case r.Text != "":
		d.put("nothing: %s", r.Text)
	default:
		d.put("nothing: %s", proxy.OutsideAPI)
	}
}

func (d *document) putClient(name, address string) {
	d.put("<td data-is=\"client\">")
	if name != "" {
		d.put("%s ", name)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "unix socket"
	}
	d.put("<small>%s</small>", host)
}

func (d *document) putStreams(oldest []stream, open int, now time.Time) {
	d.put("<section>\n<h2>Open streams</h2>\n")
	if open == 0 {
		d.put("<p class=\"none\">None.</p>\n</section>\n")
		return
	}
	if open > len(oldest) {
		d.put("<p>%d are open; these have been for the longest.</p>\n", open)
	}
	d.put("<table>\n<tr><th>request<th>client<th>open for\n")
	for _, s := range oldest {
		d.put("<tr><td><code class=\"path\">%s %s</code><small>%s</small>", s.method, logging.Printable(s.path), s.operation)
		d.putClient(s.client, s.address)
		d.put("<td data-is=\"open for\"><time title=\"since %s\">%s</time>\n", s.start.Format(time.DateTime+" MST"), span(now.Sub(s.start)))
	}
	d.put("</table>\n</section>\n")
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
