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
	// maxLookupAge is how old a lookup may be that identifies the client of a
	// request on a kept connection. The first request on a new connection needs a
	// lookup that began after the connection was accepted: Docker may have just
	// given the address to another container.
	maxLookupAge = time.Second
	// lookupTimeout limits a lookup. If the last lookup of a name had no answer,
	// silentLookupTimeout limits the next, so that connections wait little for a
	// silent resolver. Every 50th lookup of such a name, silentLookups, gets the
	// whole lookupTimeout again: the resolver may only be slow.
	lookupTimeout       = time.Second
	silentLookupTimeout = 100 * time.Millisecond
	silentLookups       = 50
	// minLookupInterval separates the lookups of a name, so that many connections
	// do not cause as many lookups. A name without an address takes the longer
	// minMissInterval: Docker asks the host's DNS server for it, and some servers
	// shut out a host that asks too often.
	minLookupInterval = 5 * time.Millisecond
	minMissInterval   = 100 * time.Millisecond
)

// dns is the part of [net.Resolver] that looks names up. Tests have another one.
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
		if h.lastLookup.Before(oldest) && match(h) {
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

// lookUp looks a name up. Lookups of one name run one after the other. A lookup that
// began after oldest serves all connections that wait for the name.
func (r *resolver) lookUp(h *hostname, oldest time.Time) {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	if !h.lastLookup.Before(oldest) {
		return
	}
	interval := minLookupInterval
	if len(h.addrs) == 0 {
		interval = minMissInterval
	}
	time.Sleep(time.Until(h.lastLookup.Add(interval)))
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
	h.lastLookup = begun
}

// resolve returns the addresses that a name has now: none if it does not exist.
//
// Without an answer it returns the addresses that the name has had: a lost packet
// must not lock known clients out. But the resolver of Docker before 23.0.11 gives
// no answer about a container that has left an internal network, and Docker gives
// its address to the next container. So resolve then asks for the names of the
// addresses, which Docker's resolver answers for any container. If that has an
// answer, the resolver works, and resolve looks the name up once more: without an
// answer, the name is gone.
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

// addresses looks up the addresses of a name. The trailing dot keeps the resolver
// from adding a search domain: while a container is gone, a domain with a wildcard
// entry would give its name to another host.
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

// answersForAny reports whether the resolver answers a reverse lookup of any of the
// addresses.
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

// isAnswer reports whether the resolver answered a lookup that ended with this
// error, or nil. "No such host" is an answer; a timeout, a failure of the server
// and an error of the socket are not.
func isAnswer(err error) bool {
	var e *net.DNSError
	return err == nil || errors.As(err, &e) && e.IsNotFound
}
