package metrics

import (
	"fmt"
	"strings"
	"time"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy/client"
)

// putClients writes what each client has asked for and what it may do. The clients that
// are not declared come last.
func (s *Server) putClients(d *document, now time.Time) {
	d.put("<section>\n<h2>Clients</h2>\n")
	all := s.counters.clients
	for _, cc := range all[1:] {
		s.putClient(d, cc, cc.name, now)
	}
	title := "all clients"
	if len(all) > 1 {
		title = "all other clients"
	}
	s.putClient(d, all[0], title, now)
	d.put("</section>\n")
}

func (s *Server) putClient(d *document, cc *clientCounters, title string, now time.Time) {
	d.put("<article>\n<h3>%s</h3>\n", title)
	from, certs := cc.client.From.Items(), cc.client.Cert.Items()
	if len(from) > 0 {
		d.put("<p>from %s</p>\n", strings.Join(from, ", "))
	}
	if len(certs) > 0 {
		d.put("<p>with the certificate of %s</p>\n", strings.Join(certs, ", "))
	}
	if len(from)+len(certs) == 0 && cc.client.Name != "" {
		d.put("<p>through a listener of its own</p>\n")
	}
	s.putUses(d, cc, now)
	s.putProposal(d, cc)
	d.putPermissions(cc.client)
	d.put("</article>\n")
}

// putUses writes the operations that a client has asked for, in the order of
// acl.Operations, and last its requests that are none.
func (s *Server) putUses(d *document, cc *clientCounters, now time.Time) {
	var rows []markup
	for n := range cc.operations {
		i := (n + 1) % len(cc.operations)
		o := &cc.operations[i]
		allowed, refused := int(o.requests[acl.Allowed].Load()), int(o.requests[acl.Refused].Load())
		open := int(o.open.Load())
		if allowed+refused+open == 0 {
			continue
		}
		name, request := "no operation", markup("all other requests")
		if i > 0 {
			op := s.counters.subject(i).Operation
			name, request = op.ID, render("<code>%s %s</code>", op.Method, breakable(op.Path()))
		}
		last := time.Unix(o.last.Load(), 0)
		rows = append(rows, render(`<tr><td>%s<td data-is="request">%s<td data-is="allowed">%s<td data-is="refused">%s<td data-is="last"><time title="%s">%s ago</time>`+"\n",
			name, request, count(allowed+open), count(refused), last.Format(second), span(now.Sub(last))))
	}
	streams := ""
	if open := cc.streams.Load(); open > 0 {
		streams = fmt.Sprintf("%d streams are open. ", open)
		if open == 1 {
			streams = "1 stream is open. "
		}
	}
	if len(rows) == 0 {
		d.put("<p>%sIt has asked for nothing yet.</p>\n", streams)
		return
	}
	d.put("<p>%sAsked for so far:</p>\n<table class=\"uses\">\n<tr><th>operation<th>request<th>allowed<th>refused<th>last\n%s</table>\n", streams, join("%s", rows, ""))
}

// count leaves out a zero, so that the other numbers are seen.
func count(n int) markup {
	if n == 0 {
		return `<span class="zero">0</span>`
	}
	return render("%d", n)
}

// proposal is what suffices for the operations that a client has asked for.
type proposal struct {
	needs    string // what it is for, by the positions of the operations
	shortest advise.Proposal
	sum      []string // the ALLOW for all that was refused
	// opens and sumOpens are the dangers that they would add to the client's.
	opens, sumOpens []advise.Danger
}

