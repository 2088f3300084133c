package metrics

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	names "github.com/prometheus/common/model"

	"postern/tests/internal/harness"
)

// monitored starts a proxy with METRICS_LISTEN and returns where that is.
func monitored(t *testing.T, environ map[string]string) (p *harness.Postern, monitor harness.Endpoint) {
	t.Helper()
	p = harness.Start(t, harness.With(map[string]string{"METRICS_LISTEN": "127.0.0.1:0"}, environ))
	address := p.Started["metrics"].([]any)[0].(string)
	return p, harness.TCP(strings.TrimPrefix(address, "tcp://"))
}

// families are what a scrape returns, by name, as Prometheus' own parser reads
// it.
type families map[string]*dto.MetricFamily

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

func scrape(t *testing.T, monitor harness.Endpoint) families {
	t.Helper()
	a := monitor.Get(t, "/metrics")
	if got, want := a.Header.Get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8"; a.Status != 200 || got != want {
		t.Fatalf("GET /metrics: %d %s, want 200 %s", a.Status, got, want)
	}
	parser := expfmt.NewTextParser(names.LegacyValidation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(a.Body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, a.Body)
	}
	return all
}

// TestMetricsCountRequests asserts that a scrape counts what was done, by client,
// operation and decision.
func TestMetricsCountRequests(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	e.Handle("/images/json", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	e.Handle("/images/search", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	dir := harness.SocketDir(t)
	p, monitor := monitored(t, map[string]string{
		"SOCKET_PATH": socket, "CONTAINERS": "1", "IMAGES": "1", "POST": "1",
		"CLIENT_A_LISTEN": "unix://" + dir + "/a", "CLIENT_A_NETWORKS": "1",
		"CLIENT_B_LISTEN": "unix://" + dir + "/b", "CLIENT_B_ALLOW": "SystemEvents,ContainerAttach", "CLIENT_B_PING": "0",
	})
	a, b, undeclared := harness.Unix(dir+"/a"), harness.Unix(dir+"/b"), harness.TCP(p.Addr)
	const body = "0123456789"
	for _, r := range []struct {
		times   int
		from    harness.Endpoint
		request string
	}{
		{3, undeclared, harness.Head("GET", "/containers/json")},
		{2, undeclared, harness.Head("POST", "/containers/create", "Content-Length: 10") + body},
		{4, undeclared, harness.Head("GET", "/networks")},
		{1, undeclared, harness.Head("GET", "//networks")},
		{5, undeclared, harness.Head("GET", "/nothing")},
		{1, undeclared, harness.Head("GET", "/containers/a/b/c")},
		{1, undeclared, harness.Head("GET", "/images/json")},
		{1, undeclared, harness.Head("GET", "/_ping", "User-Agent: postern-healthcheck")},
		{2, a, harness.Head("GET", "/v1.41/networks")},
		{3, a, harness.Head("GET", "/networks/")},
		{1, a, harness.Head("GET", "/containers/json")},
		{1, b, harness.Head("GET", "/_ping")},
	} {
		for range r.times {
			harness.Send(t, harness.Dial(t, r.from.Network, r.from.Addr), r.request)
		}
	}
	half := harness.Dial(t, "tcp", p.Addr)
	io.WriteString(half, harness.Head("GET", "/images/search"))
	io.Copy(io.Discard, half)
	attached := harness.Dial(t, "unix", b.Addr)
	io.WriteString(attached, harness.Head("POST", "/containers/web/attach?stream=1&stdin=1", "Connection: Upgrade", "Upgrade: tcp", "Content-Length: 0"))
	if _, err := http.ReadResponse(bufio.NewReader(attached), nil); err != nil {
		t.Fatal(err)
	}
	io.WriteString(attached, body)
	var f families
	assert := func(name string, want map[string]float64) {
		t.Helper()
		// A response can have come before its request is counted.
		var got map[string]float64
		defer func() {
			if t.Failed() {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}()
		harness.Await(t, name, func() bool {
			f = scrape(t, monitor)
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
	harness.StartEngine(t, socket)
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

// TestLabelsStayBounded requests thousands of unknown paths and asserts that they
// do not become labels.
func TestLabelsStayBounded(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p, monitor := monitored(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "ACCESS_LOG": "none", "POST": "0"}))
	known := map[string]bool{"-": true}
	for _, r := range harness.Requests(t) {
		known[r.ID] = true
	}
	conn := p.Dial()
	responses := bufio.NewReader(conn)
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
			io.WriteString(conn, harness.Head(method, target, "Connection: keep-alive"))
			response, err := http.ReadResponse(responses, &http.Request{Method: method})
			if err != nil {
				t.Fatalf("%s %s: %v", method, target, err)
			}
			io.Copy(io.Discard, response.Body)
		}
	}
	series := func() (n int) {
		t.Helper()
		for name, family := range scrape(t, monitor) {
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
	// The first requests may have left a combination out.
	if after := series(); before < 20 || after > before+20 {
		t.Errorf("%d series after 2000 paths and %d after 6000, want the same", before, after)
	}
	if got := scrape(t, monitor).values("postern_requests_total"); got["- refused -"] < 1000 {
		t.Errorf("the requests were not counted: %v", got)
	}
}
