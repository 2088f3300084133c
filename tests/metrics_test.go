package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	names "github.com/prometheus/common/model"

	"postern/acl"
)

// monitored starts a proxy with METRICS_LISTEN and returns where that is.
func monitored(t *testing.T, environ map[string]string) (p *postern, monitor wire) {
	t.Helper()
	p = start(t, with(map[string]string{"METRICS_LISTEN": "127.0.0.1:0"}, environ))
	address := p.started["metrics"].([]any)[0].(string)
	return p, wire{"tcp", strings.TrimPrefix(address, "tcp://")}
}

// get sends a GET.
func (w wire) get(t *testing.T, target string) answer {
	t.Helper()
	return send(t, dial(t, w.network, w.addr), head("GET", target))
}

// families are what a scrape returns, by name, as Prometheus' own parser reads
// it.
type families map[string]*dto.MetricFamily

func (w wire) scrape(t *testing.T) families {
	t.Helper()
	a := w.get(t, "/metrics")
	if got, want := a.header.Get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8"; a.status != 200 || got != want {
		t.Fatalf("GET /metrics: %d %s, want 200 %s", a.status, got, want)
	}
	parser := expfmt.NewTextParser(names.LegacyValidation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(a.body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, a.body)
	}
	return all
}

// values are the values of a family of counters or gauges by their labels'
// values, in the order of the labels' names, and of a histogram the counts.
func (f families) values(name string) map[string]float64 {
	all := map[string]float64{}
	for _, m := range f[name].GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		slices.Sort(labels)
		for i, l := range labels {
			_, labels[i], _ = strings.Cut(l, "=")
		}
		key := strings.Join(labels, " ")
		switch {
		case m.Counter != nil:
			all[key] = m.Counter.GetValue()
		case m.Gauge != nil:
			all[key] = m.Gauge.GetValue()
		case m.Histogram != nil:
			all[key] = float64(m.Histogram.GetSampleCount())
		}
	}
	return all
}

