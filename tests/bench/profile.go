//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/config"
	"postern/proxy/listen"
)

// profile runs the rows against a proxy that writes a profile, all of them or
// the one whose name contains only.
func (b *bench) profile(path, only string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := b.prepare(path); err != nil {
		return err
	}
	b.programs = b.programs[1:2]
	defer b.down()
	if err := b.up(true); err != nil {
		return err
	}
	for _, r := range rows(3*time.Second, 4*gigabyte) {
		if !strings.Contains(r.name, only) {
			continue
		}
		s, err := b.ask(b.programs[0], r, true)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", r.name, cell(r, samples{s}))
	}
	return nil
}

// serveProfiled is postern with its CPU profiled until SIGTERM. It is here
// and not in postern, which has no door for that.
func serveProfiled(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	environ := env.ToMap(os.Environ())
	proxy.Tune(environ)
	c, problems := config.Parse(environ)
	opened, errs := c.Listen.Listen(listen.Owner{UID: -1, GID: -1})
	if err := errors.Join(append(problems, errs...)...); err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	log := zerolog.New(os.Stdout).With().Timestamp().Logger()
	var listeners []proxy.Listener
	for _, l := range opened {
		listeners = append(listeners, proxy.Listener{Listener: l})
	}
	everybody := &client.Client{Policy: acl.Compile(c.Rules)}
	set := client.NewSet(everybody, nil, client.From{}, log)
	p := proxy.New(proxy.Engine{SocketPath: string(c.SocketPath)}, set, log, proxy.AccessLog{Log: log})
	return p.Serve(ctx, listeners, time.Second)
}
