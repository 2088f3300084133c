package metrics

import (
	"slices"
	"sync/atomic"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
)

// unnamed is the label of clients that are not declared, and of paths that match no
// operation. No client and no operation can have this name.
const unnamed = "-"

// numOutcomes is the number of values of acl.Outcome.
const numOutcomes = acl.Redirected + 1

// counters count requests by client and operation. Labels come from the
// configuration and the table of operations, never from a request, so that
// clients cannot create series without bound: there is one row for each client and
// each operation, and one for each client's requests that are no operation.
type counters struct {
	clients []*clientCounters // those of undeclared clients first
	// operations are the ids, without duplicates; the first is unnamed. A
	// position in it is the index into durations and clientCounters.operations.
	operations []string
	// position is the position in operations of each of acl.Operations.
	position  []int
	durations []histogram
}

// subject is what an operation's requests have asked for, by its position in operations.
func (c *counters) subject(position int) acl.Subject {
	return acl.Operations[slices.Index(c.position, position)].Subject()
}

type clientCounters struct {
	client     *client.Client
	name       string
	streams    atomic.Int64 // open now
	failures   atomic.Int64
	operations []operationCounters
	proposal   *proposal // the latest, which only the rendering of the page uses
}

type operationCounters struct {
	requests       [numOutcomes]atomic.Int64
	received, sent atomic.Int64 // bytes
	open           atomic.Int64 // streams, which requests does not count yet
	last           atomic.Int64 // when the latest request began, in Unix seconds
	// lacking is whether the client's policy has refused the operation, so that
	// another ALLOW may allow it.
	lacking atomic.Bool
}

// newCounters returns counters for clients. The first one stands for all that are
// not declared.
func newCounters(clients []*client.Client) *counters {
	c := &counters{operations: []string{unnamed}}
	positions := map[string]int{}
	for _, op := range acl.Operations {
		if positions[op.ID] == 0 {
			positions[op.ID] = len(c.operations)
			c.operations = append(c.operations, op.ID)
		}
		c.position = append(c.position, positions[op.ID])
	}
	c.durations = make([]histogram, len(c.operations))
	for _, client := range clients {
		c.clients = append(c.clients, &clientCounters{client: client, name: client.Name, operations: make([]operationCounters, len(c.operations))})
	}
	c.clients[0].name = unnamed
	return c
}

// of returns a client's counters: those of undeclared clients for a client that
// was not given to New, such as the one for connections that ALLOW_FROM refuses.
func (c *counters) of(client *client.Client) *clientCounters {
	for _, cc := range c.clients {
		if cc.client == client {
			return cc
		}
	}
	return c.clients[0]
}

// find returns the counters of the client and of the operation of a request, and the
// operation's position.
func (c *counters) find(e *proxy.Event) (cc *clientCounters, o *operationCounters, i int) {
	cc = c.of(e.Client)
	if op := e.Decision.Operation; op != nil {
		i = c.position[op.Index()]
	}
	return cc, &cc.operations[i], i
}

// stream adds n to the open streams: 1 for one that begins, -1 for one that ends.
func (c *counters) stream(e *proxy.Event, n int64) {
	cc, o, _ := c.find(e)
	cc.streams.Add(n)
	o.open.Add(n)
	o.last.Store(e.Start.Unix())
}

// count adds a request that has ended.
func (c *counters) count(e *proxy.Event) {
	cc, o, i := c.find(e)
	o.requests[e.Decision.Outcome].Add(1)
	o.received.Add(e.Received)
	o.sent.Add(e.Sent)
	o.last.Store(max(o.last.Load(), e.Start.Unix())) // a stream that ends has begun long ago
	if e.Decision.Outcome == acl.Refused && e.Decision.Reason == "" && e.Decision.Nameable() {
		o.lacking.Store(true)
	}
	if e.Ending == proxy.Failed || e.Ending == proxy.CutByEngine {
		cc.failures.Add(1)
	}
	// A stream lasts as long as the client reads it, so its duration does not
	// measure the engine.
	if e.Decision.Outcome == acl.Allowed && !e.Streams() {
		c.durations[i].add(e.Duration)
	}
}

// write writes all counters and durations. It leaves out the operations that were
// not asked for, which keeps a scrape short.
func (c *counters) write(x *exposition) {
	byOperation := func(metric string, of func(*operationCounters) *atomic.Int64, label ...string) {
		for _, cc := range c.clients {
			for i := range cc.operations {
				if n := of(&cc.operations[i]).Load(); n > 0 {
					x.sample(metric, n, append([]string{"client", cc.name, "operation", c.operations[i]}, label...)...)
				}
			}
		}
	}
	x.family("postern_requests_total", "counter")
	for outcome := range numOutcomes {
		byOperation("postern_requests_total", func(o *operationCounters) *atomic.Int64 { return &o.requests[outcome] }, "decision", outcome.String())
	}
	x.family("postern_request_bytes_total", "counter")
	byOperation("postern_request_bytes_total", func(o *operationCounters) *atomic.Int64 { return &o.received })
	x.family("postern_response_bytes_total", "counter")
	byOperation("postern_response_bytes_total", func(o *operationCounters) *atomic.Int64 { return &o.sent })
	x.family("postern_failed_requests_total", "counter")
	for _, cc := range c.clients {
		x.sample("postern_failed_requests_total", cc.failures.Load(), "client", cc.name)
	}
	x.family("postern_open_streams", "gauge")
	for _, cc := range c.clients {
		x.sample("postern_open_streams", cc.streams.Load(), "client", cc.name)
	}
	x.family("postern_request_duration_seconds", "histogram")
	for i := range c.durations {
		c.durations[i].write(x, "postern_request_duration_seconds", "operation", c.operations[i])
	}
}
