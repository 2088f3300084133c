// Postern guards the Docker Engine's socket: it forwards only what environment
// variables switch on. Run postern help for the manual.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/command"
	"postern/proxy/config"
	"postern/proxy/explain"
	"postern/proxy/listen"
	"postern/proxy/logging"
	"postern/proxy/metrics"
	"postern/proxy/privilege"
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
	name := "serve"
	if len(args) > 0 {
		name = args[0]
	}
	switch {
	case name == "explain":
		return explainPolicy(args[1:], environ, stdout, stderr)
	case name == "presets":
		if err := explain.Presets(stdout, args[1:]...); err != nil {
			fmt.Fprintf(stderr, "postern: %v\n", err)
			return exitUsage
		}
		return exitOK
	case len(args) > 1:
		fmt.Fprintf(stderr, "postern: unexpected argument %q: postern help shows the commands\n", args[1])
		return exitUsage
	case name == "serve":
		return serve(ctx, environ, stdout, stderr)
	case name == "healthcheck":
		return healthcheck(ctx, environ, stderr)
	case name == "version":
		fmt.Fprintf(stdout, "postern %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	case name == "help", name == "-h", name == "--help":
		config.WriteHelp(stdout)
		return exitOK
	}
	fmt.Fprintf(stderr, "postern: unknown command %q: want serve, explain, presets, healthcheck, version or help\n", name)
	return exitUsage
}

// serve runs the proxy until ctx is done. Every problem is found before any is
// reported, so that a user mends a configuration once.
func serve(ctx context.Context, environ map[string]string, stdout, stderr io.Writer) int {
	proxy.Tune(environ)
	c, problems := config.Parse(environ)
	engine := proxy.Engine{SocketPath: string(c.SocketPath), MaxLoss: time.Duration(c.ExitOnEngineLoss)}
	var socket proxy.Socket
	if c.SocketPath != "" {
		var err error
		if socket, err = engine.Socket(); err != nil {
			problems = append(problems, err)
		}
	}
	// Listeners come before the drop: a port below 1024, a directory or an
	// owner of a socket file may take root. Nothing is accepted yet.
	identity := socket.Identity(int(c.RunAs))
	everybody, declared := cast(c)
	listeners, errs := open(c, declared, owner(identity))
	problems = append(problems, errs...)
	monitored, errs := c.MetricsListen.Listen(owner(identity))
	problems = append(problems, errs...)
	if len(problems) > 0 {
		return refuseStart(stderr, listeners, monitored, problems...)
	}
	state, err := privilege.Drop(identity)
	if err == nil {
		err = engine.Check()
	}
	if err != nil {
		return refuseStart(stderr, listeners, monitored, err)
	}

	log := logging.New(logging.Options{
		Level: zerolog.Level(c.LogLevel), Console: c.LogFormat == "console", Stdout: stdout, Stderr: stderr,
	})
	landlock, err := privilege.Confine(privilege.Paths{
		Connect: []string{string(c.SocketPath)},
		Remove:  c.AllListen().Files(),
	})
	command.LogPrivileges(log, state, socket.GID, landlock, err)
	command.Start{
		Version: version, Config: c, Default: everybody, Declared: declared, Listeners: listeners, Metrics: monitored,
	}.Log(log)
	set := client.NewSet(everybody, declared, c.AllowFrom, log)
	observers := accessLog(c, log)
	if c.Learn.On() {
		recorder := learn(log, c, everybody, declared)
		observers = append(observers, recorder)
		defer recorder.ReportOn(syscall.SIGUSR1, stderr)()
	}
	// Reading the settings took more memory than serving needs.
	debug.FreeOSMemory()
	if len(monitored) == 0 {
		err = proxy.New(engine, set, log, observers...).Serve(ctx, listeners, time.Duration(c.ShutdownGrace))
	} else {
		m := metrics.New(version, append([]*client.Client{everybody}, declared...))
		p := proxy.New(engine, set, log, append(observers, m)...)
		m.Engine = p.Check
		stop := m.Start(ctx, monitored, log)
		err = p.Serve(ctx, listeners, time.Duration(c.ShutdownGrace))
		stop()
	}
	for _, left := range c.AllListen().Leftovers() {
		log.Warn().Msg(left + " stays behind: its directory does not let this user remove it; the next start replaces it")
	}
	if err != nil {
		log.Error().Err(err).Msg("stopped")
		return exitFailed
	}
	log.Info().Msg("stopped")
	return exitOK
}

