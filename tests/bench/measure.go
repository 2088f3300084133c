//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rounds is how often everything is measured; the tables hold medians.
const rounds = 5

// sample is what one row gives for one program in one round: answers or
// gigabytes in a second, seconds of an answer, seconds of the proxy's CPU for
// an answer or a gigabyte.
type sample struct{ rate, median, p99, cpu float64 }

// samples are those of one row and one program.
type samples []sample

// of is the median of one part of the samples.
func (s samples) of(part func(sample) float64) float64 {
	var all []float64
	for _, one := range s {
		all = append(all, part(one))
	}
	return middle(all)
}

// middle is the median, 0 of nothing.
func middle(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// measure runs everything and prints the tables.
func (b *bench) measure() error {
	if err := b.prepare(""); err != nil {
		return err
	}
	fmt.Print(machine())
	fmt.Println("\nEach program in a session of its own, as containers run:")
	err := b.table(true, rows(250*time.Millisecond, 2*gigabyte))
	if err == nil && !b.over() {
		err = b.upkeep()
	}
	if err == nil && !b.over() {
		fmt.Println("\nAll in one session:")
		err = b.table(false, rows(150*time.Millisecond, gigabyte/2))
	} else if err == nil {
		b.notes = append(b.notes, "The rest is left out: this machine is too busy or too slow for it to end in time")
	}
	for _, n := range b.notes {
		fmt.Println("\n" + n + ".")
	}
	if b.asked > 0 {
		fmt.Printf("\nThe load generator spent %.1f µs of CPU on a request. All of it took %.0f s.\n",
			b.generate.Seconds()*1e6/float64(b.asked), time.Since(b.start).Seconds())
	}
	return err
}

// table measures all rows in alternating rounds and prints them.
func (b *bench) table(session bool, rows []row) error {
	defer b.down()
	if err := b.up(session); err != nil {
		return err
	}
	results := make([][]samples, len(rows))
	for i := range results {
		results[i] = make([]samples, len(b.programs))
	}
	done := 0
	for ; done < rounds && !b.over(); done++ {
		for i, r := range rows {
			for turn := range b.programs {
				n := (turn + done) % len(b.programs)
				p := b.programs[n]
				if r.Status >= 400 && p.command == nil {
					continue // the socket refuses nothing
				}
				if r.bytes > 0 && n > 2 {
					continue // to one long stream all HAProxys are alike
				}
				s, err := b.ask(p, r, session)
				if err != nil {
					b.notes = append(b.notes, "Not counted: "+err.Error())
					continue
				}
				results[i][n] = append(results[i][n], s)
			}
		}
	}
	if session && !b.over() {
		b.crossCheck()
	}
	fmt.Printf("\n| medians of %d rounds |", done)
	for _, p := range b.programs {
		fmt.Printf(" %s |", p.name)
	}
	for _, p := range b.programs[2:] {
		fmt.Printf(" postern to %s |", p.name)
	}
	fmt.Printf(" to the socket |\n|---|%s\n", strings.Repeat("---|", 2*len(b.programs)-1))
	for i, r := range rows {
		fmt.Printf("| %s |", r.name)
		for _, s := range results[i] {
			fmt.Printf(" %s |", cell(r, s))
		}
		for n := range b.programs[2:] {
			fmt.Printf(" %s |", ratio(results[i], n+2))
		}
		fmt.Printf(" %s |\n", ratio(results[i], 0))
	}
	return nil
}

// cell prints what one program did.
func cell(r row, s samples) string {
	if len(s) == 0 {
		return "-"
	}
	rate, cpu := s.of(func(s sample) float64 { return s.rate }), s.of(func(s sample) float64 { return s.cpu })
	var text string
	if r.bytes > 0 {
		text = fmt.Sprintf("%.2f GB/s", rate)
		if cpu > 0 {
			text += fmt.Sprintf(", %.2f s/GB CPU", cpu)
		}
		return text
	}
	text = fmt.Sprintf("%.0f/s, p50 %.2f, p99 %.2f ms", rate,
		1000*s.of(func(s sample) float64 { return s.median }), 1000*s.of(func(s sample) float64 { return s.p99 }))
	if cpu > 0 {
		text += fmt.Sprintf(", %.1f µs CPU", 1e6*cpu)
	}
	return text
}

// ratio prints how many times as fast postern is as another program.
func ratio(all []samples, other int) string {
	if len(all[other]) == 0 {
		return "-"
	}
	rate := func(s sample) float64 { return s.rate }
	return fmt.Sprintf("%.2f", all[1].of(rate)/all[other].of(rate))
}

// upkeep measures what a proxy costs that does nothing: its start, its memory,
// open streams that are silent.
func (b *bench) upkeep() error {
	defer b.down()
	all := b.programs
	b.programs = all[:1]
	err := b.up(true)
	b.programs = all
	proxies := all[1:min(3, len(all))] // idle HAProxys are all alike
	if err != nil {
		return err
	}
	attach := job{Head: request("POST", "/v1.51/containers/web/attach?stream=1&stdin=1&stdout=1", "Upgrade: tcp", "Connection: Upgrade", "Content-Length: 0"), Status: 101}
	events := job{Head: request("GET", "/v1.51/events"), Status: 200}
	var starts, idle, silent, attached [2][]float64
	for round := 0; round < rounds && !b.over(); round++ {
		for i, p := range proxies {
			for _, kind := range []struct {
				job
				kilobytes *[2][]float64
			}{{events, &silent}, {attach, &attached}} {
				took, err := p.launch(true)
				if err != nil {
					return err
				}
				time.Sleep(settle)
				empty := p.resident()
				each, err := b.hold(p, kind.job, streams)
				p.quit()
				if err != nil {
					return fmt.Errorf("open streams, %s: %w", p.name, err)
				}
				starts[i] = append(starts[i], took.Seconds()*1000)
				idle[i] = append(idle[i], empty/(1<<20))
				kind.kilobytes[i] = append(kind.kilobytes[i], (each-empty)/1024/streams)
			}
		}
	}
	fmt.Printf("\n| medians of %d rounds |", len(starts[0]))
	for _, p := range proxies {
		fmt.Printf(" %s |", p.name)
	}
	fmt.Printf("\n|---|%s\n", strings.Repeat("---|", len(proxies)))
	line := func(name, format string, value func(i int) float64) {
		fmt.Printf("| %s |", name)
		for i := range proxies {
			fmt.Printf(" "+format+" |", value(i))
		}
		fmt.Println()
	}
	line("from exec to the first answer", "%.1f ms", func(i int) float64 { return middle(starts[i]) })
	line("resident when idle", "%.1f MB", func(i int) float64 { return middle(idle[i]) })
	line(fmt.Sprintf("%d silent `/events`, each", streams), "%.1f KB", func(i int) float64 { return middle(silent[i]) })
	line(fmt.Sprintf("%d silent attached streams, each", streams), "%.1f KB", func(i int) float64 { return middle(attached[i]) })
	if n, each, err := b.crowd(proxies[0], events, idle[0]); err != nil {
		b.notes = append(b.notes, "Very many streams: "+err.Error())
	} else {
		fmt.Printf("| %d silent `/events` at once, each | %.1f KB | - |\n", n, each)
	}
	line("the program with its libraries", "%.1f MB", func(i int) float64 { return size(proxies[i]) / (1 << 20) })
	return nil
}

const (
	streams = 1000
	// settle is how long a process has to come to rest.
	settle = 400 * time.Millisecond
)

// hold opens streams and returns the proxy's memory while they are open.
func (b *bench) hold(p *program, j job, n int) (float64, error) {
	j.Network, j.Addr, j.Conns, j.Hold = p.network, p.addr, n, true
	_, generator, err := load(true, j)
	if err != nil {
		return 0, err
	}
	defer generator.stop()
	time.Sleep(settle)
	return p.resident(), nil
}

// crowd opens ten thousand streams, or as many as two files each allow, and
// returns their number and what each costs in kilobytes.
func (b *bench) crowd(p *program, j job, idle []float64) (n int, each float64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, err
	}
	n = min(10_000, int(limit.Cur)/2-50)
	if _, err := p.launch(true); err != nil {
		return 0, 0, err
	}
	defer p.quit()
	resident, err := b.hold(p, j, n)
	return n, (resident - middle(idle)*(1<<20)) / 1024 / float64(n), err
}

