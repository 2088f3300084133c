package harness

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Report is what postern writes under LEARN.
type Report struct {
	// First is the first line without its beginning.
	First string
	// Shortest is the environment of the shortest settings, which the report does not
	// repeat where it is one of the others. For clients with presets it is to be added
	// to what they have, and the others are nil.
	Shortest map[string]string
	// Toggles and Exact suffice too. Exact is ALLOW, which allows no more than was seen.
	Toggles, Exact map[string]string
}

// Reports reads the reports that a proxy has written to stderr.
func (p *Postern) Reports() []Report {
	p.t.Helper()
	return ReadReports(p.t, p.Stderr.String())
}

// ReadReports reads the stderr of a proxy, which holds nothing but reports. Each has up
// to three YAML documents, with their titles in comments.
func ReadReports(t *testing.T, text string) (all []Report) {
	t.Helper()
	const head = "# LEARN="
	if !strings.HasPrefix(text, head) {
		t.Fatalf("no report on stderr: %q", text)
	}
	for report := range strings.SplitSeq(strings.TrimPrefix(text, head), "\n"+head) {
		first, _, _ := strings.Cut(report, "\n")
		_, first, _ = strings.Cut(first, ": ")
		r := Report{First: first}
		for document := range strings.SplitSeq(head+report, "---\n") {
			var d struct{ Environment map[string]string }
			if err := yaml.Unmarshal([]byte(document), &d); err != nil {
				t.Fatalf("%v in the report\n%s", err, document)
			}
			switch {
			case strings.Contains(document, ". By ALLOW"):
				r.Exact = d.Environment
			case strings.Contains(document, ". By toggles"):
				r.Toggles = d.Environment
			default:
				r.Shortest = d.Environment
			}
		}
		if r.Shortest == nil && strings.HasPrefix(first, "ALLOW=") {
			r.Shortest = r.Exact
		} else if r.Shortest == nil {
			r.Shortest = r.Toggles
		}
		all = append(all, r)
	}
	return all
}

// Learned ends the proxy and returns its last report.
func (p *Postern) Learned() Report {
	p.t.Helper()
	p.Terminate()
	reports := p.Reports()
	return reports[len(reports)-1]
}
