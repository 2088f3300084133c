package learn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// document is a YAML document of the report. settings are those of a client in it,
// and shortest those of a client that keeps what it has.
type document struct {
	title              string
	settings, shortest func(i int) []string
}

// writeDocuments writes the environments. Where all clients keep what they have there
// is one, of what to add.
func (r *Recorder) writeDocuments(b *strings.Builder, found []settings) {
	shortest := func(i int) []string { return found[i].shortest.Set }
	if !slices.ContainsFunc(r.records, func(c *clientRecord) bool { return !c.keeps() }) {
		if !slices.ContainsFunc(found, func(s settings) bool { return len(s.shortest.Set) > 0 }) {
			return
		}
		r.writeDocument(b, document{"# To add to what the service has:", shortest, shortest})
		return
	}
	b.WriteString("#\n# Put one of these environments under the service, in place of the toggles, ALLOW, DENY, PRESET and LEARN that it has.\n")
	excess := 0
	same := true
	for i, c := range r.records {
		same = same && (c.keeps() || slices.Equal(found[i].shortest.Set, found[i].allow) || slices.Equal(found[i].shortest.Set, found[i].toggles))
		excess += r.width(c, found[i].toggles) - r.width(c, found[i].allow)
	}
	documents := []document{
		{"By ALLOW, which opens nothing else but what is open by default:", func(i int) []string { return found[i].allow }, shortest},
		{fmt.Sprintf("By toggles, which open %d operations more than were asked for:", excess), func(i int) []string { return found[i].toggles }, shortest},
	}
	if !same {
		documents = slices.Insert(documents, 0, document{"The shortest:", shortest, shortest})
	}
	for n, d := range documents {
		if n > 0 {
			b.WriteString("---")
		}
		d.title = fmt.Sprintf("# %d. %s", n+1, d.title)
		r.writeDocument(b, d)
		if strings.Contains(d.title, "By ALLOW") {
			r.writeUnnamed(b, found)
		}
	}
}

func (r *Recorder) writeDocument(b *strings.Builder, d document) {
	var lines strings.Builder
	settings := 0
	for i, c := range r.records {
		if len(r.records) > 1 {
			fmt.Fprintf(&lines, "      # %s\n", c.name())
		}
		set := d.settings(i)
		if c.keeps() && len(r.records) > 1 {
			lines.WriteString("      # beside what it has\n")
			set = d.shortest(i)
		}
		settings += len(set)
		c.writeSettings(&lines, set)
	}
	empty := ""
	if settings == 0 {
		empty = " {}"
	}
	fmt.Fprintf(b, "\n%s\n    environment:%s\n%s", d.title, empty, lines.String())
}

// writeSettings writes settings for a client.
func (c *clientRecord) writeSettings(b *strings.Builder, settings []string) {
	// A declared client that may do nothing stops the start.
	if prefix := c.client.Policy.Rules().Prefix; c.client.Name != "" && !c.keeps() && c.rules(settings).AllowsNothing() {
		fmt.Fprintf(b, "      # nothing to set, and with nothing postern does not start: give it something, or take %sFROM and %sLISTEN away\n", prefix, prefix)
		return
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(b, "      %s: %s\n", name, scalar(value))
	}
	if len(settings) == 0 {
		b.WriteString("      # nothing\n")
	}
}

// writeUnnamed writes what ALLOW cannot name.
func (r *Recorder) writeUnnamed(b *strings.Builder, found []settings) {
	for i, c := range r.records {
		for _, s := range found[i].unnamed {
			fmt.Fprintf(b, "      # not in it, for ALLOW cannot name it: %s; %s\n", c.uses[s].describe(), c.opening(s))
		}
	}
}

// scalar writes a value for YAML: numbers and lists of ids need no quotes.
func scalar(value string) string {
	if strings.ContainsAny(value, `*"`) {
		return strconv.Quote(value)
	}
	return value
}
