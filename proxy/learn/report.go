package learn

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/redact"
	"postern/proxy/logging"
)

// ReportOn writes a report whenever the process gets a signal, and the last when
// end is called.
func (r *Recorder) ReportOn(sig os.Signal, w io.Writer) (end func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, sig)
	go func() {
		defer close(done)
		for range signals {
			r.Report(w)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
		r.Report(w)
	}
}

// Report writes what suffices, the shortest first, then YAML documents, each with
// settings that would have sufficed. Each can stand under a service of a compose file.
func (r *Recorder) Report(w io.Writer) error {
	_, err := io.WriteString(w, r.Text())
	return err
}

// Text is the report.
func (r *Recorder) Text() string { return r.snapshot().report() }

// Lines are those of the report.
func (r *Recorder) Lines() []string { return strings.Split(strings.TrimSuffix(r.Text(), "\n"), "\n") }

// Title says that LEARN is on and what that means.
func (r *Recorder) Title() string {
	if r.mode == "1" {
		return "LEARN=1 is on: nothing is refused but what DENY names"
	}
	return "LEARN=deny is on: requests are refused by the settings"
}

// snapshot copies what was recorded. Requests need the mutex, so nothing that takes
// long holds it: neither the search for the shortest settings, nor a write to a pipe
// that is not read.
func (r *Recorder) snapshot() *Recorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &Recorder{mode: r.mode, podman: r.podman}
	for _, c := range r.records {
		uses := make(map[acl.Subject]*use, len(c.uses))
		for subject, u := range c.uses {
			now := *u
			uses[subject] = &now
		}
		copied := &clientRecord{client: c.client, uses: uses, impossible: slices.Clone(c.impossible)}
		for _, n := range c.needs {
			copied.needs = append(copied.needs, need{n.variable, slices.Clone(n.items)})
		}
		s.records = append(s.records, copied)
	}
	return s
}

func (r *Recorder) report() string {
	var found []settings
	for _, c := range r.records {
		found = append(found, c.settings())
	}
	var b strings.Builder
	r.writeShortest(&b, found)
	r.writeRequests(&b)
	r.writeDocuments(&b, found)
	r.writeRefused(&b)
	r.writeGuard(&b)
	return b.String()
}

// writeShortest writes a line for each client with its shortest settings, and what they
// open.
func (r *Recorder) writeShortest(b *strings.Builder, found []settings) {
	if len(r.records) > 1 {
		fmt.Fprintf(b, "# LEARN=%s: the shortest settings, for each client:\n", r.mode)
	}
	for i, c := range r.records {
		head := fmt.Sprintf("LEARN=%s: ", r.mode)
		if len(r.records) > 1 {
			head = c.name() + ": "
		}
		p := found[i].shortest
		fmt.Fprintf(b, "# %s%s\n", head, c.sentence(p))
		if p.Wider != "" {
			fmt.Fprintf(b, "#   %sPRESET=%s covers all of it too, and %d operations more\n", c.client.Policy.Rules().Prefix, p.Wider, p.WiderBy)
		}
		for _, line := range append(r.dangers(c, p), c.containing(p)...) {
			fmt.Fprintf(b, "#   %s\n", line)
		}
	}
}

// sentence says that a proposal covers what the client has asked for.
func (c *clientRecord) sentence(p advise.Proposal) string {
	all := p.Settings()
	switch {
	case len(c.uses) == 0:
		return "nothing was asked for"
	case len(c.list(true)) == 0 && (!c.keeps() || len(c.refused()) == 0):
		return "nothing was forwarded"
	case len(all) == 0:
		return "no setting is needed: what is open by default covers all of it"
	}
	covers := " covers all of it"
	if len(all) > 1 {
		covers = " cover all of it"
	}
	text := strings.Join(all, " and ") + covers
	if len(p.Keep) > 0 && len(p.Set) > 0 {
		text += ": keep " + strings.Join(p.Keep, " and ") + ", and add " + strings.Join(p.Set, " and ")
	}
	return text
}

