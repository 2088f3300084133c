package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"postern/acl"
	"postern/proxy/listen"
)

// healthAgent is the User-Agent of the health check.
const healthAgent = "postern-healthcheck"

// healthPolicy is the health check's: the engine's /_ping and nothing else.
var healthPolicy = acl.Compile(acl.Only("SystemPing"))

// healthTimeout is shorter than the image's HEALTHCHECK --timeout, so that the
// check can still say what was wrong.
const healthTimeout = 4 * time.Second

// CheckHealth sends one /_ping through a proxy's own listener to the engine.
func CheckHealth(ctx context.Context, address listen.Address) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return address.Dial() },
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", healthAgent)
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer on %s: %w", address, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return fmt.Errorf("no whole answer on %s: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s on %s: %s", response.Status, address, trimNewline(body))
	}
	return nil
}

// policyFor returns the policy that a request is judged by, and whether it is
// kept out of the log. The health check works with PING=0, from the proxy's
// own container only. Whoever else connects from there and calls itself the
// health check gets the same one operation and loses all others.
func (p *Proxy) policyFor(r *http.Request) (policy *acl.Policy, silent bool) {
	if r.UserAgent() == healthAgent && isLocal(r) {
		return healthPolicy, true
	}
	return p.policy, false
}

type connKey struct{}

// withConn lets a request find its connection.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// isLocal reports whether the peer is in the proxy's own container. For TCP
// that is its network namespace: loopback, or an address that is the
// listener's own. Another container cannot send from either.
func isLocal(r *http.Request) bool {
	conn, ok := r.Context().Value(connKey{}).(net.Conn)
	if !ok {
		return false
	}
	switch c := conn.(type) {
	case *net.TCPConn:
		remote, err := netip.ParseAddrPort(c.RemoteAddr().String())
		local, err2 := netip.ParseAddrPort(c.LocalAddr().String())
		return err == nil && err2 == nil &&
			(remote.Addr().Unmap().IsLoopback() || remote.Addr() == local.Addr())
	case *net.UnixConn:
		return hasVisiblePeer(c)
	}
	return false
}
