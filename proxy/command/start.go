package command

import (
	"context"
	"net"
	"os"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/guard"
	"postern/acl/scope"
	"postern/proxy"
	"postern/proxy/certs"
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
	// Certs are the certificates of the tls:// listeners, or nil without any.
	Certs *certs.Server
	// Warnings are those that Confine and Log have logged, but for what a client's
	// policy and limits allow.
	Warnings []string

	socket engine.Socket
}

// Prepare does what may need root: it examines the engine's socket, reads the keys
// and opens the listeners, which accept nothing yet. A key, a port below 1024, a
// directory or the owner of a socket file can need root. The errors are all that is
// wrong.
func Prepare(version string, c config.Config) (*Start, []error) {
	s := &Start{
		Version: version, Config: c,
		Engine:  engine.Engine{SocketPath: string(c.SocketPath), MaxLoss: c.ExitOnEngineLoss},
		Default: &client.Client{Policy: acl.Compile(c.Rules)},
	}
	lookups := limits.NewEngine(s.Engine.Transport())
	var problems []error
	if c.SocketPath != "" {
		var err error
		if s.socket, err = s.Engine.Socket(); err != nil {
			problems = append(problems, err)
		}
	}
	around := s.survey(lookups, &problems)
	s.Default.Limits = limitsOf(c, lookups, around, "", s.Default.Policy, c.Redaction())
	s.Default.Dangers = func() []advise.Danger { return dangersOf(c, "", s.Default.Policy) }
	if c.UsesTLS() && c.TLSDir != "" {
		var errs []error
		s.Certs, errs = certs.Load(string(c.TLSDir), c.TLSVerify, s.serving())
		problems = append(problems, errs...)
	}
	open := func(addresses listen.Addresses, owner *client.Client) {
		for _, a := range addresses {
			l, err := a.Listen(s.socketOwner())
			if err != nil {
				problems = append(problems, err)
				continue
			}
			opened := proxy.Listener{Listener: l, Owner: owner}
			if a.TLS && s.Certs != nil {
				opened.TLS = s.Certs.Config
			}
			s.Listeners = append(s.Listeners, opened)
		}
	}
	open(c.Listen, nil)
	for _, d := range c.Clients {
		declared := &client.Client{Name: d.Name, Policy: acl.Compile(d.Rules), From: d.From, Cert: d.Cert}
		declared.Limits = limitsOf(c, lookups, around, d.Name, declared.Policy, c.ClientRedaction(d))
		declared.Dangers = func() []advise.Danger { return dangersOf(c, declared.Name, declared.Policy) }
		s.Declared = append(s.Declared, declared)
		open(d.Listen, declared)
	}
	s.openPrivate()
	var errs []error
	s.Metrics, errs = c.MetricsListen.Listen(s.socketOwner())
	return s, append(problems, errs...)
}

// openPrivate opens a listener for the health check if every other one wants TLS: the
// check has no certificate. It belongs to a client that may do nothing, so that it
// serves nothing but the check.
func (s *Start) openPrivate() {
	if len(s.Config.PlainListen()) > 0 || !s.Config.UsesTLS() {
		return
	}
	l, err := listen.Private(s.Config.HealthKey()...)
	if err != nil {
		s.Config.Warnings = append(s.Config.Warnings, err.Error()+"; postern serves, but looks unhealthy")
		return
	}
	s.Listeners = append(s.Listeners, proxy.Listener{Listener: l, Owner: &client.Client{}})
}

// serving is the user and group that the proxy serves as.
func (s *Start) serving() privilege.Identity {
	if os.Geteuid() != 0 {
		return privilege.Identity{UID: os.Geteuid(), GID: os.Getegid()}
	}
	return s.identity()
}

// limitsOf returns the limits of a declared client, or with "" of the others. While
// LEARN forwards all, no scope is in force, but what clients make gets the stamp: a
// scope that the report proposes would hide it else.
func limitsOf(c config.Config, lookups *limits.Engine, around limits.Surroundings, name string, policy *acl.Policy, redact limits.Redaction) *limits.Limits {
	s := c.ScopeOf(name)
	options := limits.Options{
		Engine: lookups, Prefix: policy.Rules().Prefix, Client: s.Stamp, Scope: s.Of, ScopeRule: s.Rule,
		Stamps: c.Stamps(), Reserved: c.ReservedFrom(name), Given: policy.Rules().Names(), Redact: redact,
	}
	if g := c.GuardOf(name); g.On {
		self := around.Self
		self.Sockets = hostPaths(around, c.ListenOf(name))
		options.Guard = &guard.Guard{Settings: g, Client: s.Stamp, Engine: around.Engine, Self: self, Reserved: c.HostNamesOf(name)}
		options.GuardRule = c.GuardRule(name)
	}
	// GUARD_NETWORK and GUARD_VOLUME share with a scope, too, where no guard is on. Nothing
	// would then hold a volume to :ro.
	options.Shared = func(k scope.Kind, object string) bool {
		g := c.GuardOf(name)
		if k == scope.Volume {
			listed, writable := g.ListsVolume(object)
			return listed && (g.On || writable)
		}
		return k == scope.Network && g.ListsNetwork(object)
	}
	if c.Learn.Forwards() {
		options.Scope, options.Observes = nil, true
	}
	return limits.New(options, policy.HasNames())
}

// survey asks the engine what guards must know, if there is one.
func (s *Start) survey(lookups *limits.Engine, problems *[]error) limits.Surroundings {
	if !s.Config.Guards() || len(*problems) > 0 {
		return limits.Surroundings{}
	}
	around, err := lookups.Survey(context.Background(), "/", s.Engine.SocketPath)
	if err != nil {
		*problems = append(*problems, err)
	}
	around.Self.Paths = append(around.Self.Paths, hostPaths(around, s.Config.AllListen())...)
	return around
}

// hostPaths are the paths on the host of the socket files among addresses.
func hostPaths(around limits.Surroundings, addresses listen.Addresses) (paths []string) {
	for _, file := range addresses.Files() {
		if p := around.HostPath(file); p != "" {
			paths = append(paths, p)
		}
	}
	return paths
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