// dangers lists what a proposal opens, but what is open by default. What is dangerous
// on Podman alone is left out unless Podman is meant.
func (r *Recorder) dangers(c *clientRecord, p advise.Proposal) (lines []string) {
	told := map[string]bool{}
	for _, d := range advise.Dangers(acl.Compile(c.rules(p.Settings())), c.client.Limits.Redaction()) {
		if d.ByDefault() || told[d.Why] || d.Podman && !r.podman {
			continue
		}
		told[d.Why] = true
		lines = append(lines, fmt.Sprintf("%s: %s lets a client %s", d.Kind, strings.Join(d.All, " with "), d.Why))
	}
	return lines
}

// writeRequests writes what was asked for, the refused requests only of clients whose
// shortest settings allow them.
func (r *Recorder) writeRequests(b *strings.Builder) {
	b.WriteString("#\n# What was asked for since the start:\n")
	for _, c := range r.records {
		if len(r.records) > 1 {
			fmt.Fprintf(b, "# %s:\n", c.name())
		}
		rules := c.client.Policy.Rules()
		forwarded := c.list(true)
		for _, u := range forwarded {
			already := ""
			if allowed, _ := rules.Evaluate(u.Subject); allowed && r.mode == "1" {
				already = ", allowed already"
			}
			fmt.Fprintf(b, "#   %s%s\n", u.describe(), already)
		}
		if c.keeps() {
			for _, u := range c.refused() {
				fmt.Fprintf(b, "#   %s, refused\n", u.describe())
			}
		} else if len(forwarded) == 0 {
			b.WriteString("#   nothing was forwarded\n")
		}
	}
}

func (c *clientRecord) name() string {
	if c.client.Name == "" {
		return "all clients that are not declared"
	}
	return "client " + c.client.Name
}

// writeRefused writes the refused requests that no proposal allows, as a comment, and
// the ALLOW that would allow those that can be allowed.
func (r *Recorder) writeRefused(b *strings.Builder) {
	head := "\n# Refused, and in none of these:\n"
	for _, c := range r.records {
		allowable := c.refused()
		for _, u := range c.list(false) {
			if c.keeps() && slices.Contains(allowable, u) {
				continue // in the proposal
			}
			name := ""
			if len(r.records) > 1 {
				name = c.name() + ": "
			}
			fmt.Fprintf(b, "%s#   %s%s: %s\n", head, name, u.describe(), c.remedy(u.Subject))
			head = ""
		}
		if allow := advise.AllowFor(c.client.Policy.Rules(), subjects(allowable)); allow != "" && !c.keeps() && len(allowable) > 1 {
			fmt.Fprintf(b, "# All of these that ALLOW can name: %s\n", allow)
		}
	}
}

// describe puts a use into words: 12x GET /containers/json (ContainerList).
func (u *use) describe() string {
	text := fmt.Sprintf("%dx %s %s", u.count, logging.Printable(u.method), logging.Printable(u.path))
	if u.Operation != nil {
		text += " (" + u.Operation.ID + ")"
	}
	if u.Configures {
		text += " in an API before 1.24"
	}
	return text
}

// opening says which settings open a subject that ALLOW cannot name, or have
// opened it already.
func (c *clientRecord) opening(s acl.Subject) string {
	rules := c.client.Policy.Rules()
	if allowed, by := rules.Evaluate(s); allowed {
		return "what allows it now is " + rules.Prefix + by.String()
	}
	sets := advise.RemedyFor(c.client.Policy, acl.Decision{Subject: s}).Sets
	return strings.Join(sets[0], " and ") + " would open it with the rest of its section"
}

// width counts the operations that settings allow a client, Podman's own only if
// they are asked for.
func (r *Recorder) width(c *clientRecord, settings []string) int {
	return advise.Summarize(acl.Compile(c.rules(settings)), redact.Redaction{}, r.podman).Allowed
}

// rules are those of settings that advise has made for the client, so that they have no
// error.
func (c *clientRecord) rules(settings []string) acl.Rules {
	environ := map[string]string{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		environ[name] = value
	}
	rules, _ := acl.ParseRules(c.client.Policy.Rules().Prefix, environ)
	return rules
}
