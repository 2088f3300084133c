package compose

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// translateService translates the keys of the service that are neither its variables
// nor its command line.
func (p *proxy) translateService() {
	p.translateHealthcheck()
	p.translateUser()
	p.translateVolumes()
	if text(value(p.node, "privileged")) == "true" {
		p.replaced["privileged"] = &replacement{}
		p.say(leftOut, "privileged: postern needs no privileges; where SELinux forbids the socket, security_opt: [label=disable] is enough")
	}
	if value(p.node, "tmpfs") != nil {
		p.replaced["tmpfs"] = &replacement{}
		p.say(leftOut, "tmpfs: postern writes no files")
	}
	if value(p.node, "build") != nil {
		p.replaced["build"] = &replacement{}
		p.say(byHand, "build is left out: it makes the old image")
	}
	if text(value(p.node, "network_mode")) == "host" && !slices.ContainsFunc(p.env, func(s setting) bool { return s.name == "LISTEN" }) {
		p.say(kept, "network_mode: host: port 2375 is open on every address of this machine, as before; LISTEN=127.0.0.1:2375 opens it to this machine alone")
	}
	p.translatePorts()
	if value(p.node, "env_file") != nil {
		p.say(byHand, "env_file is not read here, though its variables count: docker compose config | docker run --rm -i postern check reads them too")
	}
	if value(p.node, "extends") != nil {
		p.say(byHand, "extends is not read here: docker compose config | docker run --rm -i postern check reads it too")
	}
}

// translatePorts warns of ports that are open to other machines, in both ways to
// write them.
func (p *proxy) translatePorts() {
	ports := value(p.node, "ports")
	if ports == nil || ports.Kind != yaml.SequenceNode {
		return
	}
	for _, n := range ports.Content {
		port := text(n)
		if published := text(value(n, "published")); published != "" && text(value(n, "host_ip")) == "" {
			port = published + ":" + text(value(n, "target"))
		}
		if strings.Count(port, ":") == 1 {
			p.say(kept, fmt.Sprintf("ports: %s is open to all who reach this machine; 127.0.0.1:%s is not", port, port))
		}
	}
}

// translateHealthcheck leaves the test out: the image has its own.
func (p *proxy) translateHealthcheck() {
	check := value(p.node, "healthcheck")
	if check == nil {
		return
	}
	test := texts(value(check, "test"))
	if text(value(check, "disable")) == "true" || slices.Equal(test, []string{"NONE"}) {
		p.say(kept, "healthcheck: it is disabled, as before")
		return
	}
	if len(test) == 0 {
		return
	}
	rest := &yaml.Node{Kind: yaml.MappingNode}
	for pair := range slices.Chunk(check.Content, 2) {
		if pair[0].Value != "test" {
			rest.Content = append(rest.Content, pair...)
		}
	}
	p.replaced["healthcheck"] = &replacement{}
	if len(rest.Content) > 0 {
		p.replaced["healthcheck"].value = rest
	}
	why := "the image has its own, which asks the engine through postern"
	if line := strings.Join(test, " "); slices.ContainsFunc([]string{"wget", "curl", "nc "}, func(s string) bool { return strings.Contains(line, s) }) {
		why += "; the old test works too, since wget, curl, nc and sh are names of that check"
	}
	p.say(leftOut, "healthcheck.test: "+why)
}

// setUsers are the capabilities that it takes to leave root.
var setUsers = []string{"SETUID", "SETGID"}

// translateUser looks at who starts postern and whether it can leave root.
func (p *proxy) translateUser() {
	user := text(value(p.node, "user"))
	name, _, _ := strings.Cut(user, ":")
	isRoot := strings.Trim(name, "0") == "" || name == "root"
	switch {
	case user == "":
	case isRoot && name != "root":
		p.say(kept, fmt.Sprintf("user: %s: postern starts as root and becomes user 65532 with the socket's group", user))
	case strings.Trim(strings.Replace(user, ":", "", 1), "0123456789") != "":
		p.replaced["user"] = &replacement{}
		p.say(changed, fmt.Sprintf("user: %s is left out, since the image knows no names of users; postern becomes user 65532 with the socket's group by itself", user))
		isRoot = true
	default:
		p.say(kept, fmt.Sprintf("user: %s: postern stays this user, whose group (or one of group_add) has to be the socket's; without user: it finds the group by itself", user))
	}
	p.translateCapabilities(isRoot)
}

