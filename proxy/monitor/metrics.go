package monitor

import (
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	vm "github.com/VictoriaMetrics/metrics"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
)

// nobody is the value of the labels client and operation for everybody who is
// no declared client, and for a path that is no operation: neither can be a
// name.
const nobody = "-"

// metrics counts by client and operation. There are as many counters as there
// are clients times operations at the most, whatever is asked for, and each is
// made when something is first counted, so that what a scrape returns is short.
type metrics struct {
	set       *vm.Set
	everybody *counters
	clients   map[*client.Client]*counters
	names     []string    // of the operations, by slot
	slots     []int       // of acl.Operations: some have one id
	durations []histogram // by slot
}

// counters are those of one client, by slot.
type counters struct {
	client   string
	streams  atomic.Int64
	failures *vm.Counter
	by       []slot
}

type slot struct {
	requests       [acl.Redirected + 1]atomic.Pointer[vm.Counter]
	sent, received atomic.Pointer[vm.Counter]
}

func newMetrics(m *Monitor, all []*client.Client) *metrics {
	vm.ExposeMetadata(true)
	s := &metrics{set: vm.NewSet(), clients: map[*client.Client]*counters{}, names: []string{nobody}}
	slots := map[string]int{}
	for _, op := range acl.Operations {
		if slots[op.ID] == 0 {
			slots[op.ID] = len(s.names)
			s.names = append(s.names, op.ID)
		}
		s.slots = append(s.slots, slots[op.ID])
	}
	s.durations = make([]histogram, len(s.names))
	for i, client := range all {
		c := &counters{client: client.Name, by: make([]slot, len(s.names))}
		if i == 0 {
			c.client = nobody
			s.everybody = c
		}
		c.failures = s.set.NewCounter(name("postern_failed_requests_total", "client", c.client))
		s.gauge(name("postern_open_streams", "client", c.client), func() float64 { return float64(c.streams.Load()) })
		s.clients[client] = c
	}
	s.gauge("postern_engine_up", func() float64 {
		if m.Engine() != nil {
			return 0
		}
		return 1
	})
	s.gauge("postern_start_time_seconds", func() float64 { return float64(m.started.UnixMilli()) / 1000 })
	s.gauge(name("postern_build_info", "version", m.version, "goversion", runtime.Version()), func() float64 { return 1 })
	s.addRuntime()
	return s
}

func (s *metrics) gauge(name string, value func() float64) { s.set.NewGauge(name, value) }

// name is a metric's with its labels.
func name(metric string, labels ...string) string {
	text, separator := metric, "{"
	for i := 0; i < len(labels); i += 2 {
		text += fmt.Sprintf("%s%s=%q", separator, labels[i], labels[i+1])
		separator = ","
	}
	return text + "}"
}

// of returns a client's counters. A client that nobody told of counts as
// everybody.
func (s *metrics) of(c *client.Client) *counters {
	if counters := s.clients[c]; counters != nil {
		return counters
	}
	return s.everybody
}

// count adds a request that is over.
func (s *metrics) count(e *proxy.Event) {
	c, i := s.of(e.Client), s.slot(e.Decision)
	by := &c.by[i]
	s.counter(&by.requests[e.Decision.Outcome], "postern_requests_total", c, i, e.Decision.Outcome).Inc()
	s.add(&by.received, "postern_request_bytes_total", c, i, e.Received)
	s.add(&by.sent, "postern_response_bytes_total", c, i, e.Bytes)
	if e.Ending == proxy.Failed || e.Ending == proxy.CutByEngine {
		c.failures.Inc()
	}
	// How long a stream lasted says nothing of how fast the engine is.
	if e.Decision.Outcome == acl.Allowed && !e.Streams() {
		s.durations[i].add(e.Duration)
	}
}

func (s *metrics) slot(d acl.Decision) int {
	if d.Operation != nil {
		return s.slots[d.Operation.Index()]
	}
	return 0
}

func (s *metrics) add(counter *atomic.Pointer[vm.Counter], metric string, c *counters, slot int, n int64) {
	if n > 0 {
		s.counter(counter, metric, c, slot, -1).AddInt64(n)
	}
}

// counter returns a counter, which it makes if there is none yet. A negative
// outcome is no label.
func (s *metrics) counter(p *atomic.Pointer[vm.Counter], metric string, c *counters, slot int, outcome acl.Outcome) *vm.Counter {
	if counter := p.Load(); counter != nil {
		return counter
	}
	labels := []string{"client", c.client, "operation", s.names[slot]}
	if outcome >= 0 {
		labels = append(labels, "verdict", outcome.String())
	}
	counter := s.set.GetOrCreateCounter(name(metric, labels...))
	p.Store(counter)
	return counter
}

// write writes everything in Prometheus' text format.
func (s *metrics) write(w io.Writer) {
	s.set.WritePrometheus(w)
	writeHistograms(w, "postern_request_duration_seconds", s.names, s.durations)
}
