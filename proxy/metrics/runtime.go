package metrics

import runtimemetrics "runtime/metrics"

// runtimeGauges are metrics of the Go runtime under the names that Prometheus'
// client library uses. Each is the sum of its parts. The VictoriaMetrics library
// has them too, but writes them together with the process's, which it reads from
// /proc, and Landlock denies that.
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

func (c *counters) addRuntime() {
	for _, g := range runtimeGauges {
		c.gauge(g.metric, func() float64 {
			samples := make([]runtimemetrics.Sample, len(g.parts))
			for i, name := range g.parts {
				samples[i].Name = name
			}
			runtimemetrics.Read(samples)
			var sum uint64
			for _, sample := range samples {
				sum += sample.Value.Uint64()
			}
			return float64(sum)
		})
	}
}
