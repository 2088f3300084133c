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
	// maxAnswerAge limits how old an answer may be that identifies the client of a
	// request on a kept connection. The first request of a new connection needs an
	// answer that was asked for after the connection was accepted: Docker may have
	// just given the address to another container.
	maxAnswerAge = time.Second
	// lookupTimeout limits a lookup, and silentLookupTimeout one of a name about
	// which the resolver was silent the last time, so that connections hardly
	// wait for an answer that is not to be expected. One lookup of silentLookups
	// gets the whole lookupTimeout again, for a resolver that is slow.
	lookupTimeout       = time.Second
	silentLookupTimeout = 100 * time.Millisecond
	silentLookups       = 50
	// minLookupInterval separates the lookups of a name, so that a flood of
	// connections is no flood of lookups. A name without an address takes the
	// longer minMissInterval: Docker asks the host's DNS server for it, and some
	// servers shut out a host that asks too often.
	minLookupInterval = 5 * time.Millisecond
	minMissInterval   = 100 * time.Millisecond
)

// dns is a [net.Resolver], or a test's.
type dns interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
}

// refresh looks up the names that match and whose last lookup began before oldest,
// and waits for all of them. It does not end when the client hangs up: a client
// that half-closes after its request is still to be identified.
func (r *resolver) refresh(oldest time.Time, match func(*hostname) bool) {
	var stale []*hostname
	r.mu.Lock()
	for _, h := range r.names {
		if h.asked.Before(oldest) && match(h) {
			stale = append(stale, h)
		}
	}
	r.mu.Unlock()
	if len(stale) == 0 {
		return // without an allocation
	}
	var all sync.WaitGroup
	for _, h := range stale {
		all.Go(func() { r.lookUp(h, oldest) })
	}
	all.Wait()
}

// lookUp looks a name up when it is its turn. Lookups of a name run one after the
// other, and one that began after oldest serves all connections that wait.
func (r *resolver) lookUp(h *hostname, oldest time.Time) {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	if !h.asked.Before(oldest) {
		return
	}
	interval := minLookupInterval
	if len(h.addrs) == 0 {
		interval = minMissInterval
	}
	time.Sleep(time.Until(h.asked.Add(interval)))
	begun := time.Now()
	addrs, err := r.resolve(h)

	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !isAnswer(err):
		if h.unanswered++; h.unanswered == 1 {
			r.event(zerolog.WarnLevel, h).AnErr("error", err).Msg("no answer from the resolver: while it is silent, clients known by this name stay known and no others are let in")
		}
	case h.unanswered > 0:
		h.unanswered = 0
		r.event(zerolog.InfoLevel, h).Msg("the resolver answers again")
	}
	r.update(h, addrs)
	h.asked = begun
}

// resolve returns the addresses that a name has now: none if it does not exist.
//
// That there is no answer changes nothing by itself: a lost packet must not lock
// known clients out. But the resolver of Docker before 23.0.11 is silent about a
// container that has left an internal network, and Docker gives the address to
// the next container. The name is gone if the resolver does answer which name one
// of its addresses has, as Docker's does for any container, and is silent about
// the name once more.
func (r *resolver) resolve(h *hostname) ([]netip.Addr, error) {
	timeout := lookupTimeout
	if h.unanswered%silentLookups != 0 {
		timeout = silentLookupTimeout
	}
	addrs, err := r.addresses(h.name, timeout)
	if isAnswer(err) {
		return addrs, err
	}
	if r.answersForAny(h.addrs) {
		return r.addresses(h.name, lookupTimeout)
	}
	return h.addrs, err
}

// addresses asks for the addresses of a name. The trailing dot keeps search
// domains away: while a container is gone, a domain with a wildcard entry would
// give its name to another host.
func (r *resolver) addresses(name string, timeout time.Duration) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	addrs, err := r.dns.LookupNetIP(ctx, "ip", name+".")
	for i := range addrs {
		addrs[i] = Canonical(addrs[i])
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, err
}

// answersForAny reports whether the resolver answers which name any of the
// addresses has.
func (r *resolver) answersForAny(addrs []netip.Addr) bool {
	ctx, cancel := context.WithTimeout(context.Background(), silentLookupTimeout)
	defer cancel()
	answers := make(chan bool, len(addrs))
	for _, a := range addrs {
		go func() {
			_, err := r.dns.LookupAddr(ctx, a.String())
			answers <- isAnswer(err)
		}()
	}
	for range addrs {
		if <-answers {
			return true
		}
	}
	return false
}

// isAnswer reports whether a lookup that ended with this error, or nil, was
// answered. "No such host" is an answer. A timeout, a failure of the server and
// an error of the socket are none.
func isAnswer(err error) bool {
	var e *net.DNSError
	return err == nil || errors.As(err, &e) && e.IsNotFound
}
