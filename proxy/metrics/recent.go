package metrics

import (
	"slices"
	"strings"
	"sync"
	"time"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/logging"
)

// The length of the page's lists. Clients decide how many different requests
// there are, so both need a limit.
const (
	maxRefusals = 50
	maxStreams  = 100
)

// refusal is a refused request and its repetitions. The address is that of the last.
type refusal struct {
	client, address, method, path, operation string
	decision                                 acl.Decision
	policy                                   *acl.Policy
	last                                     time.Time
	times                                    int
}

// refusals are the last different refusals, the latest at the end. Repetitions
// are counted and not listed: a program that tries again every second would push
// all others out of the list.
type refusals struct {
	mu  sync.Mutex
	all []*refusal
}

func (r *refusals) add(e *proxy.Event) {
	path := logging.Printable(e.Path)
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.all, func(known *refusal) bool {
		return known.path == path && known.method == e.Method && known.client == e.Client.Name && known.decision.Rule == e.Decision.Rule
	})
	var this *refusal
	if i >= 0 {
		this = r.all[i]
		r.all = slices.Delete(r.all, i, i+1)
	} else {
		// Clone, because a substring keeps the whole request header in memory.
		this = &refusal{client: e.Client.Name, method: strings.Clone(e.Method), path: strings.Clone(path), operation: e.Decision.OperationID()}
		r.all = slices.Delete(r.all, 0, max(len(r.all)-maxRefusals+1, 0))
	}
	this.address, this.last = e.Address, e.Start
	this.policy, this.decision = e.Client.Policy, e.Decision
	this.decision.Method, this.decision.Path, this.decision.Redirect = "", "", ""
	this.times++
	r.all = append(r.all, this)
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

// streams are the requests that are open now.
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

// stream is a copy of the fields of an event that are known when it begins.
type stream struct {
	start                                    time.Time
	client, address, method, path, operation string
}

// list returns the streams that have been open longest, the oldest first, and
// the number of all.
func (s *streams) list() (oldest []stream, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.open {
		oldest = append(oldest, stream{e.Start, e.Client.Name, e.Address, e.Method, e.Path, e.Decision.OperationID()})
	}
	slices.SortFunc(oldest, func(a, b stream) int { return a.start.Compare(b.start) })
	return oldest[:min(len(oldest), maxStreams)], len(s.open)
}
