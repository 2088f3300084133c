// Postern guards the Docker Engine's socket: it forwards only what environment
// variables switch on. Run postern help for the manual.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/config"
	"postern/proxy/explain"
)

// version is set when the image is built.
var version = "dev"

// Exit statuses. A bad configuration is told from a failure so that a script
// need not try again.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], env.ToMap(os.Environ()), os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, environ map[string]string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 {
		command = args[0]
	}
	switch {
	case command == "explain":
		return explainPolicy(args[1:], environ, stdout, stderr)
	case len(args) > 1:
		fmt.Fprintf(stderr, "postern: unexpected argument %q: postern help shows the commands\n", args[1])
		return exitUsage
	case command == "serve":
		return serve(ctx, environ, stdout, stderr)
	case command == "healthcheck":
		return healthcheck(ctx, environ, stderr)
	case command == "version":
		fmt.Fprintf(stdout, "postern %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	case command == "help", command == "-h", command == "--help":
		config.WriteHelp(stdout)
		return exitOK
	}
	fmt.Fprintf(stderr, "postern: unknown command %q: want serve, explain, healthcheck, version or help\n", command)
	return exitUsage
}

// serve runs the proxy until ctx is done. Every problem is found before any is
// reported, so that a user mends a configuration once.
func serve(ctx context.Context, environ map[string]string, stdout, stderr io.Writer) int {
	c, problems := config.Parse(environ)
	engine := proxy.Engine{SocketPath: string(c.SocketPath)}
	if c.SocketPath != "" {
		if err := engine.Check(); err != nil {
			problems = append(problems, err)
		}
	}
	listeners, errs := c.Listen.Listen()
	problems = append(problems, errs...)
	if len(problems) > 0 {
		for _, l := range listeners {
			l.Close()
		}
		report(stderr, problems)
		return exitUsage
	}

	log := newLog(c, stdout)
	policy := acl.Compile(c.Rules)
	announce(log, c, policy, listeners)
	p := proxy.New(engine, policy, log)
	if err := p.Serve(ctx, listeners, time.Duration(c.ShutdownGrace)); err != nil {
		log.Error().Err(err).Msg("stopped: a listener failed")
		return exitFailed
	}
	log.Info().Msg("stopped")
	return exitOK
}

func report(stderr io.Writer, problems []error) {
	var b strings.Builder
	fmt.Fprintln(&b, "postern: cannot start:")
	for _, err := range problems {
		fmt.Fprintf(&b, "  %v\n", err)
	}
	io.WriteString(stderr, b.String())
}

// announce logs what the settings amount to.
func announce(log zerolog.Logger, c config.Config, policy *acl.Policy, listeners []net.Listener) {
	for _, w := range c.Warnings {
		log.Warn().Msg(w)
	}
	report := explain.New(policy)
	for _, w := range report.Warnings {
		log.Warn().Str("danger", w.Kind).Strs("operations", w.Operations).Msg("clients can " + w.Why)
	}
	var addresses []string
	for _, l := range listeners {
		addresses = append(addresses, l.Addr().Network()+"://"+l.Addr().String())
	}
	open := zerolog.Dict()
	for _, s := range c.Rules.Toggles.Open() {
		open.Str(s.Var, s.Exposes)
	}
	log.Info().Str("version", version).
		Strs("listen", addresses).
		Str("engine", string(c.SocketPath)).
		Dict("open", open).
		Bool("POST", c.Rules.Toggles["POST"]).
		Strs("ALLOW", c.Rules.Allow).
		Strs("DENY", c.Rules.Deny).
		Int("operations", report.Summary.Allowed).
		Strs("reads", report.Summary.Reads).
		Strs("writes", report.Summary.Writes).
		Msg("started")
}

// explainPolicy prints what the settings permit, or judges one request: the
// exit status is then 0 for allowed and 1 for refused.
func explainPolicy(args []string, environ map[string]string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 0 && flags.NArg() != 2 {
		fmt.Fprintln(stderr, "postern: usage: postern explain [--json] [METHOD PATH]")
		return exitUsage
	}
	c, problems := config.Parse(environ)
	if len(problems) > 0 {
		report(stderr, problems)
		return exitUsage
	}
	policy := acl.Compile(c.Rules)
	var result interface{ Text(io.Writer) error }
	status := exitOK
	if flags.NArg() == 0 {
		result = explain.New(policy)
	} else {
		answer, err := explain.Request(policy, flags.Arg(0), flags.Arg(1))
		if err != nil {
			fmt.Fprintf(stderr, "postern: %v\n", err)
			return exitUsage
		}
		if !answer.Allowed {
			status = exitFailed
		}
		result = answer
	}
	write := result.Text
	if *asJSON {
		write = func(w io.Writer) error { return explain.JSON(w, result) }
	}
	if err := write(stdout); err != nil {
		fmt.Fprintf(stderr, "postern: %v\n", err)
		return exitFailed
	}
	return status
}

func healthcheck(ctx context.Context, environ map[string]string, stderr io.Writer) int {
	c, problems := config.Parse(environ)
	if len(problems) > 0 {
		report(stderr, problems)
		return exitFailed
	}
	if err := proxy.CheckHealth(ctx, c.Listen[0]); err != nil {
		fmt.Fprintf(stderr, "postern: unhealthy: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func newLog(c config.Config, stdout io.Writer) zerolog.Logger {
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	zerolog.FloatingPointPrecision = 3
	out := stdout
	if c.LogFormat == "console" {
		file, ok := stdout.(*os.File)
		out = zerolog.ConsoleWriter{
			Out:        stdout,
			NoColor:    !ok || !isTerminal(file),
			TimeFormat: zerolog.TimeFieldFormat,
		}
	}
	return zerolog.New(out).Level(zerolog.Level(c.LogLevel)).With().Timestamp().Logger()
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
