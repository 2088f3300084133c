package command

import (
	"fmt"
	"net"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy/client"
	"postern/proxy/privilege"
)

// Log writes the warnings about the configuration, then one line for each client,
// last for the default one. The message of that line is "started".
func (s *Start) Log(log zerolog.Logger) {
	for _, w := range s.Config.Warnings {
		log.Warn().Msg(w)
	}
	for i, client := range s.Declared {
		log := log.With().Str("client", client.Name).Logger()
		logDangers(log, s.Config.Clients[i].Rules, client.Policy)
		permissions(log.Info(), s.Config.Clients[i].Rules, client.Policy).
			Strs("from", client.From.Items()).
			Strs("listen", s.listenURLs(client)).
			Msg("client")
	}
	var metrics []string
	for _, l := range s.Metrics {
		metrics = append(metrics, listenURL(l))
	}
	logDangers(log, s.Config.Rules, s.Default.Policy)
	permissions(log.Info(), s.Config.Rules, s.Default.Policy).
		Str("version", s.Version).
		Strs("listen", s.listenURLs(nil)).
		Strs("metrics", metrics).
		Str("engine", string(s.Config.SocketPath)).
		Strs("allow_from", s.Config.AllowFrom.Items()).
		Msg("started")
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
func listenURL(l net.Listener) string { return l.Addr().Network() + "://" + l.Addr().String() }

// logDangers warns of the operations that a policy allows and an attacker can
// misuse, once for each thing that clients can do: explain lists every way, and
// what is open without any setting. With LEARN=1 that is every one of them, and
// learning has its own warning.
func logDangers(log zerolog.Logger, rules acl.Rules, policy *acl.Policy) {
	if rules.Learn {
		return
	}
	told := map[string]bool{}
	for _, d := range advise.Dangers(policy) {
		if d.ByDefault() || told[d.Why] {
			continue
		}
		told[d.Why] = true
		log.Warn().Str("danger", string(d.Kind)).Strs("operations", d.All).Msg("clients can " + d.Why)
	}
}

// permissions adds the settings of a client and what they allow to a line.
func permissions(line *zerolog.Event, rules acl.Rules, policy *acl.Policy) *zerolog.Event {
	summary := advise.Summarize(policy)
	open := zerolog.Dict()
	for _, s := range rules.Toggles.Open() {
		open.Str(s.Var, s.Exposes)
	}
	return line.
		Dict("open", open).
		Bool("POST", rules.Toggles["POST"]).
		Strs("ALLOW", rules.Allow).
		Strs("DENY", rules.Deny).
		Strs("PRESET", rules.PresetNames()).
		Int("operations", summary.Allowed).
		Strs("reads", summary.Reads).
		Strs("writes", summary.Writes)
}

// logPrivileges logs the privileges that the process has left. landlock and err
// are the results of [privilege.Confine]; socketGID is the group of the engine's
// socket.
func logPrivileges(log zerolog.Logger, s privilege.State, socketGID, landlock int, err error) {
	log.Info().
		Int("uid", s.UID[0]).Int("gid", s.GID[0]).Str("groups", s.Groups).
		Str("capabilities", fmt.Sprintf("%#x", s.Permitted)).
		Str("bounding", fmt.Sprintf("%#x", s.Bounding)).
		Bool("no_new_privs", s.NoNewPrivs).
		Int("landlock", landlock).AnErr("landlock_error", err).
		Msg("confined")
	switch {
	case s.UID[0] == 0:
		log.Warn().Msg("running as root, as RUN_AS=0 asks: without capabilities, but an attacker who takes the proxy over is still the owner of root's files")
	case s.GID[0] == 0 && socketGID != 0:
		log.Info().Msg("running with group 0, which a user without a group is left with: add one, as in user: \"65532:65532\"")
	case s.GID[0] == 0:
		log.Info().Msg("running with group 0, because the engine's socket belongs to root's group; the user is not root")
	}
}