// putProposal writes the shortest settings for what a client has asked for, and those to
// add for all that it was refused.
func (s *Server) putProposal(d *document, cc *clientCounters) {
	p := s.proposalFor(cc)
	if p == nil {
		return
	}
	name := cc.client.Name
	if len(p.sum) > 0 {
		d.put("%s\n", copyable("sum "+name, "allow all that it was refused", code(p.sum, " and "), alsoOpens(p.sumOpens), snippet(addTo(cc.client, p.sum), p.sum)))
	}
	all := p.shortest.Settings()
	words := code(all, " and ")
	switch {
	case len(all) == 0:
		d.put("<p>What is open by default covers these operations.</p>\n")
	case len(p.shortest.Keep) > 0 && len(p.shortest.Set) == 0:
		d.put("<p>%s covers these operations.</p>\n", words)
	case len(p.shortest.Keep) > 0:
		d.put("<p>%s would cover these operations.</p>\n", words)
	default:
		d.put("%s\n", copyable("all "+name, "what covers these operations", words, alsoOpens(p.opens),
			snippet(forWhom(cc.client)+", in place of the toggles, ALLOW, DENY, PRESET and LEARN that are there", all)))
	}
	if p.shortest.Wider != "" {
		d.put("<p><code>%sPRESET=%s</code> covers them too, and opens %d operations more.</p>\n", cc.client.Policy.Rules().Prefix, p.shortest.Wider, p.shortest.WiderBy)
	}
}

// proposalFor returns the proposal for what a client has asked for so far, or nil if that
// is nothing which a setting allows. It takes milliseconds, so it is kept until the client
// asks for something new.
func (s *Server) proposalFor(cc *clientCounters) *proposal {
	var needs, lacking []acl.Subject
	var key strings.Builder
	for i := range cc.operations[1:] {
		i++
		o := &cc.operations[i]
		switch {
		case o.lacking.Load():
			lacking = append(lacking, s.counters.subject(i))
			fmt.Fprint(&key, " -", i)
		case o.requests[acl.Allowed].Load()+o.open.Load() > 0:
			needs = append(needs, s.counters.subject(i))
			fmt.Fprint(&key, " ", i)
		}
	}
	if cc.proposal != nil && cc.proposal.needs == key.String() {
		return cc.proposal
	}
	policy := cc.client.Policy
	lacking = advise.Allowable(policy, lacking)
	if needs = append(needs, lacking...); len(needs) == 0 {
		return nil
	}
	p := &proposal{needs: key.String(), shortest: advise.Shortest(policy.Rules(), needs)}
	if allow := advise.AllowFor(policy.Rules(), lacking); allow != "" {
		p.sum = []string{allow}
		p.sumOpens = advise.Opens(policy, cc.client.Limits.Redaction(), p.sum)
	}
	p.opens = advise.Opens(policy, cc.client.Limits.Redaction(), p.shortest.Settings())
	cc.proposal = p
	return p
}

// putPermissions writes what a client may do.
func (d *document) putPermissions(c *client.Client) {
	summary := advise.Summarize(c.Policy, c.Limits.Redaction(), true)
	d.put("<dl>\n<dt>may run<dd>%d of %d operations\n<dt>reads<dd>%s\n<dt>writes<dd>%s\n",
		summary.Allowed, summary.Of, sections(summary.Reads), sections(summary.Writes))
	for i, line := range c.Limits.Words(c.Policy) {
		if i == 0 {
			d.put("<dt>limits")
		}
		d.put("<dd>%s\n", line)
	}
	d.put("</dl>\n")
	if c.Dangers != nil {
		d.putDangers(c.Dangers())
	} else {
		d.putDangers(advise.Dangers(c.Policy, c.Limits.Redaction()))
	}
	if summary.Allowed > 0 {
		d.put(`<details data-key="operations %s"><summary>Each operation and what allows it</summary>`+"\n<table>\n<tr><th>operation<th>request<th>allowed by\n", c.Name)
		for i, op := range acl.Operations {
			if decided := c.Policy.Operation(i); decided.Outcome == acl.Allowed && c.Limits.Redaction().Refuses(decided) == "" {
				d.put(`<tr><td>%s<td data-is="request"><code>%s %s</code><td data-is="allowed by"><code>%s</code>`+"\n", op.ID, op.Method, breakable(op.Path()), decided.Rule)
			}
		}
		d.put("</table>\n</details>\n")
	}
}

func sections(variables []string) markup {
	if len(variables) == 0 {
		return "nothing"
	}
	return code(variables, " ")
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
