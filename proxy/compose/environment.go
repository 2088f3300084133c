package compose

import (
	"fmt"
	"slices"
	"strings"

	"postern/acl"
	"postern/proxy/config"
)

// settings are the names of postern's variables.
var settings = func() []string {
	all := acl.RuleVars()
	for _, s := range config.Settings() {
		all = append(all, s.Var)
	}
	return all
}()

// translateEnvironment sets postern's variables by the old ones.
func (p *proxy) translateEnvironment() {
	p.old = p.environment()
	for _, s := range p.old {
		if !s.known {
			p.say(byHand, fmt.Sprintf("%s is taken from the shell and was empty for this comparison; docker compose config fills it in", s.name))
		}
		t, translated := find(p.image.variables, s.name)
		switch {
		case p.isFlagVariable(s.name):
		case translated:
			p.apply(t, s, s.name)
		case slices.Contains(settings, s.name) || strings.HasPrefix(s.name, "CLIENT_"):
			p.put(s)
		default:
			p.say(leftOut, s.name+": "+hint(s))
		}
	}
	p.setElevenListen()
}

// setElevenListen sets LISTEN for 11notes' image, which has a unix socket beside the
// port if a volume is there for it.
func (p *proxy) setElevenListen() {
	if p.image.name != "11notes/socket-proxy" {
		return
	}
	dir, uid, gid := "/run/proxy", "1000", "1000"
	for _, s := range p.old {
		for name, into := range map[string]*string{"SOCKET_PROXY_VOLUME": &dir, "SOCKET_PROXY_UID": &uid, "SOCKET_PROXY_GID": &gid} {
			if s.name == name && s.value != "" {
				*into = strings.TrimRight(s.value, "/")
			}
		}
	}
	if slices.ContainsFunc(p.mounts(), func(m mount) bool { return m.target == dir }) {
		p.set("LISTEN", fmt.Sprintf("tcp://:2375,unix://%s/docker.sock?mode=0600&uid=%s&gid=%s", dir, uid, gid), "")
		p.say(changed, "the port and the unix socket in "+dir+" are both in LISTEN")
	}
}

// apply does what a translation says. written is the setting as the user knows it.
func (p *proxy) apply(t translation, s setting, written string) {
	if t.why != "" {
		p.say(t.kind, written+": "+t.why)
	}
	if t.to == "" {
		return
	}
	raw := s.raw
	if t.convert != nil {
		raw = strings.ReplaceAll(t.convert(s.value), "$", "$$")
		if s.raw != s.value {
			p.say(byHand, fmt.Sprintf("%s is computed by docker compose: %s has what it is by default", written, t.to))
		}
	}
	p.set(t.to, raw, "")
	if slices.ContainsFunc(p.env, func(now setting) bool { return now.name == t.to }) {
		p.say(changed, fmt.Sprintf("%s is %s", written, t.to))
	}
}

// hint says of a variable that neither proxy has what may have been meant.
func hint(s setting) string {
	c, _ := config.Parse(map[string]string{s.name: s.value})
	for _, warning := range c.Warnings {
		return strings.TrimPrefix(strings.TrimPrefix(warning, fmt.Sprintf("%s=%q ", s.name, s.value)), s.name+" ")
	}
	return "it has no effect, and postern does not know it either"
}

// dropInvalid takes the settings out with which postern would not start. A toggle is
// then 0, as the old proxies read what they do not understand.
func (p *proxy) dropInvalid() {
	p.env = slices.DeleteFunc(p.env, func(s setting) bool {
		_, errs := config.Parse(map[string]string{s.name: s.value})
		return len(errs) > 0 && !strings.HasPrefix(s.name, "CLIENT_") && !p.mend(s, errs[0])
	})
	for i, s := range p.env {
		if _, err := acl.ParseBool(s.value); isToggle(s.name) && err != nil {
			p.env[i] = setting{s.name, "0", "0", true, "was " + s.raw}
		}
	}
	c, errs := config.Parse(p.environ())
	for _, err := range errs {
		p.say(byHand, err.Error())
	}
	for _, warning := range c.Warnings {
		p.say(kept, warning)
	}
}

// mend reports a setting with which postern would not start, and whether it can stay.
func (p *proxy) mend(s setting, err error) (stays bool) {
	if isToggle(s.name) {
		p.say(changed, fmt.Sprintf("%s is 0, as the old image reads %q: %v", s.name, s.value, err))
		return true
	}
	p.say(byHand, fmt.Sprintf("%s is left out: %v", s.name, err))
	return false
}
