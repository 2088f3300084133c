package metrics

import (
	"bytes"
	"fmt"
	"runtime"
	runtimemetrics "runtime/metrics"
	"time"

	"postern/proxy"
)

// exposition collects metrics in Prometheus' text format. Its zero value is empty.
// prometheus/client_golang would take 2.4 MB of the program and as much memory.
type exposition struct{ bytes.Buffer }

// family begins a metric. Its samples follow, and those of no other metric.
func (x *exposition) family(metric, kind string) { fmt.Fprintf(x, "# TYPE %s %s\n", metric, kind) }

// sample adds a value with labels, given as pairs of name and value.
func (x *exposition) sample(name string, value any, labels ...string) {
	x.WriteString(name)
	separator, end := "{", ""
	for i := 0; i < len(labels); i += 2 {
		fmt.Fprintf(x, "%s%s=%q", separator, labels[i], labels[i+1])
		separator, end = ",", "}"
	}
	fmt.Fprintf(x, "%s %v\n", end, value)
}

func (x *exposition) gauge(metric string, value any, labels ...string) {
	x.family(metric, "gauge")
	x.sample(metric, value, labels...)
}

// metrics renders all metrics.
func (s *Server) metrics() []byte {
	x := &exposition{}
	s.counters.write(x)
	up := 1
	if s.Engine() != nil {
		up = 0
	}
	x.gauge("postern_engine_up", up)
	s.writeTLS(x)
	x.gauge("postern_start_time_seconds", float64(s.started.UnixMilli())/1000)
	x.gauge("postern_build_info", 1, "version", s.version, "goversion", runtime.Version())
	x.writeRuntime()
	return x.Bytes()
}

// writeTLS renders the metrics of tls:// listeners, if there are any.
func (s *Server) writeTLS(x *exposition) {
	if s.CertificateExpires.IsZero() {
		return
	}
	x.gauge("postern_tls_certificate_expires_days", fmt.Sprintf("%.2f", time.Until(s.CertificateExpires).Hours()/24))
	x.family("postern_tls_turned_away_total", "counter")
	counts := s.TurnedAway()
	for _, reason := range proxy.TurnedAwayReasons() {
		x.sample("postern_tls_turned_away_total", counts[reason], "reason", reason)
	}
}

// runtimeGauges are metrics of the Go runtime under the names that Prometheus'
// client library uses. Each is the sum of its parts.
var runtimeGauges = []struct {
	metric string
	parts  []string
}{
	{"go_goroutines", []string{"/sched/goroutines:goroutines"}},
	{"go_sched_gomaxprocs_threads", []string{"/sched/gomaxprocs:threads"}},
	{"go_memstats_alloc_bytes", []string{"/memory/classes/heap/objects:bytes"}},
	{"go_memstats_heap_inuse_bytes", []string{"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes"}},
	{"go_memstats_heap_released_bytes", []string{"/memory/classes/heap/released:bytes"}},
	{"go_memstats_next_gc_bytes", []string{"/gc/heap/goal:bytes"}},
	{"go_memstats_sys_bytes", []string{"/memory/classes/total:bytes"}},
}

func (x *exposition) writeRuntime() {
	for _, g := range runtimeGauges {
		var sum uint64
		for _, part := range g.parts {
			sample := []runtimemetrics.Sample{{Name: part}}
			runtimemetrics.Read(sample)
			sum += sample[0].Value.Uint64()
		}
		x.gauge(g.metric, sum)
	}
}