// cast makes the clients that a configuration declares, in its order, and the
// one that everybody else is.
func cast(c config.Config) (everybody *client.Client, declared []*client.Client) {
	for _, d := range c.Clients {
		declared = append(declared, &client.Client{Name: d.Name, Policy: acl.Compile(d.Rules), From: d.From})
	}
	return &client.Client{Policy: acl.Compile(c.Rules)}, declared
}

// open opens everybody's listeners and the clients' own.
func open(c config.Config, declared []*client.Client, owner listen.Owner) (all []proxy.Listener, errs []error) {
	add := func(addresses listen.Addresses, owned *client.Client) {
		listeners, bad := addresses.Listen(owner)
		for _, l := range listeners {
			all = append(all, proxy.Listener{Listener: l, Owner: owned})
		}
		errs = append(errs, bad...)
	}
	add(c.Listen, nil)
	for i, declaration := range c.Clients {
		add(declaration.Listen, declared[i])
	}
	return all, errs
}

// accessLog is what writes requests to the log, if anything does.
func accessLog(c config.Config, log zerolog.Logger) []proxy.Observer {
	if c.AccessLog == "none" {
		return nil
	}
	return []proxy.Observer{proxy.AccessLog{Log: log, DeniedOnly: c.AccessLog == "denied"}}
}

// learn records what clients ask for.
func learn(log zerolog.Logger, c config.Config, everybody *client.Client, declared []*client.Client) *proxy.Recorder {
	recorder := proxy.NewRecorder(string(c.Learn), log)
	recorder.Learn(everybody, c.Rules)
	for i, d := range declared {
		recorder.Learn(d, c.Clients[i].Rules)
	}
	return recorder
}

// owner is who a socket file belongs to: whoever the process will be.
func owner(identity privilege.Identity) listen.Owner {
	if os.Geteuid() != 0 || identity.UID == 0 {
		return listen.Owner{UID: -1, GID: -1}
	}
	return listen.Owner{UID: identity.UID, GID: identity.GID}
}

func refuseStart(stderr io.Writer, listeners []proxy.Listener, monitored []net.Listener, problems ...error) int {
	for _, l := range listeners {
		l.Close()
	}
	for _, l := range monitored {
		l.Close()
	}
	report(stderr, problems)
	return exitUsage
}

func report(stderr io.Writer, problems []error) {
	var b strings.Builder
	fmt.Fprintln(&b, "postern: cannot start:")
	for _, err := range problems {
		fmt.Fprintf(&b, "  %v\n", err)
	}
	io.WriteString(stderr, b.String())
}

// explainPolicy prints what the settings permit, or judges one request: the
// exit status is then 0 for allowed and 1 for refused.
func explainPolicy(args []string, environ map[string]string, stdout, stderr io.Writer) int {
	question, err := explain.ParseQuestion(args)
	if err != nil {
		fmt.Fprintf(stderr, "postern: %v\n", err)
		return exitUsage
	}
	c, problems := config.Parse(environ)
	if len(problems) > 0 {
		report(stderr, problems)
		return exitUsage
	}
	allowed, err := question.Answer(stdout, c)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "postern: %v\n", err)
		return exitUsage
	case !allowed:
		return exitFailed
	}
	return exitOK
}

func healthcheck(ctx context.Context, environ map[string]string, stderr io.Writer) int {
	c, problems := config.Parse(environ)
	if len(problems) > 0 {
		report(stderr, problems)
		return exitFailed
	}
	if err := command.Healthcheck(ctx, c); err != nil {
		fmt.Fprintf(stderr, "postern: unhealthy: %v\n", err)
		return exitFailed
	}
	return exitOK
}
