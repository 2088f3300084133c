package clients

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// refresh is how often names are looked up when nobody new connects.
	refresh = 5 * time.Second
	// lookupLimit is how long a lookup may take.
	lookupLimit = 2 * time.Second
	// patience is how long a connection waits for a resolver that has answered
	// so far, and impatience for one that has not: it is not held up any longer
	// for an answer that will most likely not come.
	patience   = time.Second
	impatience = 100 * time.Millisecond
	// most is how many lookups of one name may be under way: a resolver that
	// is silent would otherwise gather one for each connection.
	most = 4
)

// resolver knows the present addresses of host names.
type resolver struct {
	// lookup is replaced in tests.
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)
	log    zerolog.Logger

	mu       sync.Mutex
	hosts    []*host
	ended    chan struct{} // closed and replaced whenever a lookup ends
	answered time.Time     // the latest beginning of a lookup that was answered
}

// host is a host name.
type host struct {
	name    string
	entries []entry
	addrs   []netip.Addr

	underWay int
	newest   time.Time // when the last lookup was begun
	known    time.Time // when the lookup was begun that addrs come from
	ended    time.Time // the latest beginning of a lookup that has ended
	silent   bool      // the last lookup was not answered
}

// entry says what a host's addresses are entered as.
type entry struct {
	book   *book
	client *Client
}

func newResolver(log zerolog.Logger) *resolver {
	return &resolver{lookup: lookup, log: log, ended: make(chan struct{})}
}

// lookup asks the system's resolver. Each has a net.Resolver of its own, which
// would otherwise let a lookup join one that was begun earlier.
func lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	return (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", name)
}

func (r *resolver) add(name string, e entry) {
	i := slices.IndexFunc(r.hosts, func(h *host) bool { return h.name == name })
	if i < 0 {
		i = len(r.hosts)
		r.hosts = append(r.hosts, &host{name: name})
	}
	r.hosts[i].entries = append(r.hosts[i].entries, e)
}

// run looks all names up now and then until ctx is done.
func (r *resolver) run(ctx context.Context) {
	if len(r.hosts) == 0 {
		return
	}
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		r.begin(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// freshen returns when every name has been looked up since a moment, or when
// that takes too long. That the peer has gone does not end it: whoever closes
// its half behind a request would be judged by what was true earlier.
func (r *resolver) freshen(since time.Time) {
	start := time.Now()
	for {
		wait, ended := r.begin(since)
		left := wait - time.Since(start)
		if left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-ended:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin sees to it that a lookup of every name is under way or over that was
// begun after since. It returns how long to wait for those under way, 0 if there
// are none, and what is closed when one ends.
func (r *resolver) begin(since time.Time) (wait time.Duration, ended <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		if !h.ended.Before(since) {
			continue
		}
		if h.newest.Before(since) && h.underWay < most {
			h.underWay++
			h.newest = time.Now()
			go r.resolve(h, h.newest)
		}
		if h.silent {
			wait = max(wait, impatience)
		} else {
			wait = patience
		}
	}
	return wait, r.ended
}

// resolve looks a name up and enters the answer.
func (r *resolver) resolve(h *host, begun time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	addrs, err := r.lookup(ctx, h.name)
	for i := range addrs {
		addrs[i] = Address(addrs[i])
	}
	slices.SortFunc(addrs, netip.Addr.Compare)

	r.mu.Lock()
	defer r.mu.Unlock()
	h.underWay--
	if begun.After(h.ended) {
		h.ended = begun
	}
	r.enter(h, begun, addrs, err)
	close(r.ended)
	r.ended = make(chan struct{})
}

// enter makes the outcome of a lookup count, unless a later one already does.
func (r *resolver) enter(h *host, begun time.Time, addrs []netip.Addr, err error) {
	if !begun.After(h.known) {
		return
	}
	silent := err != nil && !isAnswer(err)
	if silent != h.silent {
		h.silent = silent
		if silent {
			r.log.Warn().Str("host", h.name).AnErr("error", err).Msg("the resolver does not answer: clients known by this name stay known, no others are let in")
		} else {
			r.log.Info().Str("host", h.name).Msg("the resolver answers again")
		}
	}
	switch {
	case !silent:
		if begun.After(r.answered) {
			r.answered = begun
		}
	case !r.answered.After(begun):
		return
	}
	// A resolver that has answered a later question and not this one has no
	// answer to it: Docker's passes names that it does not know on, and where
	// nobody is there to answer, neither does it.
	h.known = begun
	if slices.Equal(addrs, h.addrs) {
		return
	}
	h.addrs = addrs
	r.log.Debug().Str("host", h.name).Any("addresses", addrs).Msg("resolved")
	for _, e := range h.entries {
		r.rebuild(e.book)
	}
}

// isAnswer reports whether the error of a lookup is the resolver's word that
// the name has no address. SERVFAIL is: Docker's resolver says that of a
// container that is gone when the network is internal.
func isAnswer(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && !dns.IsTimeout && (dns.IsNotFound || dns.Err == "server misbehaving")
}

// rebuild enters the addresses of all names into a book. One that two clients'
// names have is nobody's.
func (r *resolver) rebuild(b *book) {
	named := map[netip.Addr]*Client{}
	disputed := map[netip.Addr]bool{}
	for _, h := range r.hosts {
		for _, e := range h.entries {
			if e.book != b {
				continue
			}
			for _, a := range h.addrs {
				if other := named[a]; other != nil && other != e.client {
					disputed[a] = true
				}
				named[a] = e.client
			}
		}
	}
	for a := range disputed {
		delete(named, a)
		if !b.disputed[a] {
			r.log.Warn().Stringer("address", a).Msg("the names of two clients resolve to this address: it is taken for neither")
		}
	}
	b.disputed = disputed
	b.named.Store(&named)
}