// TestMetrics asserts that a scrape counts what was done, by client, operation
// and decision.
func TestMetrics(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	e.Handle("/images/json", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	e.Handle("/images/search", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	dir := socketDir(t)
	p, monitor := monitored(t, map[string]string{
		"SOCKET_PATH": socket, "CONTAINERS": "1", "IMAGES": "1", "POST": "1",
		"CLIENT_A_LISTEN": "unix://" + dir + "/a", "CLIENT_A_NETWORKS": "1",
		"CLIENT_B_LISTEN": "unix://" + dir + "/b", "CLIENT_B_ALLOW": "SystemEvents,ContainerAttach", "CLIENT_B_PING": "0",
	})
	a, b, everybody := wire{"unix", dir + "/a"}, wire{"unix", dir + "/b"}, wire{"tcp", p.addr}
	const body = "0123456789"
	for _, r := range []struct {
		times   int
		from    wire
		request string
	}{
		{3, everybody, head("GET", "/containers/json")},
		{2, everybody, head("POST", "/containers/create", "Content-Length: 10") + body},
		{4, everybody, head("GET", "/networks")},
		{1, everybody, head("GET", "//networks")},
		{5, everybody, head("GET", "/nothing")},
		{1, everybody, head("GET", "/containers/a/b/c")},
		{1, everybody, head("GET", "/images/json")},
		{1, everybody, head("GET", "/_ping", "User-Agent: postern-healthcheck")},
		{2, a, head("GET", "/v1.41/networks")},
		{3, a, head("GET", "/networks/")},
		{1, a, head("GET", "/containers/json")},
		{1, b, head("GET", "/_ping")},
	} {
		for range r.times {
			send(t, dial(t, r.from.network, r.from.addr), r.request)
		}
	}
	half := dial(t, "tcp", p.addr)
	io.WriteString(half, head("GET", "/images/search"))
	io.Copy(io.Discard, half)
	attached := dial(t, "unix", b.addr)
	io.WriteString(attached, head("POST", "/containers/web/attach?stream=1&stdin=1", "Connection: Upgrade", "Upgrade: tcp", "Content-Length: 0"))
	if _, err := http.ReadResponse(bufio.NewReader(attached), nil); err != nil {
		t.Fatal(err)
	}
	io.WriteString(attached, body)
	var f families
	assert := func(name string, want map[string]float64) {
		t.Helper()
		// An answer can have come before its request is counted.
		var got map[string]float64
		defer func() {
			if t.Failed() {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}()
		await(t, name, func() bool {
			f = monitor.scrape(t)
			got = f.values(name)
			return fmt.Sprint(got) == fmt.Sprint(want)
		})
	}
	requests := map[string]float64{
		"- allowed ContainerList": 3, "- allowed ContainerCreate": 2, "- refused NetworkList": 4, "- refused -": 5, "- redirected -": 1,
		"- allowed -": 1, "- allowed ImageList": 1, "- allowed ImageSearch": 1, "a allowed NetworkList": 5, "a refused ContainerList": 1, "b refused SystemPing": 1,
	}
	assert("postern_requests_total", requests)
	assert("postern_open_streams", map[string]float64{"-": 0, "a": 0, "b": 1})
	assert("postern_failed_requests_total", map[string]float64{"-": 2, "a": 0, "b": 0})
	assert("postern_request_bytes_total", map[string]float64{"- ContainerCreate": 20})
	durations := map[string]float64{
		"ContainerList": 3, "ContainerCreate": 2, "-": 1, "ImageList": 1, "ImageSearch": 1, "NetworkList": 5,
	}
	assert("postern_request_duration_seconds", durations)
	if sent := f.values("postern_response_bytes_total")["- ContainerList"]; sent < 100 || int(sent)%3 != 0 {
		t.Errorf("three lists of containers have %v bytes", sent)
	}
	attached.Close()
	assert("postern_open_streams", map[string]float64{"-": 0, "a": 0, "b": 0})
	assert("postern_request_bytes_total", map[string]float64{"- ContainerCreate": 20, "b ContainerAttach": 10})
	requests["b allowed ContainerAttach"] = 1
	assert("postern_requests_total", requests)
	assert("postern_request_duration_seconds", durations) // a stream's says nothing

	assert("postern_engine_up", map[string]float64{"": 1})
	e.Close()
	assert("postern_engine_up", map[string]float64{"": 0})
	startEngine(t, socket)
	assert("postern_engine_up", map[string]float64{"": 1})

	if f["go_goroutines"] == nil || f["go_memstats_sys_bytes"] == nil || len(f.values("postern_build_info")) != 1 || f.values("postern_start_time_seconds")[""] == 0 {
		t.Errorf("the Go runtime, the build or the start is missing: %v", f)
	}
	for _, bucket := range f["postern_request_duration_seconds"].GetMetric()[0].GetHistogram().GetBucket() {
		if bucket.UpperBound == nil || bucket.CumulativeCount == nil {
			t.Errorf("a bucket is not cumulative with an upper bound: %v", bucket)
		}
	}
}

// TestMetricsStayBounded asks for thousands of paths that nobody foresaw: they
// must not become labels.
func TestMetricsStayBounded(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	p, monitor := monitored(t, with(everything(), map[string]string{"SOCKET_PATH": socket, "ACCESS_LOG": "none", "POST": "0"}))
	known := map[string]bool{"-": true}
	for _, op := range acl.Operations {
		known[op.ID] = true
	}
	conn := p.dial()
	answers := bufio.NewReader(conn)
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"containers", "images", "libpod", "v1.41", "json", "x\"y", "a{b=c}", "%0a", "%00", "%22", "\\", "é", "events", "..", "networks", "info", "<b>"}
	storm := func() {
		t.Helper()
		for range 2000 {
			target := ""
			for range 1 + random.IntN(5) {
				target += "/" + pieces[random.IntN(len(pieces))]
				if random.IntN(3) == 0 {
					target += fmt.Sprintf("%x", random.Uint64())
				}
			}
			method := []string{"GET", "HEAD", "POST", "DELETE", "X" + fmt.Sprintf("%X", random.Uint64())}[random.IntN(5)]
			if strings.Contains(target, "events") && method == "GET" {
				continue // it would not end
			}
			io.WriteString(conn, head(method, target, "Connection: keep-alive"))
			response, err := http.ReadResponse(answers, &http.Request{Method: method})
			if err != nil {
				t.Fatalf("%s %s: %v", method, target, err)
			}
			io.Copy(io.Discard, response.Body)
		}
	}
	series := func() (n int) {
		t.Helper()
		for name, family := range monitor.scrape(t) {
			if !strings.HasPrefix(name, "postern_") {
				continue
			}
			for _, m := range family.GetMetric() {
				n++
				for _, l := range m.GetLabel() {
					if l.GetName() == "operation" && !known[l.GetValue()] || l.GetName() == "client" && l.GetValue() != "-" {
						t.Errorf("%s has the label %s", name, l)
					}
				}
			}
		}
		return n
	}
	storm()
	before := series()
	for range 2 {
		storm()
	}
	// A combination that the first storm left out may still come.
	if after := series(); before < 20 || after > before+20 {
		t.Errorf("%d series after 2000 paths and %d after 6000, want the same", before, after)
	}
	if got := monitor.scrape(t).values("postern_requests_total"); got["- refused -"] < 1000 {
		t.Errorf("the storm was not counted: %v", got)
	}
}

// TestDashboard asserts that every metric in the example for Grafana exists.
func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "examples", "grafana-dashboard.json"))
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
	_, socket := standIn(t)
	p, monitor := monitored(t, map[string]string{"SOCKET_PATH": socket, "POST": "1", "BUILD": "1"})
	send(t, p.dial(), head("POST", "/build/prune", "Content-Length: 2")+"{}")
	p.get("/version")
	exported := map[string]bool{}
	await(t, "counted request", func() bool {
		f := monitor.scrape(t)
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
