package metrics

import (
	"slices"
	"strings"
	"sync"
	"time"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/logging"
)

// The length of the page's lists. Clients decide how many different requests
// there are, so both need a limit.
const (
	maxRefusals = 50
	maxStreams  = 100
	// maxRemedy limits the text of a remedy, in bytes. A limit's may name what was in
	// the request.
	maxRemedy = 500
)

// refusal is a refused request and its repetitions. The address is that of the last.
type refusal struct {
	client                      *client.Client
	address, method, path, rule string
	subject                     acl.Subject
	// reason and remedy are those of a refusal that is not the policy's: by ALLOW_FROM
	// or by a limit, see [proxy.Event].
	reason, remedy string
	last           time.Time
	times          int
}

// refusals are the last different refusals, the latest at the end. Repetitions
// are counted and not listed: a program that tries again every second would push
// all others out of the list.
type refusals struct {
	mu  sync.Mutex
	all []*refusal
}

func (r *refusals) add(e *proxy.Event) {
	path, reason := logging.Printable(e.Path), logging.Printable(e.Decision.Reason)
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.all, func(known *refusal) bool {
		return known.path == path && known.method == e.Method && known.client.Name == e.Client.Name && known.rule == e.Decision.Rule
	})
	var this *refusal
	if i >= 0 {
		this = r.all[i]
		r.all = slices.Delete(r.all, i, i+1)
	} else {
		// Clone, because a substring keeps the whole request header in memory.
		this = &refusal{client: e.Client, method: strings.Clone(e.Method), path: strings.Clone(path), rule: strings.Clone(e.Decision.Rule)}
		r.all = slices.Delete(r.all, 0, max(len(r.all)-maxRefusals+1, 0))
	}
	this.address, this.last, this.subject = e.Address, e.Start, e.Decision.Subject
	this.reason, this.remedy = "", ""
	if reason != "" { // it may name the client's address
		this.reason, this.remedy = strings.Clone(reason), strings.Clone(e.Remedy[:min(len(e.Remedy), maxRemedy)])
	}
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
	start                            time.Time
	address, method, path, operation string
	client                           *client.Client
}

// list returns the streams that have been open longest, the oldest first, and
// the number of all.
func (s *streams) list() (oldest []stream, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.open {
		oldest = append(oldest, stream{e.Start, e.Address, e.Method, e.Path, e.Decision.OperationID(), e.Client})
	}
	slices.SortFunc(oldest, func(a, b stream) int { return a.start.Compare(b.start) })
	return oldest[:min(len(oldest), maxStreams)], len(s.open)
}
