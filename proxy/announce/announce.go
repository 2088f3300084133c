// Package announce logs what a proxy is when it starts: who it runs as, what it
// opens to whom, and what is dangerous about that.
package announce

import (
	"fmt"
	"net"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/config"
	"postern/proxy/privilege"
)

// Confined logs what is left of the process's privileges: what the kernel says
// of it, the version of Landlock that is in force, and why none is, if that is
// an error. socketGID is the group of the engine's socket.
func Confined(log zerolog.Logger, s privilege.State, socketGID, landlock int, err error) {
	log.Info().
		Int("uid", s.UID[0]).Int("gid", s.GID[0]).Str("groups", s.Groups).
		Str("capabilities", fmt.Sprintf("%#x", s.Permitted)).
		Str("bounding", fmt.Sprintf("%#x", s.Bounding)).
		Bool("no_new_privs", s.NoNewPrivs).
		Int("landlock", landlock).AnErr("landlock_error", err).
		Msg("confined")
	switch {
	case s.UID[0] == 0:
		log.Warn().Msg("running as root, as RUN_AS=0 asks: without capabilities, but whoever takes the proxy over owns what root owns")
	case s.GID[0] == 0 && socketGID != 0:
		log.Info().Msg("running with group 0, which a user without a group is left with: add one, as in user: \"65532:65532\"")
	case s.GID[0] == 0:
		log.Info().Msg("running with group 0, because the engine's socket belongs to root's group; the user is not root")
	}
}

// Start is what has been made of a configuration.
type Start struct {
	Version string
	Config  config.Config
	// Everybody is who is none of Declared, which are in the order of
	// Config.Clients.
	Everybody *client.Client
	Declared  []*client.Client
	Listeners []proxy.Listener
	// Monitored are the listeners of METRICS_LISTEN.
	Monitored []net.Listener
}

// Log says what the settings amount to, client by client. The last line's
// message is "started".
func (s Start) Log(log zerolog.Logger) {
	for _, w := range s.Config.Warnings {
		log.Warn().Msg(w)
	}
	for i, client := range s.Declared {
		log := log.With().Str("client", client.Name).Logger()
		summarize(log, s.Config.Clients[i].Rules, client.Policy).
			Strs("from", client.From.Items()).
			Strs("listen", s.addresses(client)).
			Msg("client")
	}
	var metrics []string
	for _, l := range s.Monitored {
		metrics = append(metrics, url(l))
	}
	summarize(log, s.Config.Rules, s.Everybody.Policy).
		Str("version", s.Version).
		Strs("listen", s.addresses(nil)).
		Strs("metrics", metrics).
		Str("engine", string(s.Config.SocketPath)).
		Strs("allow_from", s.Config.AllowFrom.Items()).
		Msg("started")
}

// addresses lists where an owner's listeners listen; nil owns everybody's.
func (s Start) addresses(owner *client.Client) (all []string) {
	for _, l := range s.Listeners {
		if l.Owner == owner {
			all = append(all, url(l))
		}
	}
	return all
}

// url is where a listener listens.
func url(l net.Listener) string { return l.Addr().Network() + "://" + l.Addr().String() }

// summarize logs what is dangerous about a policy and begins the line that
// says what it opens.
func summarize(log zerolog.Logger, rules acl.Rules, policy *acl.Policy) *zerolog.Event {
	summary := advise.Summarize(policy)
	if !rules.Learn { // LEARN=1 opens every danger, and has its own warning
		for _, d := range advise.Dangers(policy) {
			log.Warn().Str("danger", string(d.Kind)).Strs("operations", d.All).Msg("clients can " + d.Why)
		}
	}
	open := zerolog.Dict()
	for _, s := range rules.Toggles.Open() {
		open.Str(s.Var, s.Exposes)
	}
	return log.Info().
		Dict("open", open).
		Bool("POST", rules.Toggles["POST"]).
		Strs("ALLOW", rules.Allow).
		Strs("DENY", rules.Deny).
		Strs("PRESET", rules.PresetNames()).
		Int("operations", summary.Allowed).
		Strs("reads", summary.Reads).
		Strs("writes", summary.Writes)
}
