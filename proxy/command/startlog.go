package command

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/redact"
	"postern/proxy"
	"postern/proxy/certs"
	"postern/proxy/client"
	"postern/proxy/limits"
	"postern/proxy/privilege"
)

// Log writes the warnings about the configuration, then one line for each client,
// last for the default one. The message of that line is "started".
func (s *Start) Log(log zerolog.Logger) {
	for _, w := range s.Config.Warnings {
		log.Warn().Msg(w)
	}
	s.Warnings = append(s.Warnings, s.Config.Warnings...)
	s.logCerts(log)
	for i, client := range s.Declared {
		log := log.With().Str("client", client.Name).Logger()
		line := log.Info()
		addStrs(line, "from", client.From.Items())
		addStrs(line, "cert", client.Cert.Items())
		addStrs(line, "listen", s.listenURLs(client))
		s.logPolicy(log, line, client.Name, s.Config.Clients[i].Rules, client)
		logRedaction(log, line, s.Config.ClientRedaction(s.Config.Clients[i]), client.Policy)
		line.Msg("client")
	}
	var metrics []string
	for _, l := range s.Metrics {
		metrics = append(metrics, listenURL(l))
	}
	line := log.Info().
		Str("version", s.Version).
		Strs("listen", s.listenURLs(nil)).
		Str("engine", string(s.Config.SocketPath)).
		Strs("metrics", metrics)
	addStrs(line, "allow_from", s.Config.AllowFrom.Items())
	s.logPolicy(log, line, "", s.Config.Rules, s.Default)
	logRedaction(log, line, s.Config.Redaction(), s.Default.Policy)
	line.Msg("started")
}

// logCerts logs the certificates of the tls:// listeners.
func (s *Start) logCerts(log zerolog.Logger) {
	if s.Certs == nil {
		return
	}
	now := time.Now()
	for _, w := range s.Certs.Warnings(now) {
		log.Warn().Msg(w)
		s.Warnings = append(s.Warnings, w)
	}
	leaf := s.Certs.Leaf
	log.Info().Strs("names", certs.Names(leaf)).
		Time("expires", leaf.NotAfter.UTC()).Int("days", certs.DaysLeft(leaf, now)).
		Strs("ca", s.Certs.CommonNames()).
		Msg("certificate")
}

// CertificateDays says how long the certificate of the tls:// listeners is valid.
func (s *Start) CertificateDays() []string {
	if s.Certs == nil {
		return nil
	}
	leaf := s.Certs.Leaf
	return []string{fmt.Sprintf("The server's certificate for %s expires in %d days, on %s.",
		strings.Join(certs.Names(leaf), ", "), certs.DaysLeft(leaf, time.Now()), leaf.NotAfter.UTC().Format(time.DateOnly))}
}

// addStrs adds a list to a line unless it is empty.
func addStrs(line *zerolog.Event, name string, values []string) {
	if len(values) > 0 {
		line.Strs(name, values)
	}
}

// logPolicy adds the settings of a client to a line. It logs warnings of what they
// allow and, at level debug, the sections that are open. name is the declared client's.
func (s *Start) logPolicy(log zerolog.Logger, line *zerolog.Event, name string, rules acl.Rules, client *client.Client) {
	if !rules.Learn {
		logDangers(log, dangersOf(s.Config, name, client.Policy))
	}
	summary := advise.Summarize(client.Policy, client.Limits.Redaction(), advise.MeansPodman(s.Config.AllRules()...))
	open := zerolog.Dict()
	for _, section := range rules.Toggles.Open() {
		open.Str(section.Var, section.Exposes)
	}
	log.Debug().Dict("open", open).Strs("reads", summary.Reads).Strs("writes", summary.Writes).Msg("permissions")

	line.Bool("POST", rules.Toggles.On("POST")).Int("operations", summary.Allowed)
	addStrs(line, "ALLOW", rules.Allow)
	addStrs(line, "DENY", rules.Deny)
	addStrs(line, "PRESET", rules.PresetNames())
	if g := s.Config.GuardOf(name); g.On {
		line.Bool("GUARD", true)
		addStrs(line, "permits", g.Names())
	}
	within := s.Config.ScopeOf(name)
	if within.Of != nil && rules.Learn {
		log.Warn().Msg(within.Rule + " is not in force while LEARN=1 forwards all")
	} else if within.Of != nil {
		line.Str("sees", within.Of.String())
	}
}

// logRedaction adds to a line what responses do not show to a client. It warns of the
// allowed operations that give it away nevertheless. With LEARN=1 all do, and package
// learn warns of that.
func logRedaction(log zerolog.Logger, line *zerolog.Event, r limits.Redaction, policy *acl.Policy) {
	if r.Kinds == 0 {
		return
	}
	line.Str("REDACT", r.Kinds.String())
	addStrs(line, "REDACT_KEEP", r.Keep)
	if around := r.Around(policy); len(around) > 0 && !policy.Rules().Learn {
		log.Warn().Strs("operations", around).Msg(r.Rule + " does not hold for " + redact.AroundWhat)
	}
}

// listenURLs returns the addresses of a client's own listeners; nil stands for the
// listeners that no client owns.
func (s *Start) listenURLs(owner *client.Client) (urls []string) {
	for _, l := range s.Listeners {
		if l.Owner == owner {
			urls = append(urls, listenURL(l))
		}
	}
	return urls
}

// listenURL returns the address in the form of LISTEN, with the port that the
// kernel has chosen for port 0.
func listenURL(l net.Listener) string {
	network := l.Addr().Network()
	if l, ok := l.(proxy.Listener); ok && l.TLS != nil {
		network = "tls"
	}
	return network + "://" + l.Addr().String()
}

// logDangers warns of the dangers that a policy opens, once for each thing that a
// client can do with them. The command explain lists all of them, also those that are
// open by default. With LEARN=1 all are open, and package learn warns of that.
func logDangers(log zerolog.Logger, dangers []advise.Danger) {
	told := map[string]bool{}
	for _, d := range dangers {
		if d.ByDefault() || told[d.Why] {
			continue
		}
		told[d.Why] = true
		log.Warn().Str("danger", string(d.Kind)).Strs("operations", d.All).Msg("clients can " + d.Why)
	}
}

// logPrivileges logs the privileges that the process has left. c and err are the
// results of [privilege.Confine]; socketGID is the group of the engine's socket. It
// returns the text of the warning that it has logged, or "".
func logPrivileges(log zerolog.Logger, s privilege.State, socketGID int, c privilege.Confinement, err error) (warning string) {
	log.Info().
		Int("uid", s.UID[0]).Int("gid", s.GID[0]).Str("groups", s.Groups).
		Str("capabilities", fmt.Sprintf("%#x", s.Permitted)).
		Str("bounding", fmt.Sprintf("%#x", s.Bounding)).
		Bool("no_new_privs", s.NoNewPrivs).
		Bool("dumpable", s.Dumpable).
		Int("landlock", c.Landlock).Bool("seccomp", c.Seccomp).AnErr("confine_error", err).
		Msg("confined")
	switch {
	case s.UID[0] == 0:
		warning = "running as root, because RUN_AS=0: without capabilities, but an attacker who controls the proxy still owns root's files"
		log.Warn().Msg(warning)
	case s.GID[0] == 0 && socketGID != 0:
		log.Info().Msg("running with group 0, which a user without a group is left with: add one, as in user: \"65532:65532\"")
	case s.GID[0] == 0:
		log.Info().Msg("running with group 0, because the engine's socket belongs to root's group; the user is not root")
	}
	return warning
}
