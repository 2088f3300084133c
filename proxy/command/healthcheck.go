package command

import (
	"context"
	"net"

	"postern/proxy"
	"postern/proxy/config"
	"postern/proxy/listen"
	"postern/proxy/privilege"
)

// Healthcheck sends a request through the first listener without TLS of a running
// proxy to the engine, or through the private one that there is without any. Before
// that it drops the process's privileges for good, as the server does: the check
// runs every few seconds in the same container.
func Healthcheck(ctx context.Context, c config.Config) error {
	if _, err := privilege.Drop(checker(c)); err != nil {
		return err
	}
	if plain := c.PlainListen(); len(plain) > 0 {
		return proxy.CheckHealth(ctx, plain[0].String(), plain[0].Dial)
	}
	return proxy.CheckHealth(ctx, "the health check's socket", func() (net.Conn, error) {
		return listen.DialPrivate(c.HealthKey()...)
	})
}

// checker returns a user that may connect. Every user may connect to a port. To a
// socket file its owner may, which uid= can have set to another user than the one
// that serves. To the private listener that one may.
func checker(c config.Config) privilege.Identity {
	if plain := c.PlainListen(); len(plain) > 0 {
		if owner, ok := plain[0].FileOwner(); ok {
			return privilege.Identity(owner)
		}
	}
	return privilege.Identity{UID: int(c.RunAs), GID: int(c.RunAs)}
}
