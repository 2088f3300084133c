package monitor

import (
	"slices"
	"strings"
	"sync"
	"time"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/logging"
)

// What the page lists at the most: whoever is refused decides what is in it.
const (
	maxRefusals = 50
	maxStreams  = 100
)

// refusal is what was refused, once or again and again.
type refusal struct {
	client, address, method, path, operation string
	verdict                                  *acl.Verdict
	last                                     time.Time
	times                                    int
}

// refusals are the last that differ, the latest at the end: a program that
// tries again every second would otherwise push out all others.
type refusals struct {
	mu  sync.Mutex
	all []*refusal
}

func (r *refusals) add(e *proxy.Event) {
	path := logging.Printable(e.Path)
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.all, func(known *refusal) bool {
		return known.path == path && known.method == e.Method && known.client == e.Client.Name && known.verdict.Rule == e.Verdict.Rule
	})
	switch {
	case i >= 0:
	case len(r.all) < maxRefusals:
		i = len(r.all)
		r.all = append(r.all, &refusal{})
	default:
		i = 0
		*r.all[0] = refusal{}
	}
	this := r.all[i]
	if this.times == 0 {
		// A part of a request's string would hold all of it.
		this.client, this.method, this.path, this.operation = e.Client.Name, strings.Clone(e.Method), strings.Clone(path), e.Request.ID()
	}
	this.address, this.verdict, this.last = e.Address, e.Verdict, e.Start
	this.times++
	copy(r.all[i:], r.all[i+1:])
	r.all[len(r.all)-1] = this
}

// list returns the refusals, the latest first.
func (r *refusals) list() []refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]refusal, 0, len(r.all))
	for _, one := range slices.Backward(r.all) {
		list = append(list, *one)
	}
	return list
}

// streams are what is open.
type streams struct {
	mu   sync.Mutex
	open map[*proxy.Event]struct{}
}

func (s *streams) add(e *proxy.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[e] = struct{}{}
}

func (s *streams) remove(e *proxy.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, e)
}

// stream is what is known of one from its beginning.
type stream struct {
	start                                    time.Time
	client, address, method, path, operation string
}

// list returns those that have been open for the longest, and how many there
// are.
func (s *streams) list() (oldest []stream, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.open {
		oldest = append(oldest, stream{e.Start, e.Client.Name, e.Address, e.Method, e.Path, e.Request.ID()})
	}
	slices.SortFunc(oldest, func(a, b stream) int { return a.start.Compare(b.start) })
	return oldest[:min(len(oldest), maxStreams)], len(s.open)
}