func (p *proxy) translateCapabilities(isRoot bool) {
	has := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(c string) bool { return strings.TrimPrefix(strings.ToUpper(c), "CAP_") == name })
	}
	dropped, given := texts(value(p.node, "cap_drop")), texts(value(p.node, "cap_add"))
	var needed, spare []string
	for _, c := range setUsers {
		if isRoot && (has(dropped, "ALL") || has(dropped, c)) {
			needed = append(needed, c)
		}
	}
	for _, c := range given {
		if !has(setUsers, strings.TrimPrefix(strings.ToUpper(c), "CAP_")) {
			spare = append(spare, c)
		}
	}
	if len(spare) > 0 {
		p.say(leftOut, "cap_add: "+strings.Join(spare, ", ")+": postern does not need it")
	}
	if len(given) == 0 && len(needed) == 0 {
		return
	}
	if slices.ContainsFunc(needed, func(c string) bool { return !has(given, c) && !has(given, "ALL") }) {
		p.say(added, "cap_add: "+strings.Join(needed, ", ")+": postern starts as root and becomes an ordinary user; without them it does not start")
	}
	p.replaced["cap_add"] = &replacement{}
	if len(needed) > 0 {
		p.replaced["cap_add"].value = flow(needed)
	}
}

// flow is a list on one line.
func flow(items []string) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, item := range items {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: item})
	}
	return list
}

// mount is a volume of the service.
type mount struct {
	source, target string
	node           *yaml.Node
}

func (p *proxy) mounts() (all []mount) {
	n := value(p.node, "volumes")
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range n.Content {
		m := mount{text(value(item, "source")), text(value(item, "target")), item}
		if item.Kind == yaml.ScalarNode {
			parts := strings.Split(text(item), ":")
			m.source, m.target = parts[0], parts[min(1, len(parts)-1)]
		}
		m.target = strings.TrimRight(m.target, "/")
		all = append(all, m)
	}
	return all
}

// translateVolumes leaves files of the old proxy out, and looks for the socket.
func (p *proxy) translateVolumes() {
	socket := p.image.socket
	for _, s := range p.env {
		if s.name == "SOCKET_PATH" && s.value != "" {
			socket = s.value
		}
	}
	left, found := &yaml.Node{Kind: yaml.SequenceNode}, false
	for _, m := range p.mounts() {
		if p.isTemplate(m.target) {
			p.say(byHand, fmt.Sprintf("volumes: %s is left out: postern does not read the rules in it; ALLOW and DENY take operations, and postern explain shows what is allowed", m.source))
			continue
		}
		found = found || m.target == socket || strings.HasPrefix(socket, m.target+"/")
		left.Content = append(left.Content, m.node)
	}
	if !found {
		p.say(byHand, fmt.Sprintf("volumes: nothing is mounted at %s, where postern looks for the engine's socket: mount it there or set SOCKET_PATH", socket))
	}
	if value(p.node, "volumes") != nil {
		p.replaced["volumes"] = &replacement{left}
		if len(left.Content) == 0 {
			p.replaced["volumes"] = &replacement{}
		}
	}
	for _, source := range texts(value(p.node, "configs")) {
		if p.isTemplate(source) {
			p.say(byHand, fmt.Sprintf("configs: postern does not read the rules in %s", source))
		}
	}
}

func (p *proxy) isTemplate(target string) bool {
	return slices.ContainsFunc(p.image.templates, func(t string) bool { return strings.Contains(target, t) })
}

// watch says what the other services have to do with the proxy.
func (p *proxy) watch(others []service) {
	for _, s := range others {
		condition := value(value(value(s.node, "depends_on"), p.name), "condition")
		if text(condition) == "service_healthy" {
			p.say(kept, fmt.Sprintf("depends_on: %s waits until %s is healthy, which the image's own check says", s.name, p.name))
		}
		if labels := labels(s); p.readsLabels() && slices.ContainsFunc(labels, func(l string) bool { return strings.HasPrefix(l, "socket-proxy.allow.") }) {
			p.say(byHand, fmt.Sprintf("the rules in the labels of %s are not read: CLIENT_%s_FROM=%s with CLIENT_%[2]s_ALLOW gives it rules of its own", s.name, clientName(s.name), s.name))
		}
	}
}

// readsLabels reports whether the proxy takes rules from labels, which wollomatic's
// image can.
func (p *proxy) readsLabels() bool {
	return p.image.flags != nil && slices.ContainsFunc(p.flagsOf(), func(f flag) bool { return f.name == "proxycontainername" && f.value != "" })
}

// labels are the names of a service's labels.
func labels(s service) (names []string) {
	n := value(s.node, "labels")
	if n == nil {
		return nil
	}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(n.Content); i += step {
		names = append(names, n.Content[i].Value)
	}
	return names
}

// clientName is a service's name as it can stand in CLIENT_<NAME>_FROM.
func clientName(name string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.", r) {
			return '_'
		}
		return r
	}, name))
}
