package metrics

import (
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// bounds are the upper bounds of the buckets. The engine responds to most requests
// in one or two milliseconds; to stop a container can take it ten seconds.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// histogram counts durations. Its zero value is empty. The VictoriaMetrics library
// has a histogram with fixed buckets only in versions whose initialization reads
// the cgroup's files and writes to stderr.
type histogram struct {
	counts [len(bounds) + 1]atomic.Uint64 // the last one counts longer durations
	total  atomic.Int64                   // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	i, _ := slices.BinarySearch(bounds[:], d)
	h.counts[i].Add(1)
	h.total.Add(int64(d))
}

// writeHistograms writes the histograms that have counted something; operations
// are their labels.
func writeHistograms(w io.Writer, metric string, operations []string, all []histogram) {
	header := fmt.Sprintf("# HELP %s\n# TYPE %s histogram\n", metric, metric)
	for i := range all {
		var counts [len(bounds) + 1]uint64
		var sum uint64
		for b := range counts {
			sum += all[i].counts[b].Load()
			counts[b] = sum
		}
		if sum == 0 {
			continue
		}
		io.WriteString(w, header)
		header = ""
		for b, bound := range bounds {
			fmt.Fprintf(w, "%s %d\n", name(metric+"_bucket", "operation", operations[i], "le", fmt.Sprint(bound.Seconds())), counts[b])
		}
		fmt.Fprintf(w, "%s %d\n", name(metric+"_bucket", "operation", operations[i], "le", "+Inf"), sum)
		fmt.Fprintf(w, "%s %v\n", name(metric+"_sum", "operation", operations[i]), time.Duration(all[i].total.Load()).Seconds())
		fmt.Fprintf(w, "%s %d\n", name(metric+"_count", "operation", operations[i]), sum)
	}
}
