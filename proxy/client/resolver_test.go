package client

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// fakeDNS answers as it is told to.
type fakeDNS struct {
	mu      sync.Mutex
	hosts   map[string][]string // a name that is missing does not exist
	silent  map[string]bool     // "" is all names and addresses
	lookups int
}

// reverse answers unless the resolver is silent altogether.
func (d *fakeDNS) reverse(ctx context.Context, _ netip.Addr) error {
	d.mu.Lock()
	silent := d.silent[""]
	d.mu.Unlock()
	if silent {
		<-ctx.Done()
		return &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	}
	return nil
}

func (d *fakeDNS) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	d.mu.Lock()
	d.lookups++
	silent := d.silent[""] || d.silent[name]
	var addrs []netip.Addr
	for _, s := range d.hosts[name] {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	d.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
	}
	if addrs == nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return addrs, nil
}

func (d *fakeDNS) set(name string, addrs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hosts[name] = addrs
}

func (d *fakeDNS) silence(name string, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent[name] = silent
}

// named is a set whose names a fake resolver resolves. It has the clients a
// and b, known by these names and b2, and c, known by the subnet 10.0.0.0/8.
type named struct {
	*fakeDNS
	t   *testing.T
	set *Set
}

func newNamed(t *testing.T, allowFrom string) *named {
	t.Helper()
	dns := &fakeDNS{hosts: map[string][]string{}, silent: map[string]bool{}}
	declared := []*Client{
		{Name: "a", From: from(t, "a")},
		{Name: "b", From: from(t, "b,b2,10.0.0.99")},
		{Name: "c", From: from(t, "10.0.0.0/8")},
	}
	set := NewSet(&Client{}, declared, from(t, allowFrom), zerolog.Nop())
	set.names.lookup, set.names.reverse = dns.lookup, dns.reverse
	return &named{dns, t, set}
}

// who identifies the peer of a connection that is accepted now.
func (n *named) who(addr string) string {
	n.t.Helper()
	c, _ := n.set.Identify(&Conn{Addr: netip.MustParseAddr(addr), Accepted: time.Now()})
	return c.Name
}

func (n *named) expect(addr, want string) {
	n.t.Helper()
	if got := n.who(addr); got != want {
		n.t.Errorf("%s is client %q, want %q", addr, got, want)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	n.expect("10.0.0.1", "c")
	n.expect("192.168.0.1", "")

	// Known from the first connection on, with all of its addresses.
	n.resolve("a", "10.0.0.1", "192.168.0.1", "fd00::1", "::ffff:192.168.0.2")
	for _, addr := range []string{"10.0.0.1", "192.168.0.1", "fd00::1", "192.168.0.2"} {
		n.expect(addr, "a")
	}
	// Scaled down, and up again under another address.
	n.resolve("a", "192.168.0.1")
	n.expect("10.0.0.1", "c")
	n.resolve("a", "192.168.0.1", "192.168.0.7")
	n.expect("192.168.0.7", "a")

	// Gone, and its address with another.
	n.resolve("a")
	n.resolve("b2", "192.168.0.1")
	n.expect("192.168.0.1", "b")
	n.expect("192.168.0.7", "")

	// An address of two clients is neither's, at once if it is new and with the
	// next refresh if it has been one's; one that is written down is its owner's.
	n.resolve("a", "192.168.0.1", "192.168.0.8", "10.0.0.99")
	n.resolve("b", "192.168.0.8")
	n.expect("192.168.0.8", "")
	n.set.names.await(time.Now(), func(*host) bool { return true }, patience)
	n.expect("192.168.0.1", "")
	n.expect("10.0.0.99", "b")
}

func (n *named) resolve(name string, addrs ...string) { n.fakeDNS.set(name, addrs...) }

// TestSilentResolver: a resolver that does not answer neither takes anybody's
// permissions away nor gives any, and holds nobody up for long.
func TestSilentResolver(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	n.resolve("a", "192.168.0.1")
	n.expect("192.168.0.1", "a")
	n.silence("", true)
	n.resolve("a", "192.168.0.2")

	begin := time.Now()
	n.expect("192.168.0.1", "a")
	n.expect("192.168.0.2", "")
	if took := time.Since(begin); took > 2*patience+time.Second {
		t.Errorf("two connections waited %v for a resolver that is silent", took)
	}
	// Whoever does not depend on it does not wait at all.
	n.mu.Lock()
	before := n.lookups
	n.mu.Unlock()
	n.expect("10.0.0.99", "b")
	n.mu.Lock()
	if n.lookups != before {
		t.Errorf("%d lookups for an address that is written down, want none", n.lookups-before)
	}
	n.mu.Unlock()
	// Once it is known to be silent the wait is short.
	awaitSilent(t, n)
	begin = time.Now()
	n.expect("192.168.0.2", "")
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("a connection waited %v for a resolver that is known to be silent, want %v", took, impatience)
	}
	n.silence("", false)
	n.expect("192.168.0.2", "a")
	n.expect("192.168.0.1", "")
}

