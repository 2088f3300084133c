package monitor

import (
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// bounds are the upper ones of the buckets. An engine answers most requests in
// a millisecond or two; a stop takes ten seconds.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// histogram counts durations. Its zero value is empty. The library has one with
// buckets of this kind only in versions that read the cgroup's files and write
// to stderr as soon as they are loaded.
type histogram struct {
	counts [len(bounds) + 1]atomic.Uint64 // the last is of all that are longer
	total  atomic.Int64                   // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	i, _ := slices.BinarySearch(bounds[:], d)
	h.counts[i].Add(1)
	h.total.Add(int64(d))
}

// writeHistograms writes those that have counted something, by operation.
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
