package learn

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"postern/acl"
	"postern/acl/advise"
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

// Report writes two YAML documents, each with settings that would have sufficed.
// Either can stand under a service of a compose file.
func (r *Recorder) Report(w io.Writer) error {
	// A pipe that is not read blocks the write. Requests need the mutex, so the
	// write does not hold it.
	_, err := io.WriteString(w, r.report())
	return err
}

func (r *Recorder) report() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, `# LEARN=%s: what was asked for since the start, and two environments that would have sufficed for what was forwarded.
# Put one of the two under the service, in place of the toggles, ALLOW, DENY, PRESET and LEARN that it has.
`, r.mode)
	excess := 0
	found := map[*clientRecord]settings{}
	for _, c := range r.records {
		s := r.settings(c)
		found[c] = s
		excess += r.width(c, s.toggles) - r.width(c, s.allow)
	}
	fmt.Fprintf(&b, "\n# 1. By toggles, which open %d operations more than were asked for:\n    environment:\n", excess)
	for _, c := range r.records {
		r.writeSettings(&b, c, found[c].toggles)
	}
	fmt.Fprint(&b, "---\n# 2. By ALLOW, which opens nothing else:\n    environment:\n")
	for _, c := range r.records {
		r.writeSettings(&b, c, found[c].allow)
		for _, s := range found[c].unnamed {
			fmt.Fprintf(&b, "      # not in it, for ALLOW cannot name it: %s; %s\n", c.uses[s].describe(), c.opening(s))
		}
	}
	r.writeRefused(&b)
	r.writeGuard(&b)
	return b.String()
}

// writeSettings writes settings for a client below the requests they are for.
func (r *Recorder) writeSettings(b *strings.Builder, c *clientRecord, settings []string) {
	if len(r.records) > 1 {
		fmt.Fprintf(b, "      # %s\n", c.name())
	}
	rules := c.client.Policy.Rules()
	forwarded := c.list(true)
	for _, u := range forwarded {
		already := ""
		if allowed, _ := rules.Evaluate(u.Subject); allowed && r.mode == "1" {
			already = ", allowed already"
		}
		fmt.Fprintf(b, "      # %s%s\n", u.describe(), already)
	}
	if len(forwarded) == 0 {
		fmt.Fprint(b, "      # nothing was forwarded\n")
	}
	// A declared client that may do nothing stops the start.
	if c.client.Name != "" && r.width(c, settings) == 0 {
		fmt.Fprintf(b, "      # nothing to set, and with nothing postern does not start: give it something, or take %sFROM and %sLISTEN away\n",
			rules.Prefix, rules.Prefix)
		return
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(b, "      %s: %s\n", name, scalar(value))
	}
}

func (c *clientRecord) name() string {
	if c.client.Name == "" {
		return "all clients that are not declared"
	}
	return "client " + c.client.Name
}

// writeRefused writes the refused requests, as a comment.
func (r *Recorder) writeRefused(b *strings.Builder) {
	head := "\n# Refused, and in neither:\n"
	for _, c := range r.records {
		for _, u := range c.list(false) {
			name := ""
			if len(r.records) > 1 {
				name = c.name() + ": "
			}
			fmt.Fprintf(b, "%s#   %s%s: %s\n", head, name, u.describe(), c.remedy(u.Subject))
			head = ""
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

// scalar writes a value for YAML: numbers and lists of ids need no quotes.
func scalar(value string) string {
	if strings.ContainsAny(value, `*"`) {
		return strconv.Quote(value)
	}
	return value
}

// width counts the operations that settings allow a client, Podman's own only if
// they are asked for.
func (r *Recorder) width(c *clientRecord, settings []string) int {
	environ := map[string]string{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		environ[name] = value
	}
	// The settings come from advise, so they have no error.
	rules, _ := acl.ParseRules(c.client.Policy.Rules().Prefix, environ)
	return advise.Summarize(acl.Compile(rules), r.podman).Allowed
}