// awaitSilent waits until every name is known to get no answer.
func awaitSilent(t *testing.T, n *named) {
	t.Helper()
	r := n.set.names
	for deadline := time.Now().Add(30 * time.Second); ; {
		r.mu.Lock()
		known := !slices.ContainsFunc(r.hosts, func(h *host) bool { return !h.silent })
		ended := r.ended
		r.mu.Unlock()
		if known {
			return
		}
		select {
		case <-ended:
		case <-time.After(time.Until(deadline)):
			t.Fatal("the resolver's silence goes unnoticed")
		}
	}
}

// TestOneSilentName: Docker's resolver passes on what it does not know, and
// where nobody is there to answer, a container that is gone gets no answer. Its
// address must not keep its permissions.
func TestOneSilentName(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	n.resolve("a", "192.168.0.1")
	n.resolve("b", "192.168.0.2")
	n.expect("192.168.0.1", "a")
	n.silence("a", true)
	// Nor does it know what the address is called.
	n.set.names.reverse = func(context.Context, netip.Addr) error { return &net.DNSError{Err: "i/o timeout", IsTimeout: true} }
	for deadline := time.Now().Add(30 * time.Second); n.who("192.168.0.1") == "a"; {
		if time.Now().After(deadline) {
			t.Fatal("a name that gets no answer while others do is still known")
		}
		n.expect("192.168.0.2", "b")
	}
	// It comes back under an address that another lookup is still waiting for.
	n.silence("a", false)
	n.resolve("a", "192.168.0.3")
	n.expect("192.168.0.3", "a")
}

// TestOnlySilentName is the same where no other name is there to be answered:
// the first connection from the address already is nobody's. A name that comes
// back while its address is in doubt is known.
func TestOnlySilentName(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		n := newNamed(t, "")
		n.resolve("a", "192.168.0.1")
		n.expect("192.168.0.1", "a")
		for _, name := range []string{"a", "b", "b2"} {
			n.silence(name, true)
		}
		n.set.names.reverse = func(context.Context, netip.Addr) error {
			n.silence("a", !back)
			return &net.DNSError{Err: "no such host", IsNotFound: true}
		}
		want := ""
		if back {
			want = "a"
		}
		n.expect("192.168.0.1", want)
	}
}

// TestKeptConnection: a name moves on while a connection lasts. That has been
// idle or not: what is stale is asked anew, and what is not does not cost a
// lookup a request.
func TestKeptConnection(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	n.resolve("a", "192.168.0.1")
	p := Conn{Addr: netip.MustParseAddr("192.168.0.1"), Accepted: time.Now()}
	is := func(want string) {
		t.Helper()
		if c, _ := n.set.Identify(&p); c.Name != want {
			t.Errorf("client %q, want %q", c.Name, want)
		}
	}
	is("a")
	before := n.lookups
	now := p.checked
	for range 100 {
		n.set.check(&p, now.Add(stale-1))
	}
	if n.lookups != before {
		t.Errorf("%d lookups for requests on a connection that has just been looked at, want none", n.lookups-before)
	}
	n.resolve("a", "192.168.0.2")
	for p.checked == now { // as time goes on
		n.set.check(&p, time.Now())
	}
	is("")
	if age := p.checked.Sub(now); age > stale+patience {
		t.Errorf("the address is looked at again after %v, want %v", age, stale)
	}
}

// TestKnownWhileOthersAreSilent: where one client's container is gone and the
// resolver is silent about it, the others do not wait for it.
func TestKnownWhileOthersAreSilent(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	n.resolve("a", "192.168.0.1")
	n.silence("b", true)
	n.silence("b2", true)
	n.expect("192.168.0.1", "a")
	for silent := 0; silent < 2; {
		silent = 0
		n.expect("192.168.0.1", "a")
		n.set.names.mu.Lock()
		for _, h := range n.set.names.hosts {
			if h.silent {
				silent++
			}
		}
		n.set.names.mu.Unlock()
	}
	begin := time.Now()
	for range 20 {
		n.expect("192.168.0.1", "a")
	}
	if took := time.Since(begin); took > 10*impatience {
		t.Errorf("20 connections took %v, want none to wait", took)
	}
}

