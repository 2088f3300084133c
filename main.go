// Postern guards the Docker Engine's socket: it forwards only the API calls that
// environment variables switch on. Run postern help for the manual, and read
// package proxy for the way of a request.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"

	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/command"
	"postern/proxy/config"
	"postern/proxy/learn"
	"postern/proxy/logging"
	"postern/proxy/metrics"
)

// version is set when the image is built. [command.Version] knows what else says
// which version this is.
var version = command.NoVersion

// Exit statuses. A bad configuration has one of its own: a script that sees it need
// not try again.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(untilSignal(), os.Args, env.ToMap(os.Environ()), os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first SIGTERM or SIGINT ends. A second
// one ends the process at once: the kernel would ignore it for process 1 of a
// container if it were not handled.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitFailed)
	}()
	return ctx
}

func run(ctx context.Context, argv []string, environ map[string]string, stdout, stderr io.Writer) int {
	if command.IsProbe(argv[0]) {
		if notice := command.ProbeNotice(argv); notice != "" {
			fmt.Fprintf(stderr, "postern: %s\n", notice)
		}
		return healthcheck(ctx, environ, stderr)
	}
	name, args, err := command.ParseCommand(argv[1:])
	if err != nil {
		return usage(stderr, err)
	}
	switch name {
	case "serve":
		return serve(ctx, environ, stdout, stderr)
	case "explain":
		return explain(args, environ, stdout, stderr)
	case "presets":
		c, _ := config.Parse(environ)
		err = command.Presets(stdout, c.Redaction().Redaction, args...)
	case "check":
		err = command.Check(os.Stdin, stdout)
	case "certs":
		return makeCerts(args, stdout, stderr)
	case "healthcheck":
		return healthcheck(ctx, environ, stderr)
	case "version":
		fmt.Fprintf(stdout, "postern %s (%s %s/%s)\n", command.Version(version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	case "help":
		if len(args) == 0 {
			config.WriteHelp(stdout)
		}
		for _, about := range args {
			err = errors.Join(err, command.Help(stdout, about))
		}
	}
	if err != nil {
		return usage(stderr, err)
	}
	return exitOK
}

// serve runs the proxy until ctx is done. It finds every problem before it
// reports any, so that a user mends a configuration once.
func serve(ctx context.Context, environ map[string]string, stdout, stderr io.Writer) int {
	c, problems := config.Parse(environ)
	version := command.Version(version)
	start, errs := command.Prepare(version, c)
	defer start.Close()
	if problems = append(problems, errs...); len(problems) > 0 {
		return cannotStart(stderr, problems...)
	}
	state, err := start.DropPrivileges()
	if err != nil {
		return cannotStart(stderr, err)
	}
	log, flush := logging.New(logging.Options{
		Level: zerolog.Level(c.LogLevel), Console: c.LogFormat == "console", Stdout: stdout, Stderr: stderr,
	})
	defer flush()
	// A write that blocks, such as to a stderr that is not read, must not hold the
	// end up.
	context.AfterFunc(ctx, func() {
		time.AfterFunc(c.ShutdownGrace+time.Second, func() { os.Exit(exitFailed) })
	})
	command.LimitMemory(environ)
	start.Confine(log, state)
	start.Log(log)

	var observers []proxy.Observer
	clients := client.NewSet(start.Default, start.Declared, c.AllowFrom, log)
	notices := []metrics.Notice{
		{Title: "Warnings", Lines: func() []string { return start.Warnings }},
		{Title: "Host names", Lines: clients.Unresolved},
		{Title: "Certificates", Lines: start.CertificateDays},
	}
	if c.AccessLog != "none" {
		observers = append(observers, proxy.AccessLog{Log: log, DeniedOnly: c.AccessLog == "denied"})
	}
	if c.Learn.On() {
		recorder := learn.New(string(c.Learn), start.Clients(), log)
		observers = append(observers, recorder)
		defer recorder.ReportOn(syscall.SIGUSR1, stderr)()
		notices = append(notices, metrics.Notice{Title: recorder.Title(), Lines: recorder.Lines, Report: true})
	}
	var page *metrics.Server
	if len(start.Metrics) > 0 {
		page = metrics.New(version, start.Clients())
		observers = append(observers, page)
	}
	p := proxy.New(start.Engine, clients, log, observers...)
	stopPage := func() {}
	if page != nil {
		page.Engine, page.Notices = p.Check, notices
		if start.Certs != nil {
			page.CertificateExpires, page.TurnedAway = start.Certs.Leaf.NotAfter, p.TurnedAway
		}
		stopPage = page.Start(ctx, start.Metrics, log)
	}
	err = p.Serve(ctx, start.Listeners, c.ShutdownGrace)
	stopPage()
	start.LogLeftovers(log)
	if err != nil {
		log.Error().Err(err).Msg("stopped")
		return exitFailed
	}
	log.Info().Msg("stopped")
	return exitOK
}

// explain prints what the settings allow, or the decision on one request: the status
// is then exitOK for an allowed request and exitFailed for a refused one.
func explain(args []string, environ map[string]string, stdout, stderr io.Writer) int {
	explain, err := command.ParseExplainArgs(args)
	if err != nil {
		return usage(stderr, err)
	}
	c, problems := config.Parse(environ)
	if len(problems) > 0 {
		return cannotStart(stderr, problems...)
	}
	allowed, err := explain.Write(stdout, c)
	switch {
	case err != nil:
		return usage(stderr, err)
	case !allowed:
		return exitFailed
	}
	return exitOK
}

func makeCerts(args []string, stdout, stderr io.Writer) int {
	err := command.Certs(stdout, args...)
	switch {
	case errors.As(err, new(command.UsageError)):
		return usage(stderr, err)
	case err != nil:
		fmt.Fprintf(stderr, "postern: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func healthcheck(ctx context.Context, environ map[string]string, stderr io.Writer) int {
	c, problems := config.Parse(environ)
	if len(problems) > 0 {
		cannotStart(stderr, problems...)
		return exitFailed // Docker reserves 2
	}
	if err := command.Healthcheck(ctx, c); err != nil {
		fmt.Fprintf(stderr, "postern: unhealthy: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func usage(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "postern: %v\n", err)
	return exitUsage
}

// cannotStart reports all problems in one write, a line for each.
func cannotStart(stderr io.Writer, problems ...error) int {
	var b strings.Builder
	fmt.Fprintln(&b, "postern: cannot start:")
	for _, err := range problems {
		fmt.Fprintf(&b, "  %v\n", err)
	}
	io.WriteString(stderr, b.String())
	return exitUsage
}
