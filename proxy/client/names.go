package client

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// refreshInterval separates the lookups that no connection waits for.
const refreshInterval = 5 * time.Second

// resolver finds the client of an address by host name.
type resolver struct {
	dns   dns
	log   zerolog.Logger
	names []*hostname
	mu    sync.Mutex // guards what lookups change in names
}

// hostname is a host name in the configuration.
type hostname struct {
	name    string
	client  *Client       // the declared client that has the name, or nil
	allowed bool          // ALLOW_FROM has the name
	turn    chan struct{} // holds one value while a lookup runs

	// The lookup that runs changes these with the resolver's mutex held.
	addrs      []netip.Addr
	lastLookup time.Time // the begin of the last lookup that has ended
	unanswered int       // how many lookups in a row had no answer, up to the last
}

// add returns the hostname with this name, and makes it if there is none.
func (r *resolver) add(name string) *hostname {
	if i := slices.IndexFunc(r.names, func(h *hostname) bool { return h.name == name }); i >= 0 {
		return r.names[i]
	}
	h := &hostname{name: name, turn: make(chan struct{}, 1)}
	r.names = append(r.names, h)
	return h
}

// identify returns the declared client whose host name resolves to an address, and
// whether a name in ALLOW_FROM does. The caller says which of the two it needs.
// Lookups that began before oldest do not count. identify first waits for the names
// that have had the address so far, and for the others only if that was not enough:
// a known client must not wait for names about which the resolver is silent.
func (r *resolver) identify(a netip.Addr, oldest time.Time, needClient, needAllowed bool) (c *Client, allowed bool) {
	r.refresh(oldest, func(h *hostname) bool { return slices.Contains(h.addrs, a) })
	c, allowed = r.find(a)
	if needClient && c == nil || needAllowed && !allowed {
		r.refresh(oldest, func(*hostname) bool { return true })
		c, allowed = r.find(a)
	}
	return c, allowed
}

// find is identify without a lookup. An address that the names of two clients
// resolve to belongs to neither.
func (r *resolver) find(a netip.Addr) (c *Client, allowed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	disputed := false
	for _, h := range r.names {
		if !slices.Contains(h.addrs, a) {
			continue
		}
		allowed = allowed || h.allowed
		if h.client != nil {
			disputed = disputed || c != nil && c != h.client
			c = h.client
		}
	}
	if disputed {
		c = nil
	}
	return c, allowed
}

// run looks all names up every refreshInterval until ctx is done, so that the log
// names those without an address before a connection needs them. It also finds
// addresses that the names of two clients have: a connection from such an address
// waits only for the name that had it first.
func (r *resolver) run(ctx context.Context) {
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for len(r.names) > 0 && ctx.Err() == nil {
		r.refresh(time.Now(), func(*hostname) bool { return true })
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// settings returns the variables that contain the name.
func (h *hostname) settings() string {
	var names []string
	if h.client != nil {
		names = append(names, "CLIENT_"+strings.ToUpper(h.client.Name)+"_FROM")
	}
	if h.allowed {
		names = append(names, "ALLOW_FROM")
	}
	return strings.Join(names, " and ")
}

func (h *hostname) withoutAddress() string {
	return h.settings() + " has " + h.name + ", a host name without an address: until it has one, no client is known by it"
}

// unresolved describes the names that have no address, or about which the resolver is
// silent.
func (r *resolver) unresolved() (lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.names {
		switch {
		case h.lastLookup.IsZero():
		case h.unanswered > 0:
			lines = append(lines, h.settings()+" has "+h.name+", about which the resolver is silent: clients known by it stay known and no others are let in")
		case len(h.addrs) == 0:
			lines = append(lines, h.withoutAddress())
		}
	}
	return lines
}

// update sets the addresses of a name and logs a change, with the mutex held. A name
// without an address at the first lookup is a warning. A name that gets its first
// address or loses its last is a line at level info.
func (r *resolver) update(h *hostname, addrs []netip.Addr) {
	first := h.lastLookup.IsZero()
	level := zerolog.DebugLevel
	if first || len(addrs) == 0 || len(h.addrs) == 0 {
		level = zerolog.InfoLevel
	}
	switch {
	case slices.Equal(addrs, h.addrs) && !first:
	case len(addrs) == 0 && first:
		// Its container may start later. But a misspelt name, or one on a network
		// that postern is not on, is reported nowhere else.
		r.event(zerolog.WarnLevel, h).Msg(h.withoutAddress())
	case len(addrs) == 0:
		r.event(level, h).Msg("host name has no address: no client is known by it")
	default:
		r.event(level, h).Any("addresses", addrs).Msg("host name resolved")
	}
	old := h.addrs
	h.addrs = addrs
	for _, a := range addrs {
		shared := func(other *hostname) bool {
			return other.client != nil && other.client != h.client && slices.Contains(other.addrs, a)
		}
		if h.client != nil && !slices.Contains(old, a) && slices.ContainsFunc(r.names, shared) {
			r.event(zerolog.WarnLevel, h).Stringer("address", a).Msg("the names of two clients resolve to this address: it is taken for neither")
		}
	}
}

// event begins a line of the log about a name.
func (r *resolver) event(level zerolog.Level, h *hostname) *zerolog.Event {
	e := r.log.WithLevel(level)
	if h.client != nil {
		e = e.Str("client", h.client.Name)
	}
	return e.Str("host", h.name)
}
