package client

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// fakeDNS is a resolver that does what its fields say.
type fakeDNS struct {
	t  *testing.T
	mu sync.Mutex
	// hosts has the addresses of names. A name that is missing does not exist.
	hosts map[string]string
	// silent names get no answer.
	silent map[string]bool
	// silentReverse gives no answer about addresses.
	silentReverse bool
	// delay passes before each answer.
	delay time.Duration
	// onReverse is called at each reverse lookup.
	onReverse func()
	// err is the error of every lookup.
	err error
	// lookups counts the lookups of each name.
	lookups map[string]int
}

func (d *fakeDNS) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	name, whole := strings.CutSuffix(host, ".")
	if !whole || network != "ip" {
		d.t.Errorf("lookup of %s %s, want one of ip and a name that ends in a dot", network, host)
	}
	d.mu.Lock()
	d.lookups[name]++
	silent, delay, list, err := d.silent[name], d.delay, d.hosts[name], d.err
	d.mu.Unlock()
	if silent {
		delay = time.Hour
	}
	if wait(ctx, delay) {
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	if err == nil && list == "" {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var addrs []netip.Addr
	for s := range strings.FieldsSeq(list) {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs, err
}

func (d *fakeDNS) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	d.mu.Lock()
	delay := d.delay
	if d.silentReverse {
		delay = time.Hour
	}
	if d.onReverse != nil {
		d.onReverse()
	}
	d.mu.Unlock()
	if wait(ctx, delay) {
		return nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	}
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

// wait returns after a time, and whether the context ended first.
func wait(ctx context.Context, d time.Duration) (timedOut bool) {
	if d == 0 {
		return false
	}
	select {
	case <-ctx.Done():
		return true
	case <-time.After(d):
		return false
	}
}

// silence makes the resolver silent about everything.
func (d *fakeDNS) silence(silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = map[string]bool{"a": silent, "b": silent, "b2": silent, "friend": silent}
	d.silentReverse = silent
}

// site is a set with a fake resolver and the clients a and b, known by these
// names and b2, and c, known by the subnet 10.0.0.0/8. b has 10.0.0.99 too.
type site struct {
	*fakeDNS
	set *Set
	log *bytes.Buffer
}

// inSite runs a test in a site, on a clock that jumps ahead when all wait.
func inSite(t *testing.T, allowFrom string, test func(*testing.T, site)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{t: t, hosts: map[string]string{}, silent: map[string]bool{}, lookups: map[string]int{}}
		log := new(bytes.Buffer)
		set := NewSet(&Client{}, []*Client{
			{Name: "a", From: from(t, "a")},
			{Name: "b", From: from(t, "b,b2,10.0.0.99")},
			{Name: "c", From: from(t, "10.0.0.0/8")},
		}, from(t, allowFrom), zerolog.New(log))
		set.names.dns = dns
		test(t, site{dns, set, log})
	})
}

// expect identifies the client of a new connection, 1 ms after the last step, and
// returns how long that took.
func (s site) expect(t *testing.T, addr, want string) (waited time.Duration) {
	t.Helper()
	time.Sleep(time.Millisecond)
	begin := time.Now()
	if c, _ := s.set.Identify(connFrom(addr)); c.Name != want {
		t.Errorf("%s is client %q, want %q", addr, c.Name, want)
	}
	return time.Since(begin)
}

// lines counts the lines of the log that contain a text.
func (s site) lines(text string) int { return strings.Count(s.log.String(), text) }
