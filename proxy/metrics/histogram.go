package metrics

import (
	"fmt"
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

// histogram counts durations. Its zero value is empty.
type histogram struct {
	counts [len(bounds) + 1]atomic.Uint64 // the last one counts longer durations
	total  atomic.Int64                   // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	i, _ := slices.BinarySearch(bounds[:], d)
	h.counts[i].Add(1)
	h.total.Add(int64(d))
}

// write writes the samples of a histogram with one label, unless it is empty.
func (h *histogram) write(x *exposition, metric, label, value string) {
	var counts [len(bounds) + 1]uint64
	var sum uint64
	for i := range counts {
		sum += h.counts[i].Load()
		counts[i] = sum
	}
	if sum == 0 {
		return
	}
	for i, bound := range bounds {
		x.sample(metric+"_bucket", counts[i], label, value, "le", fmt.Sprint(bound.Seconds()))
	}
	x.sample(metric+"_bucket", sum, label, value, "le", "+Inf")
	x.sample(metric+"_sum", time.Duration(h.total.Load()).Seconds(), label, value)
	x.sample(metric+"_count", sum, label, value)
}
