//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// bench is the load of one run.
type bench struct {
	engine
	ctx      context.Context
	seconds  int // of short requests
	streams  int
	log, lua string // files
}

// row is a line of the table.
type row struct {
	name string
	// format prints the medians of one program, ratio those of the quotients of
	// two.
	format, ratio string
	// measure runs one round on a program that has just been started.
	measure func(*program) ([]float64, error)
	samples map[*program][][]float64 // the values of each round
}

func (b *bench) rows() []*row {
	var all []*row
	add := func(name, format, ratio string, measure func(*program) ([]float64, error)) {
		all = append(all, &row{name, format, ratio, measure, map[*program][][]float64{}})
	}
	short := func(path string, status, conns int) {
		add(fmt.Sprintf("`%s` (%d), connections: %d", path, status, conns), "%.0f/s, p50 %.2f, p99 %.2f ms, CPU %.0f µs",
			"%.2f, p50 %.2f, p99 %.2f, CPU %.2f", func(p *program) ([]float64, error) { return b.wrk(p, path, status, conns) })
	}
	for _, path := range []string{"/_ping", "/v1.51/version"} {
		for _, conns := range []int{1, 16, 128} {
			short(path, 200, conns)
		}
	}
	short("/v1.51/containers/json", 200, 16)
	short("/v1.51/networks", 403, 16)

	long := func(name string, move func(*program) error) {
		add(fmt.Sprintf("%s, %d MB", name, b.megabytes), "%.0f MB/s, CPU %.2f s/GB", "%.2f, CPU %.2f", func(p *program) ([]float64, error) {
			took, cpu, err := p.clock(func() error { return move(p) })
			return []float64{float64(b.megabytes) / took, 1024 * cpu / float64(b.megabytes)}, err
		})
	}
	long("download", b.download)
	long("upload", b.upload)

	one := func(name, format string, measure func(*program) (float64, error)) {
		add(name, format, "%.2f", func(p *program) ([]float64, error) {
			value, err := measure(p)
			return []float64{value}, err
		})
	}
	one(fmt.Sprintf("silent `/events`, each of %d", b.streams), "%.1f KB",
		func(p *program) (float64, error) { return b.hold(p, "GET", "/v1.51/events", 200) })
	one(fmt.Sprintf("silent attach, each of %d", b.streams), "%.1f KB",
		func(p *program) (float64, error) {
			return b.hold(p, "POST", "/v1.51/containers/web/attach?stream=1", 101)
		})
	one("memory when idle", "%.0f KB", (*program).settledRSS)
	one("from exec to the first response", "%.1f ms", func(p *program) (float64, error) { return p.started.Seconds() * 1e3, nil })
	one("program with its libraries", "%.1f MB", func(p *program) (float64, error) { return p.size() / (1 << 20), nil })
	return all
}

// sample measures one round of a row with a new process, so that no row leaves
// anything to the next.
func (b *bench) sample(p *program, r *row) error {
	if err := p.launch(b.ctx, b.log); err != nil {
		return err
	}
	defer p.quit()
	values, err := r.measure(p)
	r.samples[p] = append(r.samples[p], values)
	return err
}

// luaDone has wrk print what its report rounds. A script without a function
// for requests costs nothing until the end.
const luaDone = `done = function(all, latency)
  local e = all.errors
  print("done", all.requests, all.duration, latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout)
end
`

// wrk returns requests in a second, median and 99th percentile in milliseconds,
// and the program's processor time in microseconds a request.
func (b *bench) wrk(p *program, path string, status, conns int) ([]float64, error) {
	// wrk tells statuses above 399 from the others, and no more.
	if _, err := p.send("GET", path, nil, status); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, "wrk", "-t1", fmt.Sprint("-c", conns), fmt.Sprintf("-d%ds", b.seconds), "--timeout=10s",
		"-s", b.lua, "-H", "User-Agent: Docker-Client/28.3.3 (linux)", "http://"+p.addr+path)
	cmd.SysProcAttr = ownSession
	var out []byte
	_, cpu, err := p.clock(func() (err error) { out, err = cmd.CombinedOutput(); return err })
	var requests, took, p50, p99, refused, failed float64 // times in µs
	if err == nil {
		_, err = fmt.Sscan(find(`(?m)^done\t(.*)$`, string(out)), &requests, &took, &p50, &p99, &refused, &failed)
	}
	if err != nil {
		return nil, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if failed > 0 || requests == 0 || (status < 400 && refused > 0) || (status >= 400 && refused < requests) {
		return nil, fmt.Errorf("%.0f requests failed, and %.0f of %.0f have a status above 399", failed, refused, requests)
	}
	return []float64{requests / took * 1e6, p50 / 1e3, p99 / 1e3, cpu * 1e6 / requests}, nil
}

// clock returns how long f took and the program's processor time meanwhile, in
// seconds.
func (p *program) clock(f func() error) (took, cpu float64, err error) {
	before, start := p.cpu(), time.Now()
	err = f()
	return time.Since(start).Seconds(), (p.cpu() - before).Seconds(), err
}

// send sends a request on a connection of its own, which lasts until the
// program ends.
func (p *program) send(method, target string, body io.Reader, status int) (*http.Response, error) {
	r, err := http.NewRequest(method, "http://"+p.addr+target, body)
	if err != nil {
		return nil, err
	}
	if status == http.StatusSwitchingProtocols {
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}}
	}
	transport := &http.Transport{WriteBufferSize: 64 << 10, ResponseHeaderTimeout: 10 * time.Second}
	response, err := transport.RoundTrip(r)
	if err == nil && response.StatusCode != status {
		err = fmt.Errorf("%s %s: the status is %s, want %d", method, target, response.Status, status)
	}
	return response, err
}

func (b *bench) download(p *program) error {
	response, err := p.send("GET", "/v1.51/images/get?names=image", nil, 200)
	if err != nil {
		return err
	}
	n, err := discard(response.Body)
	if want := int64(b.megabytes) << 20; err == nil && n != want {
		err = fmt.Errorf("the image has %d bytes, want %d", n, want)
	}
	return err
}

func (b *bench) upload(p *program) error {
	zeros, err := os.Open("/dev/zero")
	if err != nil {
		return err
	}
	defer zeros.Close()
	_, err = p.send("POST", "/v1.51/images/load", io.LimitReader(zeros, int64(b.megabytes)<<20), 200)
	return err
}

// hold opens streams, on which nothing happens then, and returns what each
// adds to the program's memory in KB.
func (b *bench) hold(p *program, method, target string, status int) (float64, error) {
	idle, err := p.settledRSS()
	// HAProxy waits 200 ms for a body before it passes on a header, so that many
	// are opened at a time.
	slots, opened, done := make(chan bool, 256), make(chan error, b.streams), make(chan bool)
	defer close(done)
	for range b.streams {
		slots <- true
		go func() {
			response, err := p.send(method, target, nil, status)
			<-slots
			opened <- err
			<-done // the garbage collector would close the connection of a response
			if err == nil {
				response.Body.Close()
			}
		}()
	}
	for range b.streams {
		err = cmp.Or(err, <-opened)
	}
	if err != nil {
		return 0, err
	}
	full, err := p.settledRSS()
	if n := b.silent.Load(); n != int64(b.streams) {
		return 0, fmt.Errorf("%d streams are open, want %d", n, b.streams)
	}
	return (full - idle) / float64(b.streams), err
}
