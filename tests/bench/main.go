//go:build linux

// Bench measures postern beside the bare socket and HAProxy; see run.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	// The kernel ends what a thread started when the thread ends.
	runtime.LockOSThread()
	raise()
	if len(args) > 0 {
		switch args[0] {
		case "engine":
			return serveEngine(args[1])
		case "load":
			return generate(os.Stdin, os.Stdout)
		case "serve":
			return serveProfiled(args[1])
		}
	}
	b := &bench{start: time.Now()}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&b.dir, "dir", "", "where postern's binary is and files may be written")
	flags.DurationVar(&b.budget, "budget", 160*time.Second, "when to end")
	profile := flags.String("profile", "", "write a CPU profile of the proxy to this file and measure nothing")
	only := flags.String("only", "", "with -profile, the one row to run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		return b.profile(*profile, *only)
	}
	return b.measure()
}

// bench is one run of the benchmark.
type bench struct {
	dir    string
	start  time.Time
	budget time.Duration

	programs []*program
	engine   *process
	socket   string
	generate time.Duration // CPU of all load generators and
	asked    int           // the requests they sent
	notes    []string
}

// row is one line of a table.
type row struct {
	name string
	job
	// bytes is the length of a stream that is moved.
	bytes int64
}

const gigabyte = 1 << 30

// rows are the lines of a table: short requests for as long as short, and
// streams of some length.
func rows(short time.Duration, stream int64) []row {
	var all []row
	add := func(name, head string, status, conns int) {
		plural := "s"
		if conns == 1 {
			plural = ""
		}
		all = append(all, row{fmt.Sprintf("%s, %d connection%s", name, conns, plural),
			job{Head: head, Status: status, Conns: conns, For: short}, 0})
	}
	for _, conns := range []int{1, 16, 128} {
		add("`/_ping`", request("GET", "/_ping"), 200, conns)
	}
	for _, conns := range []int{1, 16, 128} {
		add("22 KB of `/containers/json`", request("GET", "/v1.51/containers/json"), 200, conns)
	}
	add("refused, `/networks`", request("GET", "/v1.51/networks"), 403, 16)
	size := fmt.Sprintf("%.3g GB", float64(stream)/gigabyte)
	all = append(all,
		row{size + " down, `/images/get`", job{Head: request("GET", fmt.Sprint("/v1.51/images/get?names=", stream)), Status: 200, Conns: 1}, stream},
		row{size + " up, `/images/load`", job{Head: request("POST", "/v1.51/images/load", "Content-Type: application/x-tar", "Transfer-Encoding: chunked"), Status: 200, Conns: 1, Upload: stream}, stream},
	)
	return all
}

// prepare makes the programs. HAProxy is left out where there is none.
func (b *bench) prepare(profile string) error {
	if b.dir == "" {
		return errors.New("use tests/bench/run")
	}
	b.socket = filepath.Join(b.dir, "docker.sock")
	p, err := postern(b.dir, b.socket, profile)
	if err != nil {
		return err
	}
	b.programs = []*program{{name: "the socket itself", network: "unix", addr: b.socket}, p}
	for _, h := range []struct{ name, option string }{
		// The images that postern replaces set this: each request gets a new
		// connection to the engine.
		{"HAProxy", "option http-server-close"},
		{"HAProxy, tuned", "http-reuse always"},
	} {
		p, err := haproxy(b.dir, b.socket, h.name, h.option)
		if err != nil {
			b.notes = append(b.notes, h.name+" is left out: "+err.Error())
			continue
		}
		b.programs = append(b.programs, p)
	}
	return nil
}

// up starts the engine and the programs.
func (b *bench) up(session bool) error {
	var err error
	os.Remove(b.socket)
	cmd := exec.Command("/proc/self/exe", "engine", b.socket)
	cmd.Stderr = os.Stderr
	if b.engine, err = startProcess(session, cmd); err != nil {
		return err
	}
	for !answers("unix", b.socket) {
		if time.Since(b.start) > b.budget {
			return errors.New("the stand-in engine does not answer")
		}
		time.Sleep(time.Millisecond)
	}
	for _, p := range b.programs {
		if _, err := p.launch(session); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) down() {
	for _, p := range b.programs {
		p.quit()
	}
	b.engine.stop()
}

// over reports whether the time is up.
func (b *bench) over() bool { return time.Since(b.start) > b.budget }

// ask runs one row against one program.
func (b *bench) ask(p *program, r row, session bool) (sample, error) {
	j := r.job
	j.Network, j.Addr = p.network, p.addr
	var before time.Duration
	if p.process != nil {
		before = p.cpu()
	}
	o, generator, err := load(session, j)
	if err != nil {
		return sample{}, fmt.Errorf("%s, %s: %w", r.name, p.name, err)
	}
	var spent float64
	if p.process != nil {
		spent = (p.cpu() - before).Seconds()
	}
	if r.bytes > 0 {
		if o.Bytes != r.bytes {
			return sample{}, fmt.Errorf("%s, %s: %d bytes came through, want %d", r.name, p.name, o.Bytes, r.bytes)
		}
		gigabytes := float64(o.Bytes) / gigabyte
		return sample{rate: gigabytes / o.Took.Seconds(), cpu: spent / gigabytes}, nil
	}
	b.generate += generator.cmd.ProcessState.UserTime() + generator.cmd.ProcessState.SystemTime()
	b.asked += o.Requests
	return sample{rate: o.Rate, median: o.Median.Seconds(), p99: o.P99.Seconds(), cpu: spent / float64(o.Requests)}, nil
}