var library = regexp.MustCompile(`(/\S+) \(0x`)

// size is that of the program's file and the libraries it is linked with.
func size(p *program) float64 {
	cmd, err := p.command()
	if err != nil {
		return 0
	}
	linked, _ := exec.Command("ldd", cmd.Path).Output() // none in a static binary
	files := []string{cmd.Path}
	for _, match := range library.FindAllSubmatch(linked, -1) {
		files = append(files, string(match[1]))
	}
	var sum float64
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			sum += float64(info.Size())
		}
	}
	return sum
}

var wrkRate = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)

// crossCheck lets another load generator say the same, where there is one.
func (b *bench) crossCheck() {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		b.notes = append(b.notes, "The cross-check with wrk is left out: no wrk")
		return
	}
	var rates [2][]float64
	compared := b.programs[1:min(3, len(b.programs))]
	for range 3 {
		for i, p := range compared {
			rate, err := askWrk(wrk, p)
			if err != nil {
				b.notes = append(b.notes, "The cross-check with wrk failed: "+err.Error())
				return
			}
			rates[i] = append(rates[i], rate)
		}
	}
	fmt.Print("\nwrk, `/_ping` with 16 connections:")
	for i, p := range compared {
		fmt.Printf(" %s %.0f/s;", p.name, middle(rates[i]))
	}
	fmt.Println()
}

func askWrk(wrk string, p *program) (float64, error) {
	out, err := exec.Command("setsid", "--wait", wrk, "-t1", "-c16", "-d1s", "http://"+p.addr+"/_ping").Output()
	match := wrkRate.FindSubmatch(out)
	if err != nil || match == nil {
		return 0, errors.Join(err, fmt.Errorf("wrk printed %q", out))
	}
	var rate float64
	_, err = fmt.Sscan(string(match[1]), &rate)
	return rate, err
}

// machine describes where all this runs.
func machine() string {
	read := func(path string) string { text, _ := os.ReadFile(path); return strings.TrimSpace(string(text)) }
	cpuinfo := read("/proc/cpuinfo")
	model := "an unknown CPU"
	if match := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindStringSubmatch(cpuinfo); match != nil {
		model = match[1]
	}
	version := "none"
	if out, err := exec.Command("haproxy", "-v").Output(); err == nil {
		version = strings.Join(strings.Fields(string(out))[2:3], "")
	}
	grouped := "on"
	if read("/proc/sys/kernel/sched_autogroup_enabled") != "1" {
		grouped = "off, so that sessions make no difference"
	}
	golang, _ := exec.Command("go", "env", "GOVERSION").Output()
	return fmt.Sprintf("%d × %s, Linux %s, %s, HAProxy %s, scheduling by session %s.\n", strings.Count(cpuinfo, "processor\t"), model,
		read("/proc/sys/kernel/osrelease"), strings.TrimSpace(string(golang)), version, grouped)
}
