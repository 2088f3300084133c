package compose

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"postern/acl"
)

// node is a value of a compose file.
type node = yaml.Node

// flag is an argument of wollomatic's command line, or its variable.
type flag struct {
	setting
	// written is the argument or the variable's name.
	written string
	isRule  bool
}

// joint are the flags that wollomatic takes several of for one of postern's
// variables.
var joint = []string{"listenip", "proxyport", "proxysocketendpoint", "proxysocketendpointfilemode", "watchdoginterval", "stoponwatchdog"}

// isFlagVariable reports whether a variable stands for a flag that translateListed
// looks at.
func (p *proxy) isFlagVariable(name string) bool {
	flag, isFlag := strings.CutPrefix(name, "SP_")
	return isFlag && p.image.flags != nil && (strings.HasPrefix(flag, "ALLOW_") || slices.Contains(joint, strings.ToLower(flag)))
}

// translateCommand translates the command line, and leaves it out.
func (p *proxy) translateCommand() {
	for _, key := range []string{"command", "entrypoint"} {
		if value(p.node, key) == nil {
			continue
		}
		p.replaced[key] = &replacement{}
		switch {
		case p.image.flags == nil:
			p.say(p.image.command.kind, key+": "+p.image.command.text)
		case key == "entrypoint":
			p.say(ownProgram.kind, key+": "+ownProgram.text)
		}
	}
}

// arguments are the words of the command.
func (p *proxy) arguments() []string {
	n := value(p.node, "command")
	if n != nil && n.Kind == yaml.ScalarNode {
		return words(text(n))
	}
	return texts(n)
}

// words splits a command line as a shell does, as far as quotes and spaces.
func words(line string) (all []string) {
	var word strings.Builder
	var quote rune
	inWord := false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && strings.ContainsRune(" \t\n", c):
			if inWord {
				all = append(all, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if inWord {
		all = append(all, word.String())
	}
	return all
}

// flagsOf returns wollomatic's settings: the arguments, and the variables that no
// argument takes the place of.
func (p *proxy) flagsOf() (all []flag) {
	add := func(name, value, written string) {
		method, isRule := strings.CutPrefix(name, "allow")
		isRule = isRule && method != "" && strings.ToUpper(method) == method
		all = append(all, flag{setting{name: name, raw: value, value: value, known: true}, written, isRule})
	}
	args := p.arguments()
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		isSwitch := slices.Contains([]string{"logjson", "stoponwatchdog", "allowhealthcheck"}, name)
		if !hasValue && !isSwitch && i+1 < len(args) {
			i++
			value = args[i]
		}
		add(name, value, "-"+name)
	}
	fromCommand := slices.Clone(all)
	for _, s := range p.old {
		name, found := strings.CutPrefix(s.name, "SP_")
		if !found || s.value == "" {
			continue
		}
		if method, isRule := strings.CutPrefix(name, "ALLOW_"); isRule {
			method, _, _ = strings.Cut(method, "_")
			name = "allow" + method
		} else {
			name = strings.ToLower(name)
		}
		if !slices.ContainsFunc(fromCommand, func(f flag) bool { return f.name == name }) {
			add(name, s.value, s.name)
		}
	}
	return all
}

// translateListed translates the settings of wollomatic's image, and for each proxy
// whose rules are no toggles sets those of postern's.
func (p *proxy) translateListed() {
	if p.image.sections != "" {
		return
	}
	if p.image.flags != nil {
		p.translateFlags(p.flagsOf())
	}
	allows, wanted, old := p.image.allows(p), map[string]bool{}, map[string]bool{}
	for _, op := range p.operations() {
		if allows(op) {
			wanted[op.ID], old[op.ID] = !p.leavesClosed(op), true
		}
	}
	for _, s := range cover(wanted, old, p.podman()) {
		p.set(s.name, s.raw, "")
	}
}

func (p *proxy) translateFlags(flags []flag) {
	last := func(name, byDefault string) string {
		for _, f := range slices.Backward(flags) {
			if f.name == name {
				return f.value
			}
		}
		return byDefault
	}
	for _, f := range flags {
		t, translated := find(p.image.flags, f.name)
		switch {
		case f.isRule:
			p.addPattern(f)
		case slices.Contains(joint, f.name):
		case !translated:
			p.say(leftOut, f.written+": neither proxy has such a flag")
		case strings.HasPrefix(f.written, "-"):
			f.raw = strings.ReplaceAll(f.value, "$", "$$")
			p.apply(t, f.setting, f.written)
		}
	}
	ip, port, socket := last("listenip", "127.0.0.1"), last("proxyport", "2375"), last("proxysocketendpoint", "")
	switch {
	case socket != "":
		p.set("LISTEN", "unix://"+socket+"?mode="+last("proxysocketendpointfilemode", "0600"), "")
		p.set("ALLOW_FROM", "", "")
	case !isEveryAddress(ip):
		p.set("LISTEN", "tcp://"+net.JoinHostPort(ip, port), "")
	case port != "2375":
		p.set("LISTEN", "tcp://:"+port, "")
	default:
		p.set("LISTEN", "", "")
	}
	interval, stops := last("watchdoginterval", "0"), last("stoponwatchdog", "false")
	switch {
	case interval == "0":
	case stops == "" || stops == "true" || stops == "1":
		p.set("EXIT_ON_ENGINE_LOSS", seconds(interval), "")
		p.say(changed, "-watchdoginterval and -stoponwatchdog are EXIT_ON_ENGINE_LOSS; postern also connects anew for each request, so that a restart of the engine needs neither")
	default:
		p.say(leftOut, "-watchdoginterval: without -stoponwatchdog it only logs; postern logs when the engine is gone")
	}
}

// addPattern adds a rule, and says what cannot be translated of it.
func (p *proxy) addPattern(f flag) {
	method := strings.TrimPrefix(f.name, "allow")
	if len(f.value) > maxRule {
		p.say(byHand, fmt.Sprintf("%s=%.50s... has more than %d characters; it is not translated", f.written, f.value, maxRule))
		return
	}
	expression, err := regexp.Compile("^" + f.value + "$") // as the old image does
	if err != nil {
		p.say(byHand, fmt.Sprintf("%s=%s is no regular expression", f.written, f.value))
		return
	}
	rule := pattern{method, f.value, expression}
	p.listed = append(p.listed, rule)
	matchesAny, everyVersion := false, true
	for i := range acl.Operations {
		op := &acl.Operations[i]
		if !rule.matches(op) {
			continue
		}
		matchesAny = true
		everyVersion = everyVersion && expression.MatchString(sample(op, "", sampleNames[0])) && expression.MatchString(sample(op, "/v1.41", sampleNames[0]))
		if !rule.matchesEveryName(op) {
			p.say(wider, fmt.Sprintf("%s takes some names only; postern allows %s for every name%s", f.written, op.ID, onlyNamed(op.ID)))
		}
	}
	switch item, isLimited := rule.namedOnly(); {
	case isLimited:
		p.say(byHand, fmt.Sprintf("%s=%s names an object; it is not translated: ALLOW=%s allows the operation on this one alone", f.written, f.value, item))
	case item != "":
		p.say(byHand, fmt.Sprintf("%s=%s names an object; it is not translated, since ALLOW=%s would allow it for every one", f.written, f.value, item))
	case !matchesAny:
		p.say(byHand, fmt.Sprintf("%s=%s matches no operation of the API", f.written, f.value))
	case !everyVersion:
		p.say(wider, "rules that ask for a version of the API in the path, or for none: postern allows an operation in every version")
	}
}
