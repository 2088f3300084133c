// Command traefik prints the routers that traefik's provider docker makes of the
// containers of the engine at an address, at the start and whenever they change.
// .ci/programs builds it in traefik's own source.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/provider/docker"
	"github.com/traefik/traefik/v3/pkg/safe"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(host string) error {
	provider := &docker.Provider{}
	provider.SetDefaults()
	provider.Endpoint = host
	if err := provider.Init(); err != nil {
		return err
	}
	messages := make(chan dynamic.Message)
	if err := provider.Provide(messages, safe.NewPool(context.Background())); err != nil {
		return err
	}
	for m := range messages {
		for name := range m.Configuration.HTTP.Routers {
			fmt.Println("router", name)
		}
	}
	return nil
}
