package harness

import (
	"errors"
	"io"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Report is what postern writes under LEARN: an environment of toggles, and one
// of ALLOW that permits exactly what was seen.
type Report struct{ Toggles, Exact map[string]string }

// Reports reads the reports that a proxy has written to stderr.
func (p *Postern) Reports() []Report {
	p.t.Helper()
	return ReadReports(p.t, p.Stderr.String())
}

// ReadReports reads the stderr of a proxy, which holds nothing but reports: two
// YAML documents each.
func ReadReports(t *testing.T, text string) (all []Report) {
	t.Helper()
	const head = "# LEARN="
	if !strings.HasPrefix(text, head) {
		t.Fatalf("no report on stderr: %q", text)
	}
	for report := range strings.SplitSeq(strings.TrimPrefix(text, head), "\n"+head) {
		decoder := yaml.NewDecoder(strings.NewReader(head + report))
		var documents []map[string]string
		for {
			var d struct{ Environment map[string]string }
			err := decoder.Decode(&d)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in the report\n%s", err, report)
			}
			documents = append(documents, d.Environment)
		}
		if len(documents) != 2 || documents[0] == nil || documents[1] == nil {
			t.Fatalf("%d environments, want 2, in the report\n%s", len(documents), report)
		}
		all = append(all, Report{documents[0], documents[1]})
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
