package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"postern/tests/internal/harness"
)

// TestDashboardUsesExportedMetrics asserts that every metric in the example for
// Grafana exists.
func TestDashboardUsesExportedMetrics(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(harness.File("examples/prometheus/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	_, socket := harness.StandIn(t)
	p, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket, "POST": "1", "BUILD": "1"})
	harness.Send(t, p.Dial(), harness.Head("POST", "/build/prune", "Content-Length: 2")+"{}")
	p.Get("/version")
	exported := map[string]bool{}
	harness.Await(t, "counted request", func() bool {
		f := scrape(t, monitor)
		for name, family := range f {
			exported[name] = true
			if family.GetType() == dto.MetricType_HISTOGRAM {
				exported[name+"_bucket"], exported[name+"_sum"], exported[name+"_count"] = true, true, true
			}
		}
		return f["postern_request_bytes_total"] != nil && f["postern_request_duration_seconds"] != nil
	})
	metric := regexp.MustCompile(`\b(?:postern|go|process)_[a-z0-9_]+`)
	for _, name := range metric.FindAllString(string(text), -1) {
		if !exported[name] {
			t.Errorf("the dashboard asks for %s, which is not exported", name)
		}
	}
	if len(dashboard.Panels) < 6 {
		t.Errorf("the dashboard has %d panels", len(dashboard.Panels))
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			if !metric.MatchString(target.Expr) {
				t.Errorf("panel %q asks for %q", panel.Title, target.Expr)
			}
		}
	}
	for name := range exported {
		if strings.HasPrefix(name, "postern_") && !strings.Contains(string(text), strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")) {
			t.Errorf("the dashboard shows nothing of %s", name)
		}
	}
}