func TestServerFailureIsAnAnswer(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	n.resolve("a", "192.168.0.1")
	n.expect("192.168.0.1", "a")
	n.set.names.lookup = func(context.Context, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	}
	n.expect("192.168.0.1", "")
}

// TestLateAnswer: an answer that was asked for earlier does not undo one that
// was asked for later.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	h := n.set.names.hosts[0]
	early, late := time.Now(), time.Now().Add(time.Second)
	addr := netip.MustParseAddr
	n.set.names.mu.Lock()
	n.set.names.enter(h, late, []netip.Addr{addr("192.168.0.2")}, nil)
	n.set.names.enter(h, early, []netip.Addr{addr("192.168.0.1")}, nil)
	n.set.names.mu.Unlock()
	if c := n.set.clients.find(addr("192.168.0.2")); c == nil || c.Name != "a" {
		t.Errorf("192.168.0.2 is client %v, want a", c)
	}
	if c := n.set.clients.find(addr("192.168.0.1")); c != nil {
		t.Errorf("192.168.0.1 is client %s, want nobody", c.Name)
	}
}

func TestAllowFromNames(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "friend,10.0.0.99")
	admitted := func(addr string) bool {
		_, ok := n.set.Identify(&Conn{Addr: netip.MustParseAddr(addr), Accepted: time.Now()})
		return ok
	}
	if admitted("192.168.0.1") {
		t.Error("a stranger is admitted")
	}
	n.resolve("friend", "192.168.0.1")
	if !admitted("192.168.0.1") {
		t.Error("friend is not admitted")
	}
	n.silence("", true)
	if admitted("192.168.0.2") || !admitted("192.168.0.1") {
		t.Error("a silent resolver changes who is admitted")
	}
	// One whom nothing but ALLOW_FROM knows by a name.
	n = newNamed(t, "friend")
	n.resolve("friend", "10.0.0.99")
	if !admitted("10.0.0.99") {
		t.Error("friend is not admitted where its address is that of a client")
	}
}

// TestManyConnectionsFewLookups: connections that come together share lookups,
// and while the resolver is slow there are few.
func TestManyConnectionsFewLookups(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	release := make(chan struct{})
	n.set.names.lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
		<-release
		return n.fakeDNS.lookup(ctx, name)
	}
	n.resolve("a", "192.168.0.1")
	var all sync.WaitGroup
	for range 100 {
		together := time.Now()
		for range 5 {
			all.Go(func() {
				peer := &Conn{Addr: netip.MustParseAddr("192.168.0.1"), Accepted: together}
				if c, _ := n.set.Identify(peer); c.Name != "a" {
					t.Errorf("client %q, want a", c.Name)
				}
			})
		}
		// Each asks before the next comes.
		n.set.names.begin(together, func(*host) bool { return true }, impatience)
	}
	if got, limit := n.set.names.underWay(), most*len(n.set.names.hosts); got == 0 || got > limit {
		t.Errorf("%d lookups are under way, want some and at most %d", got, limit)
	}
	close(release)
	all.Wait()
	if want := (most + 1) * len(n.set.names.hosts); n.lookups > want {
		t.Errorf("%d lookups for 500 connections, want at most %d", n.lookups, want)
	}
}

// TestFloodOfConnections: lookups do not come as fast as connections do, those
// of names that somebody else's server may be asked for least of all.
func TestFloodOfConnections(t *testing.T) {
	t.Parallel()
	n := newNamed(t, "")
	n.resolve("a", "192.168.0.1")
	var mu sync.Mutex
	count := map[string]int{}
	n.set.names.lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
		mu.Lock()
		count[name]++
		mu.Unlock()
		return n.fakeDNS.lookup(ctx, name)
	}
	begin := time.Now()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for time.Since(begin) < 5*impatience {
				if i%2 == 0 {
					n.expect("192.168.0.1", "a")
				} else {
					n.expect("192.168.0.7", "")
				}
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	for name, interval := range map[string]time.Duration{"a": pace, "b": impatience, "b2": impatience} {
		if limit := int(took/interval) + 2; count[name] == 0 || count[name] > limit {
			t.Errorf("%d lookups of %s in %v, want some and at most %d", count[name], name, took, limit)
		}
	}
}

func (r *resolver) underWay() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		n += h.underWay
	}
	return n
}
