package compose

import (
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy/config"
)

// proxy is a service that has a known proxy's image, on its way to postern.
type proxy struct {
	service
	image *image
	// old are its variables. env are postern's, in the order of the block.
	old, env []setting
	// settled are the variables of postern's that the file has decided about, those
	// without a value among them.
	settled map[string]bool
	// listed are the operations of a proxy whose rules are no toggles.
	listed []pattern
	lines  []line
	// replaced are the values of the service's other keys. One that is nil is
	// left out.
	replaced map[string]*replacement
}

// setting is a variable of a service's environment.
type setting struct {
	name string
	// raw is the value as written, value what docker compose makes of it.
	raw, value string
	// known is false if the value is the shell's.
	known bool
	// note is a comment behind the variable in the block.
	note string
}

// kind is what a line is about.
type kind string

const (
	byHand   kind = "by hand"
	narrower kind = "narrower"
	wider    kind = "wider"
	added    kind = "added"
	changed  kind = "changed"
	leftOut  kind = "left out"
	kept     kind = "kept"
)

// kinds are in the order in which lines are printed.
var kinds = []kind{byHand, narrower, wider, added, changed, leftOut, kept}

type line struct {
	kind kind
	text string
}

func (p *proxy) say(k kind, text string) {
	if l := (line{k, text}); !slices.Contains(p.lines, l) {
		p.lines = append(p.lines, l)
	}
}

// replacement is a new value of a key, or none.
type replacement struct{ value *node }

// translate finds out everything about the service. others are the file's services.
func (p *proxy) translate(others []service) {
	p.settled, p.replaced = map[string]bool{}, map[string]*replacement{}
	p.translateEnvironment()
	p.translateCommand()
	p.translateListed()
	for _, s := range p.image.unset {
		if !p.settled[s.name] {
			p.set(s.name, s.raw, "the old image's default")
		}
	}
	p.translateService()
	p.dropInvalid()
	p.compare()
	if allowed := opened(p.policy().Rules(), false); p.image.name == "codeswhat/sockguard" && (allowed["ContainerCreate"] || allowed["ContainerExec"] || allowed["ImageBuild"]) {
		p.say(wider, "sockguard looks into the bodies of creates, execs and builds, and refuses privileges and mounts, as postern does with GUARD=1")
	}
	p.watch(others)
}

// set gives a variable of postern's a value. One of ALLOW is added to those that are
// there. An empty value says that the file decided for postern's default.
func (p *proxy) set(name, raw, note string) {
	value, known := evaluate(raw)
	p.put(setting{name, raw, value, known, note})
}

func (p *proxy) put(s setting) {
	name, raw, value := s.name, s.raw, s.value
	i := slices.IndexFunc(p.env, func(other setting) bool { return other.name == name })
	p.settled[name] = true
	switch {
	case raw == "" && !isToggle(name):
	case i < 0:
		p.env = append(p.env, s)
	case name == "ALLOW":
		p.env[i].raw += "," + raw
		p.env[i].value += "," + value
	default:
		p.env[i] = s
	}
}

// toggle reports whether a toggle is on in the old proxy, as it reads it.
func (p *proxy) toggle(name string) bool {
	if !p.image.knows(name) {
		return false
	}
	for _, s := range p.old {
		if s.name == name {
			return p.image.isOn(s.value)
		}
	}
	return slices.ContainsFunc(acl.Sections, func(s acl.Section) bool { return s.Var == name && s.Default })
}

// environ is what postern reads.
func (p *proxy) environ() map[string]string {
	environ := map[string]string{}
	for _, s := range p.env {
		environ[s.name] = s.value
	}
	return environ
}

// policy is what postern decides by.
func (p *proxy) policy() *acl.Policy {
	c, _ := config.Parse(p.environ())
	return acl.Compile(c.Rules)
}

// podman reports whether the file has to do with Podman. Its own API is left out of
// the comparison otherwise: Docker has no such paths.
func (p *proxy) podman() bool {
	for _, s := range p.old {
		if strings.HasPrefix(s.name, "LIBPOD_") && p.image.isOn != nil && p.image.isOn(s.value) && s.name != "LIBPOD_PING" && s.name != "LIBPOD_VERSION" {
			return true
		}
	}
	mentions := func(text string) bool { return strings.Contains(text, "podman") || strings.Contains(text, "libpod") }
	return slices.ContainsFunc(texts(value(p.node, "volumes")), mentions) ||
		slices.ContainsFunc(p.listed, func(l pattern) bool { return mentions(l.source) })
}

// operations are those that are compared.
func (p *proxy) operations() (all []*acl.Operation) {
	podman := p.podman()
	for i := range acl.Operations {
		if op := &acl.Operations[i]; podman || !advise.IsPodman(op.Section()) {
			all = append(all, op)
		}
	}
	return all
}
