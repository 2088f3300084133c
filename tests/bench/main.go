//go:build linux

// Bench measures postern beside HAProxy and prints one table in Markdown. The
// script run builds postern and starts it.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{ctx: ctx}
	dir := flag.String("dir", "", "directory of the binary postern and of temporary files")
	old := flag.String("old", "", "path of a second postern to compare")
	profile := flag.String("profile", "", "write a CPU profile of postern to this file and print no table")
	only := flag.String("only", "", "measure only the rows with this in their names")
	rounds := flag.Int("rounds", 3, "number of rounds")
	flag.IntVar(&b.seconds, "seconds", 2, "length of the load of short requests in each round")
	flag.IntVar(&b.streams, "streams", 2000, "number of silent streams, for each of which a proxy opens two files")
	flag.IntVar(&b.megabytes, "megabytes", 512, "length of a long stream")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 || *rounds < 1 {
		return errors.New("start tests/bench/run; -help lists the flags")
	}
	b.log, b.lua = filepath.Join(*dir, "log"), filepath.Join(*dir, "done.lua")
	socket, config := filepath.Join(*dir, "docker.sock"), filepath.Join(*dir, "haproxy.cfg")
	if err := cmp.Or(b.engine.start(socket), os.WriteFile(b.lua, []byte(luaDone), 0o644),
		os.WriteFile(config, haproxyConfig(b.streams), 0o644)); err != nil {
		return err
	}
	rows := slices.DeleteFunc(b.rows(), func(r *row) bool { return !strings.Contains(r.name, *only) })
	var programs []*program
	for _, c := range [][]string{{"postern", filepath.Join(*dir, "postern")}, {"old", *old}, {"HAProxy", "haproxy", "-db", "-f", config}} {
		p, err := newProgram(c[0], socket, c[1:]...)
		if err != nil {
			return err
		}
		if c[1] != "" {
			programs = append(programs, p)
		}
	}
	if *profile != "" {
		return b.profile(programs[0], rows, *profile)
	}

	fmt.Println(machine())
	start := time.Now()
	for round := range *rounds {
		for _, r := range rows {
			for turn := range programs {
				p := programs[(round+turn)%len(programs)]
				if err := b.sample(p, r); err != nil {
					return fmt.Errorf("%s, %s: %w", p.name, r.name, err)
				}
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d ended after %.0f s\n", round+1, *rounds, time.Since(start).Seconds())
	}
	printTable(*rounds, programs, rows)
	return nil
}

// profile runs all rows on one process that writes a profile; see profile.go.
func (b *bench) profile(p *program, rows []*row, file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	p.env = append(p.env, "POSTERN_PROFILE="+file)
	if err := p.launch(b.ctx, b.log); err != nil {
		return err
	}
	defer p.quit()
	for _, r := range rows {
		if _, err := r.measure(p); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return cmp.Or(p.cmd.Process.Signal(syscall.SIGUSR2), p.cmd.Wait())
}

// printTable compares the first program with each of the others, and an old
// postern, if there is one, with HAProxy.
func printTable(rounds int, programs []*program, rows []*row) {
	last := len(programs) - 1
	pairs := [][2]*program{{programs[0], programs[last]}}
	if last == 2 {
		pairs = append(pairs, [2]*program{programs[1], programs[2]}, [2]*program{programs[0], programs[1]})
	}
	fmt.Printf("\n| medians of %d rounds |", rounds)
	for _, p := range programs {
		fmt.Printf(" %s |", p.name)
	}
	for _, pair := range pairs {
		fmt.Printf(" %s / %s |", pair[0].name, pair[1].name)
	}
	fmt.Printf("\n|%s\n", strings.Repeat("---|", 1+len(programs)+len(pairs)))
	for _, r := range rows {
		fmt.Printf("| %s |", r.name)
		for _, p := range programs {
			fmt.Printf(" "+r.format+" |", medians(r.samples[p], nil)...)
		}
		for _, pair := range pairs {
			fmt.Printf(" "+r.ratio+" |", medians(r.samples[pair[0]], r.samples[pair[1]])...)
		}
		fmt.Println()
	}
}

// medians are those of each value over all rounds. With a second program's
// samples they are those of the quotients of each round: what slows the whole
// machine for a round slows both programs.
func medians(samples, others [][]float64) []any {
	var all []any
	for i := range samples[0] {
		var values []float64
		for round, s := range samples {
			value := s[i]
			if others != nil {
				value /= others[round][i]
			}
			values = append(values, value)
		}
		slices.Sort(values)
		n := len(values)
		all = append(all, (values[(n-1)/2]+values[n/2])/2)
	}
	return all
}

// machine describes where all this runs.
func machine() string {
	read := func(path string) string { text, _ := os.ReadFile(path); return strings.TrimSpace(string(text)) }
	version := func(program string) string {
		out, _ := exec.Command(program, "-v").Output() // wrk's with status 1
		return find(`([0-9]\S+)`, string(out))
	}
	return fmt.Sprintf("%d × %s, Linux %s, %s, HAProxy %s, wrk %s, load average before: %s", runtime.NumCPU(),
		find(`(?m)^model name\s*: (.*)$`, read("/proc/cpuinfo")), read("/proc/sys/kernel/osrelease"), runtime.Version(),
		version("haproxy"), version("wrk"), read("/proc/loadavg"))
}
