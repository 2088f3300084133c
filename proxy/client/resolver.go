package client

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
	// pace is how soon a name is looked up again that had addresses the last
	// time, so that a flood of connections is no flood of lookups. One that had
	// none takes impatience: a server beyond Docker's own may be asked for it,
	// and some of those shut out who asks too often.
	pace = 5 * time.Millisecond
	// most is how many lookups of one name may be under way: a resolver that
	// is silent would otherwise gather one for each connection.
	most = 4
)

// resolver knows the present addresses of host names.
type resolver struct {
	// lookup and reverse are replaced in tests.
	lookup  func(ctx context.Context, name string) ([]netip.Addr, error)
	reverse func(ctx context.Context, a netip.Addr) error
	log     zerolog.Logger

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
	return &resolver{lookup: lookup, reverse: reverse, log: log, ended: make(chan struct{})}
}

// lookup asks the system's resolver. Each has a net.Resolver of its own, which
// would otherwise let a lookup join one that was begun earlier. The dot at the
// end keeps search domains away: while a container is gone, a domain with an
// entry for any name would make whoever that leads to the client.
func lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	return (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", name+".")
}

// reverse asks for the names of an address. Nil is an answer.
func reverse(ctx context.Context, a netip.Addr) error {
	_, err := (&net.Resolver{PreferGo: true}).LookupAddr(ctx, a.String())
	return err
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
		r.begin(time.Now(), func(*host) bool { return true }, impatience)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// freshen sees to it that what is known of a peer was true after a moment, or
// that the resolver has been given its chance. Who is known by a name waits for
// that name alone, anybody else for all.
//
// A name that gets no answer keeps its addresses while the resolver is silent.
// But Docker's passes on what it does not know, and on an internal network
// nobody is there to answer: to a container that is gone it is silent too. So
// the silence has to be the resolver's and not the name's. One that answers what
// the peer's own address is called, as Docker's does for each container, is not
// silent, and the address is another's by now.
func (r *resolver) freshen(since time.Time, peer netip.Addr) {
	own := func(h *host) bool { return slices.Contains(h.addrs, peer) }
	r.await(since, own, impatience)
	if begun := time.Now(); r.has(own, since) && r.speaks(peer) {
		// It may have come back this moment, so the name is asked for once more.
		r.await(begun, own, patience)
		r.forget(own, begun)
	}
	if !r.has(own, time.Now()) {
		r.await(since, func(*host) bool { return true }, impatience)
	}
}

// speaks reports whether the resolver answers what a peer's address is called.
func (r *resolver) speaks(peer netip.Addr) bool {
	ctx, cancel := context.WithTimeout(context.Background(), impatience)
	defer cancel()
	err := r.reverse(ctx, peer)
	return err == nil || isAnswer(err)
}

// await returns when every such name has been looked up since a moment, or when
// that takes too long: names that got no answer the last time are waited for as
// long as silence says. That the peer has gone does not end it: whoever closes
// its half behind a request would be judged by what was true earlier.
func (r *resolver) await(since time.Time, such func(*host) bool, silence time.Duration) {
	start := time.Now()
	for {
		wait, retry, ended := r.begin(since, such, silence)
		left := wait - time.Since(start)
		if left <= 0 {
			return
		}
		timer := time.NewTimer(min(left, retry))
		select {
		case <-ended:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin sees to it that a lookup of every such name is under way or over that
// was begun after since, as far as pace allows. It returns how long to wait for
// them, 0 if all are over, when to call it again, and what is closed when a
// lookup ends.
func (r *resolver) begin(since time.Time, such func(*host) bool, silence time.Duration) (wait, retry time.Duration, ended <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	retry = patience
	for _, h := range r.hosts {
		if !h.ended.Before(since) || !such(h) {
			continue
		}
		if h.silent {
			wait = max(wait, silence)
		} else {
			wait = patience
		}
		if !h.newest.Before(since) {
			continue
		}
		if pause := h.pause(now); pause > 0 {
			retry = min(retry, pause)
			continue
		}
		h.underWay++
		h.newest = time.Now()
		go r.resolve(h, h.newest)
	}
	return wait, retry, r.ended
}

// pause is how long to wait before another lookup is begun.
func (h *host) pause(now time.Time) time.Duration {
	switch age := now.Sub(h.newest); {
	case h.underWay >= most:
		return patience
	case h.underWay > 0 || len(h.addrs) == 0:
		return impatience - age
	default:
		return pace - age
	}
}

// has reports whether there is such a name that has not been answered since a
// moment.
func (r *resolver) has(such func(*host) bool, since time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.hosts, func(h *host) bool { return h.known.Before(since) && such(h) })
}

// forget takes such names that have not been answered since a moment, at which
// the resolver answered another question, for names without an address.
func (r *resolver) forget(such func(*host) bool, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		if h.known.Before(since) && such(h) {
			r.assign(h, since, nil)
		}
	}
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
			h.event(r.log.Warn()).AnErr("error", err).Msg("no answer from the resolver: while it is silent, clients known by this name stay known and no others are let in")
		} else {
			h.event(r.log.Info()).Msg("the resolver answers again")
		}
	}
	if !silent && begun.After(r.answered) {
		r.answered = begun
	}
	// A resolver that has answered a later question and not this one has no
	// answer to it, see freshen.
	if !silent || r.answered.After(begun) {
		r.assign(h, begun, addrs)
	}
}

// assign makes addresses those that a host has had since a moment. Whether it
// has any is worth a line of the log: a name that is misspelt or of another
// network never has.
func (r *resolver) assign(h *host, begun time.Time, addrs []netip.Addr) {
	first := h.known.IsZero()
	h.known = begun
	if slices.Equal(addrs, h.addrs) && !first {
		return
	}
	event := r.log.Debug()
	if first || len(addrs) == 0 || len(h.addrs) == 0 {
		event = r.log.Info()
	}
	if event = h.event(event); len(addrs) == 0 {
		event.Msg("host name has no address: nobody is known by it")
	} else {
		event.Any("addresses", addrs).Msg("host name resolved")
	}
	h.addrs = addrs
	for _, e := range h.entries {
		r.rebuild(e.book)
	}
}

// event adds the host to a line of the log, and the client that is known by it.
func (h *host) event(e *zerolog.Event) *zerolog.Event {
	for _, entry := range h.entries {
		if entry.client.Name != "" {
			e = e.Str("client", entry.client.Name)
			break
		}
	}
	return e.Str("host", h.name)
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
