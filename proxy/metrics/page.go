package metrics

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/logging"
)

//go:embed page.css
var style markup

// contentSecurity allows the page its own style and nothing else. If the path of an
// attacker's request became markup in spite of the escaping, it could not run a
// script, load anything or send anything.
var contentSecurity = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// second is the form of a moment on the page.
const second = time.DateTime + " MST"

// page renders the status page.
func (s *Server) page() []byte {
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
<header>
<h1>postern</h1>
<p class="state %s">%s</p>
<p class="about">version %s, up for %s, seen at %s; <a href="/metrics">metrics</a></p>
</header>
<main>
`, style, state, text, s.version, span(now.Sub(s.started)), now.Format(second))
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
	for _, c := range clients[1:] {
		d.putPolicy(c.Name, c)
	}
	if len(clients) > 1 {
		d.putPolicy("all other clients", clients[0])
	} else {
		d.putPolicy("all clients", clients[0])
	}
	d.put("</section>\n")
	return d.Bytes()
}

func (d *document) putPolicy(title string, c *client.Client) {
	d.put("<article>\n<h3>%s</h3>\n", title)
	from, certs := c.From.Items(), c.Cert.Items()
	if len(from) > 0 {
		d.put("<p>from %s</p>\n", strings.Join(from, ", "))
	}
	if len(certs) > 0 {
		d.put("<p>with the certificate of %s</p>\n", strings.Join(certs, ", "))
	}
	if len(from)+len(certs) == 0 && c.Name != "" {
		d.put("<p>through a listener of its own</p>\n")
	}
	summary := advise.Summarize(c.Policy, c.Limits.Redaction(), true)
	d.put("<dl>\n<dt>may run<dd>%d of %d operations\n<dt>reads<dd>%s\n<dt>writes<dd>%s\n</dl>\n",
		summary.Allowed, summary.Of, sections(summary.Reads), sections(summary.Writes))
	if c.Dangers != nil {
		d.putDangers(c.Dangers())
	} else {
		d.putDangers(advise.Dangers(c.Policy, c.Limits.Redaction()))
	}
	if summary.Allowed > 0 {
		d.put("<details><summary>Each operation and what allows it</summary>\n<table>\n<tr><th>operation<th>request<th>allowed by\n")
		for i, op := range acl.Operations {
			if decided := c.Policy.Operation(i); decided.Outcome == acl.Allowed && c.Limits.Redaction().Refuses(decided) == "" {
				d.put(`<tr><td>%s<td data-is="request"><code>%s %s</code><td data-is="allowed by"><code>%s</code>`+"\n", op.ID, op.Method, op.Path(), decided.Rule)
			}
		}
		d.put("</table>\n</details>\n")
	}
	d.put("</article>\n")
}

func sections(variables []string) markup {
	if len(variables) == 0 {
		return "nothing"
	}
	return join("<code>%s</code>", variables, " ")
}

// putDangers writes one line for each kind of danger. Dangers of a kind are next to
// each other.
func (d *document) putDangers(dangers []advise.Danger) {
	if len(dangers) == 0 {
		return
	}
	d.put(`<ul class="dangers">` + "\n")
	var kind advise.DangerKind
	for _, danger := range dangers {
		if danger.Kind != kind {
			kind = danger.Kind
			d.put("<li><b>%s</b>: ", kind)
		} else {
			d.put(", ")
		}
		d.put(`<code title="lets a client %s">%s</code>`, danger.Why, strings.Join(danger.All, " with "))
	}
	d.put("</ul>\n")
}

func (d *document) putRefusals(list []refusal, now time.Time) {
	var rows []markup
	for _, r := range list {
		rows = append(rows, render(`%s<td data-is="allowed by">%s%s<td data-is="last"><time title="%s">%s ago</time><td data-is="times">%d`,
			requestCell(r.method, r.path, r.operation), remedy(advise.RemedyFor(r.policy, r.decision)), clientCell(r.client, r.address),
			r.last.Format(second), span(now.Sub(r.last)), r.times))
	}
	d.putTable("Refused", "Nothing has been refused yet.", render("<p>The last %d that differ, the latest first.</p>\n", maxRefusals),
		"<th>request<th>what would allow it<th>client<th>last<th>times", rows)
}

func (d *document) putStreams(oldest []stream, open int, now time.Time) {
	var rows []markup
	for _, s := range oldest {
		rows = append(rows, render(`%s%s<td data-is="open for"><time title="since %s">%s</time>`,
			requestCell(s.method, logging.Printable(s.path), s.operation), clientCell(s.client, s.address), s.start.Format(second), span(now.Sub(s.start))))
	}
	var intro markup
	if open > len(oldest) {
		intro = render("<p>%d are open; these have been for the longest.</p>\n", open)
	}
	d.putTable("Open streams", "None.", intro, "<th>request<th>client<th>open for", rows)
}

// putTable writes a section with a table, or with the text none if it has no rows.
func (d *document) putTable(title, none, intro, columns markup, rows []markup) {
	d.put("<section>\n<h2>%s</h2>\n", title)
	if len(rows) == 0 {
		d.put(`<p class="none">%s</p>`+"\n</section>\n", none)
		return
	}
	d.put("%s<table>\n<tr>%s\n<tr>%s\n</table>\n</section>\n", intro, columns, join("%s", rows, "\n<tr>"))
}

func requestCell(method, path, operation string) markup {
	cell := render(`<td><code class="path">%s %s</code>`, method, path)
	if operation != "" {
		cell += render("<small>%s</small>", operation)
	}
	return cell
}

func clientCell(name, address string) markup {
	if name != "" {
		name += " "
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "unix socket"
	}
	return render(`<td data-is="client">%s<small>%s</small>`, name, host)
}

// remedy renders the settings that would allow a request.
func remedy(r advise.Remedy) markup {
	if len(r.Sets) == 0 {
		return render("nothing: %s", cmp.Or(r.Text, proxy.OutsideAPI))
	}
	var sets []markup
	for _, settings := range r.Sets {
		sets = append(sets, join("<code>%s</code>", settings, " and "))
	}
	return join("%s", sets, " or ")
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
