package command

import (
	"context"

	"postern/proxy"
	"postern/proxy/config"
	"postern/proxy/privilege"
)

// Healthcheck sends a request through the first listener of a running proxy to
// the engine. Before that it drops the process's privileges for good, as the
// server does: the check runs every few seconds in the same container.
func Healthcheck(ctx context.Context, c config.Config) error {
	if _, err := privilege.Drop(checker(c)); err != nil {
		return err
	}
	return proxy.CheckHealth(ctx, c.Listen[0])
}

// checker returns a user that may connect to the first listener. Every user may
// connect to a port. To a socket file its owner may, which uid= can have set to
// another user than the one that serves.
func checker(c config.Config) privilege.Identity {
	if owner, ok := c.Listen[0].FileOwner(); ok {
		return privilege.Identity(owner)
	}
	return privilege.Identity{UID: int(c.RunAs), GID: int(c.RunAs)}
}
