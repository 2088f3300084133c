package metrics

import (
	"cmp"
	"strings"
	"time"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy"
	"postern/proxy/client"
)

// putRefusals writes the last refusals, each with the settings that would allow it.
func (d *document) putRefusals(list []refusal, now time.Time) {
	var rows []markup
	opens := map[string]markup{} // by client and settings, since many refusals have the same
	for _, r := range list {
		rows = append(rows, row(requestCell(r.method, r.path, r.subject.OperationID()), r.allowThis(opens), metaCell(r.client, r.address,
			render(`<time title="%s">%s ago</time> <span class="times">%s</span>`, r.last.Format(second), span(now.Sub(r.last)), times(r.times)))))
	}
	d.putRows("Refused", "Nothing has been refused yet.", render("<p>The last %d that differ, the latest first.</p>\n", maxRefusals), rows)
}

// allowThis renders the settings that would allow a refused request, and a snippet with
// the narrowest of them.
func (r *refusal) allowThis(opens map[string]markup) markup {
	words, settings := r.remedies()
	if len(settings) == 0 {
		return words
	}
	key := r.client.Name + " " + strings.Join(settings, " ")
	if _, known := opens[key]; !known && r.reason == "" {
		opens[key] = alsoOpens(advise.Opens(r.client.Policy, r.client.Limits.Redaction(), settings))
	}
	return copyable("allow "+r.client.Name+" "+r.method+" "+r.path+" "+r.rule, "allow this", words, opens[key], snippet(addTo(r.client, settings), settings))
}

// remedies puts into words what would allow a refused request, and returns the narrowest
// settings that do, none if no setting does.
func (r *refusal) remedies() (words markup, narrowest []string) {
	if r.reason != "" {
		words = render("nothing: %s", r.reason)
		if r.remedy != "" {
			words = render("%s: %s", r.reason, r.remedy)
		}
		return words, settingOf(r.remedy)
	}
	remedy := advise.RemedyFor(r.client.Policy, acl.Decision{Subject: r.subject})
	if len(remedy.Sets) == 0 {
		return render("nothing: %s", cmp.Or(remedy.Text, proxy.OutsideAPI)), nil
	}
	var sets []markup
	for _, settings := range remedy.Sets {
		sets = append(sets, code(settings, " and "))
	}
	return join("%s", sets, " or "), advise.Narrowest(r.client.Policy, r.subject)
}

// addTo says where a snippet with settings that a client lacks belongs.
func addTo(c *client.Client, settings []string) string {
	who := forWhom(c)
	if c.Policy != nil && len(c.Policy.Rules().Allow) > 0 && strings.Contains(strings.Join(settings, " "), "ALLOW=") {
		who += ", in place of the ALLOW that is there"
	}
	return who
}

// copyable renders settings that unfold into a snippet. The key tells it from all
// others of the page, so that it stays open when the page is refreshed. A click into
// the snippet selects all of it, also without the script that the button needs.
func copyable(key string, summary, words, more markup, snippet string) markup {
	return render(`<details data-key="%s"><summary><b>%s</b> %s</summary>%s<div class="snippet"><pre>%s</pre><button type="button">Copy</button></div></details>`,
		key, summary, words, more, breakable(snippet))
}

// alsoOpens renders the dangers that settings open.
func alsoOpens(dangers []advise.Danger) markup {
	if len(dangers) == 0 {
		return ""
	}
	var why []string
	for _, d := range dangers {
		why = append(why, d.Why)
	}
	return render(`<p class="danger">With it a client can %s.</p>`, strings.Join(why, "; "))
}
