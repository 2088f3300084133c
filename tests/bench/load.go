//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// job is what a load generator is asked for.
type job struct {
	Network, Addr string
	// Head is the head of the request that each connection sends.
	Head string
	// Status is that of the answer; any other ends the job.
	Status int
	// Conns is the number of connections. Each has one request open at a time.
	Conns int
	// For is how long requests are sent. If zero, each connection sends one.
	For time.Duration
	// Upload is the length of a body, sent in chunks.
	Upload int64
	// Hold keeps the connections open, their answers unfinished, until the
	// generator's standard input ends.
	Hold bool
}

// outcome is what a load generator has seen.
type outcome struct {
	Requests int // all, for what they cost
	// Rate is answers in a second, Median and P99 are of the time each took;
	// of the last nine tenths of a job.
	Rate        float64
	Median, P99 time.Duration
	// Bytes is the longest body, either way, and Took the time of the job.
	Bytes int64
	Took  time.Duration
	// Error says why the job ended early.
	Error string
}

// generate does the job that it reads from in and writes the outcome to out.
func generate(in io.Reader, out io.Writer) error {
	lines := json.NewDecoder(in)
	var j job
	if err := lines.Decode(&j); err != nil {
		return err
	}
	g := &generator{job: j, head: []byte(j.Head)}
	if err := g.run(); err != nil {
		g.outcome.Error = err.Error()
	}
	if err := json.NewEncoder(out).Encode(g.outcome); err != nil {
		return err
	}
	if j.Hold {
		io.Copy(io.Discard, in)
	}
	return nil
}

type generator struct {
	job
	outcome
	loop      *loop
	head      []byte
	buffer    [256 << 10]byte
	latencies []time.Duration
	warm, end time.Time
	finished  int // connections
}

func (g *generator) run() error {
	var err error
	if g.loop, err = newLoop(); err != nil {
		return err
	}
	clients := make([]*caller, g.Conns)
	for i := range clients {
		fd, err := dial(g.Network, g.Addr)
		if err != nil {
			return err
		}
		clients[i] = &caller{conn: conn{fd: fd}, g: g}
		clients[i].ready = clients[i].serve
	}
	g.latencies = make([]time.Duration, 0, 1<<18)
	start := time.Now()
	g.warm, g.end = start.Add(g.For/10), start.Add(g.For)
	for _, c := range clients {
		c.begin(time.Now())
		if err := g.loop.add(&c.conn); err != nil {
			return err
		}
	}
	const patience = 5 * time.Second
	for g.finished < g.Conns {
		before := time.Now()
		if err := g.loop.wait(int(patience.Milliseconds())); err != nil {
			return err
		}
		if time.Since(before) >= patience {
			return fmt.Errorf("nothing moves on %d of %d connections", g.Conns-g.finished, g.Conns)
		}
	}
	g.Took = time.Since(start)
	if n := len(g.latencies); n > 0 {
		slices.Sort(g.latencies)
		g.Rate = float64(n) / g.end.Sub(g.warm).Seconds()
		g.Median, g.P99 = g.latencies[n/2], g.latencies[n*99/100]
	}
	return nil
}

// caller is one connection of a generator.
type caller struct {
	conn
	g      *generator
	answer message
	sent   time.Time
	out    []byte
	upload int64
	held   bool
}

// begin makes a request the next to be written.
func (c *caller) begin(now time.Time) {
	c.sent = now
	c.out = c.g.head
	c.upload = c.g.Upload
}

func (c *caller) serve() error {
	for {
		if err := c.send(); err != nil {
			return err
		}
		n, drained, err := c.read(c.g.buffer[:])
		if err != nil {
			return err
		}
		if n == 0 && !drained {
			return fmt.Errorf("the connection ended behind %.100q", append(c.answer.first, c.answer.head...))
		}
		if c.g.Hold {
			if err := c.hold(c.g.buffer[:n]); err != nil || drained {
				return err
			}
			continue
		}
		for b := c.g.buffer[:n]; len(b) > 0; {
			rest, whole, err := c.answer.feed(b)
			if err != nil {
				return err
			}
			if whole {
				if err := c.done(); err != nil {
					return err
				}
			}
			b = rest
		}
		if err := c.send(); err != nil || drained {
			return err
		}
	}
}

// done counts an answer and begins the next request.
func (c *caller) done() error {
	g := c.g
	if status := c.answer.status(); status != g.Status {
		return fmt.Errorf("status %d, want %d", status, g.Status)
	}
	if c.answer.last {
		return errors.New("the connection is closed behind an answer")
	}
	now := time.Now()
	g.Requests++
	g.Bytes = max(g.Bytes, c.answer.body, g.Upload)
	if now.After(g.warm) && now.Before(g.end) {
		g.latencies = append(g.latencies, now.Sub(c.sent))
	}
	if now.Before(g.end) {
		c.begin(now)
	} else {
		g.finished++
	}
	return nil
}

// hold waits for the head of an answer.
func (c *caller) hold(b []byte) error {
	c.answer.head = append(c.answer.head, b...)
	if c.held || !bytes.Contains(c.answer.head, crlf2) {
		return nil
	}
	if want := fmt.Sprintf("HTTP/1.1 %d ", c.g.Status); !strings.HasPrefix(string(c.answer.head), want) {
		return fmt.Errorf("the answer is %.100q, want %s", c.answer.head, want)
	}
	c.held = true
	c.g.Requests++
	c.g.finished++
	return nil
}

// send writes what there is room for.
func (c *caller) send() error {
	for len(c.out) > 0 {
		rest, err := c.write(c.out)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			c.out = rest
			return nil
		}
		c.out = more(&c.upload)
	}
	return nil
}

// request is the head of a request as the docker command writes it.
func request(method, target string, fields ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: docker", "User-Agent: Docker-Client/28.3.3 (linux)"}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// raise lifts the limit of open files to what is allowed.
func raise() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
}
