package metrics

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

// unnamed is the label of clients that are not declared, and of paths that match no
// operation. No client and no operation can have this name.
const unnamed = "-"

// numOutcomes is the number of values of acl.Outcome.
const numOutcomes = int(acl.Redirected) + 1

// counters count requests by client and operation. Labels come from the
// configuration and the table of operations, never from a request, so that
// clients cannot create series without bound. Each counter is created when it
// first counts, which keeps a scrape short.
type counters struct {
	set        *vm.Set
	clients    map[*client.Client]*clientCounters
	undeclared *clientCounters
	// operations are the ids, without duplicates; the first is unnamed. A
	// position in it is the index into durations and clientCounters.byOperation.
	operations []string
	// position is the position in operations of each of acl.Operations.
	position  []int
	durations []histogram
}

type clientCounters struct {
	client      string
	streams     atomic.Int64 // open now
	failures    *vm.Counter
	byOperation []operationCounters
}

type operationCounters struct {
	requests       [numOutcomes]atomic.Pointer[vm.Counter]
	sent, received atomic.Pointer[vm.Counter]
}

func newCounters(s *Server, clients []*client.Client) *counters {
	vm.ExposeMetadata(true)
	c := &counters{set: vm.NewSet(), clients: map[*client.Client]*clientCounters{}, operations: []string{unnamed}}
	positions := map[string]int{}
	for _, op := range acl.Operations {
		if positions[op.ID] == 0 {
			positions[op.ID] = len(c.operations)
			c.operations = append(c.operations, op.ID)
		}
		c.position = append(c.position, positions[op.ID])
	}
	c.durations = make([]histogram, len(c.operations))
	for i, client := range clients {
		c.addClient(client, i == 0)
	}
	c.gauge("postern_engine_up", func() float64 {
		if s.Engine() != nil {
			return 0
		}
		return 1
	})
	c.gauge("postern_start_time_seconds", func() float64 { return float64(s.started.UnixMilli()) / 1000 })
	c.gauge(name("postern_build_info", "version", s.version, "goversion", runtime.Version()), func() float64 { return 1 })
	c.addRuntime()
	return c
}

func (c *counters) addClient(client *client.Client, undeclared bool) {
	cc := &clientCounters{client: client.Name, byOperation: make([]operationCounters, len(c.operations))}
	if undeclared {
		cc.client = unnamed
		c.undeclared = cc
	}
	cc.failures = c.set.NewCounter(name("postern_failed_requests_total", "client", cc.client))
	c.gauge(name("postern_open_streams", "client", cc.client), func() float64 { return float64(cc.streams.Load()) })
	c.clients[client] = cc
}

func (c *counters) gauge(name string, value func() float64) { c.set.NewGauge(name, value) }

// name returns a metric's name with labels, given as pairs of name and value.
func name(metric string, labels ...string) string {
	text, separator := metric, "{"
	for i := 0; i < len(labels); i += 2 {
		text += fmt.Sprintf("%s%s=%q", separator, labels[i], labels[i+1])
		separator = ","
	}
	return text + "}"
}

// of returns a client's counters: those of undeclared clients for a client that
// was not given to New, such as the one for connections that ALLOW_FROM refuses.
func (c *counters) of(client *client.Client) *clientCounters {
	if cc := c.clients[client]; cc != nil {
		return cc
	}
	return c.undeclared
}

// count adds a request that has ended.
func (c *counters) count(e *proxy.Event) {
	cc, i := c.of(e.Client), 0
	if op := e.Decision.Operation; op != nil {
		i = c.position[op.Index()]
	}
	op := &cc.byOperation[i]
	c.counter(&op.requests[e.Decision.Outcome], "postern_requests_total", cc, i, "decision", e.Decision.Outcome.String()).Inc()
	if e.Received > 0 {
		c.counter(&op.received, "postern_request_bytes_total", cc, i).AddInt64(e.Received)
	}
	if e.Sent > 0 {
		c.counter(&op.sent, "postern_response_bytes_total", cc, i).AddInt64(e.Sent)
	}
	if e.Ending == proxy.Failed || e.Ending == proxy.CutByEngine {
		cc.failures.Inc()
	}
	// A stream lasts as long as the client reads it, so its duration does not
	// measure the engine.
	if e.Decision.Outcome == acl.Allowed && !e.Streams() {
		c.durations[i].add(e.Duration)
	}
}

// counter returns the counter at p and creates it the first time, with labels
// for client and operation and one more pair if given.
func (c *counters) counter(p *atomic.Pointer[vm.Counter], metric string, cc *clientCounters, operation int, label ...string) *vm.Counter {
	if counter := p.Load(); counter != nil {
		return counter
	}
	labels := append([]string{"client", cc.client, "operation", c.operations[operation]}, label...)
	counter := c.set.GetOrCreateCounter(name(metric, labels...))
	p.Store(counter)
	return counter
}

// write writes all metrics in Prometheus' text format.
func (c *counters) write(w io.Writer) {
	c.set.WritePrometheus(w)
	writeHistograms(w, "postern_request_duration_seconds", c.operations, c.durations)
}
