package harness

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"time"
)

// Entry is one line of the log.
type Entry map[string]any

// follow reads the log until the process ends.
func (p *Postern) follow(stdout io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	started := false
	for lines.Scan() {
		if p.quiet && started {
			continue
		}
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = Entry{"not JSON": lines.Text()}
		}
		started = started || e["message"] == "started"
		p.mu.Lock()
		p.log = append(p.log, e)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	p.cmd.Wait()
}

// Log is the log so far.
func (p *Postern) Log() []Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// AwaitLog returns the first line of the log that matches, and waits for one if
// need be.
func (p *Postern) AwaitLog(match func(Entry) bool) Entry {
	p.t.Helper()
	deadline := time.After(Patience)
	for {
		p.mu.Lock()
		log, changed := p.log, p.changed
		p.mu.Unlock()
		if i := slices.IndexFunc(log, match); i >= 0 {
			return log[i]
		}
		select {
		case <-changed:
		case <-p.exited:
			p.mu.Lock()
			grown := len(p.log) > len(log)
			p.mu.Unlock()
			if !grown {
				p.t.Fatalf("postern ended without the awaited line\nstderr: %s\nlog: %v", p.Stderr.String(), log)
			}
		case <-deadline:
			p.t.Fatalf("no such line after %v\nlog: %v", Patience, log)
		}
	}
}

func (e Entry) String() string {
	line, _ := json.Marshal(map[string]any(e))
	return string(line)
}
