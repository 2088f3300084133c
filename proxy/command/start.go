package command

import (
	"net"
	"os"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/config"
	"postern/proxy/engine"
	"postern/proxy/limits"
	"postern/proxy/listen"
	"postern/proxy/privilege"
)

// Start is a proxy that is about to serve. Make it with [Prepare].
type Start struct {
	Version string
	Config  config.Config
	Engine  engine.Engine
	// Default is the client for connections that belong to no declared client.
	Default *client.Client
	// Declared are in the order of Config.Clients.
	Declared  []*client.Client
	Listeners []proxy.Listener
	// Metrics are the listeners of METRICS_LISTEN.
	Metrics []net.Listener
	// Warnings are those that Confine and Log have logged, but for what a client's
	// policy and limits allow.
	Warnings []string

	socket engine.Socket
}

// Prepare does what may need root: it examines the engine's socket and opens the
// listeners, which accept nothing yet. A port below 1024, a directory or the
// owner of a socket file can need root. The errors are all that is wrong.
func Prepare(version string, c config.Config) (*Start, []error) {
	s := &Start{
		Version: version, Config: c,
		Engine:  engine.Engine{SocketPath: string(c.SocketPath), MaxLoss: c.ExitOnEngineLoss},
		Default: &client.Client{Policy: acl.Compile(c.Rules), Limits: limits.New(limits.Options{Redact: c.Redaction()})},
	}
	var problems []error
	if c.SocketPath != "" {
		var err error
		if s.socket, err = s.Engine.Socket(); err != nil {
			problems = append(problems, err)
		}
	}
	open := func(addresses listen.Addresses, owner *client.Client) {
		listeners, errs := addresses.Listen(s.socketOwner())
		for _, l := range listeners {
			s.Listeners = append(s.Listeners, proxy.Listener{Listener: l, Owner: owner})
		}
		problems = append(problems, errs...)
	}
	open(c.Listen, nil)
	for _, d := range c.Clients {
		declared := &client.Client{Name: d.Name, Policy: acl.Compile(d.Rules), From: d.From}
		declared.Limits = limits.New(limits.Options{Redact: c.ClientRedaction(d)})
		s.Declared = append(s.Declared, declared)
		open(d.Listen, declared)
	}
	var errs []error
	s.Metrics, errs = c.MetricsListen.Listen(s.socketOwner())
	return s, append(problems, errs...)
}

// identity is the user and group that root becomes.
func (s *Start) identity() privilege.Identity { return s.socket.Identity(int(s.Config.RunAs)) }

// socketOwner is the owner of the socket files that postern makes: the user that
// serves.
func (s *Start) socketOwner() listen.Owner {
	id := s.identity()
	if os.Geteuid() != 0 || id.UID == 0 {
		return listen.Owner{UID: -1, GID: -1}
	}
	return listen.Owner{UID: id.UID, GID: id.GID}
}

// DropPrivileges gives up root for good, and checks that the engine's socket can
// still be used.
func (s *Start) DropPrivileges() (privilege.State, error) {
	state, err := privilege.Drop(s.identity())
	if err == nil {
		err = s.Engine.CheckAccess()
	}
	return state, err
}

// Confine takes all files from the process but those that it still needs, and
// logs the privileges that are left.
func (s *Start) Confine(log zerolog.Logger, state privilege.State) {
	confinement, err := privilege.Confine(privilege.Paths{
		Connect: []string{s.Engine.SocketPath},
		Remove:  s.Config.AllListen().Files(),
	})
	if warning := logPrivileges(log, state, s.socket.GID, confinement, err); warning != "" {
		s.Warnings = append(s.Warnings, warning)
	}
}

// Clients are the default client and the declared ones.
func (s *Start) Clients() []*client.Client {
	return append([]*client.Client{s.Default}, s.Declared...)
}

// Close closes the listeners.
func (s *Start) Close() {
	for _, l := range s.Listeners {
		l.Close()
	}
	for _, l := range s.Metrics {
		l.Close()
	}
}

// LogLeftovers names the socket files that could not be removed at the end.
func (s *Start) LogLeftovers(log zerolog.Logger) {
	for _, file := range s.Config.AllListen().Leftovers() {
		log.Warn().Msg(file + " stays behind: its directory does not let this user remove it; the next start replaces it")
	}
}
