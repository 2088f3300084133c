package guard

import (
	"slices"
	"strings"

	"postern/acl/body"
	"postern/acl/pattern"
)

func (s *Settings) parseNetworks(l list) error {
	return l.each(func(item string) bool { return isName(item, "*") }, "the name of a network, in which * is any run of characters")
}

// ListsNetwork reports whether GUARD_NETWORK has a network that is not the client's
// own. Unset it has bridge. A * never means host.
func (s *Settings) ListsNetwork(name string) bool {
	if name == "host" {
		return slices.Contains(s.lists["GUARD_NETWORK"].items, name)
	}
	return s.matches("GUARD_NETWORK", name, "bridge")
}

// networkMode judges HostConfig.NetworkMode, the network that a container starts in.
func networkMode(j *judge, field string, value any) {
	mode := show(value)
	if name, isContainer := strings.CutPrefix(mode, "container:"); isContainer {
		j.container(field, name, "--network")
		return
	}
	if j.target && mode != "host" {
		return // a container's networks are judged when it starts
	}
	j.network(field, mode)
}

// network judges the use of a network, by name or id. It reports whether the network is
// the client's own.
func (j *judge) network(field, name string) (own bool) {
	switch name {
	case "none":
		return false
	case "default", "":
		name = "bridge"
	}
	if !isName(name, "") {
		j.never(field, name, "--network", "it is not the name of a network")
		return false
	}
	if j.Network != nil {
		name, own = j.Network(name) // an id may be that of the host's network
	} else {
		own = true
	}
	switch isPredefined := name == "bridge" || name == "host"; {
	case name == "none":
		return false
	case own && !isPredefined:
		return true
	case !j.ListsNetwork(name):
		j.wants(field, name, "--network", "GUARD_NETWORK", name)
	}
	return false
}

// endpoints judges EndpointsConfig: the keys are networks.
func endpoints(j *judge, field string, value any) {
	for name, endpoint := range objectOf(value).All() {
		at := field + "." + name
		own := j.network(at, name)
		j.endpoint(at, objectOf(endpoint), own)
	}
}

// endpoint judges a container's end in a network. On a network of its own a client may
// choose addresses; on another it would take those of its neighbours.
func (j *judge) endpoint(at string, e *body.Object, own bool) {
	j.object(e, at, endpointRules)
	ignored(e, "EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen")
	if id := e.String("NetworkID"); id != "" {
		// The engine prefers it to the key.
		own = j.network(at+".NetworkID", id) && own
	}
	for _, name := range slices.Concat(e.Strings("Aliases"), e.Strings("DNSNames")) {
		j.dnsName(at+".Aliases", name, "--network-alias")
	}
	if own {
		return
	}
	for _, key := range []string{"IPAMConfig", "Links", "MacAddress"} {
		if v := e.Get(key); !isZero(v) && !isEmptyList(v) && !isEmptyIPAM(v) {
			j.never(at+"."+key, show(v), addressFlags[key], "only on networks of the client's own")
		}
	}
}

var addressFlags = map[string]string{"IPAMConfig": "--ip", "Links": "--link", "MacAddress": "--mac-address"}

var endpointRules = rules{
	"IPAMConfig": in(rules{"IPv4Address": ok, "IPv6Address": ok, "LinkLocalIPs": ok}),
	"Links":      texts(endpointLink),
	"Aliases":    ok,
	"DriverOpts": zero("--network", ""),
	"GwPriority": ok,
	"NetworkID":  ok,
	"MacAddress": ok,
	"DNSNames":   ok,
	// The engine writes these. They are left out.
	"EndpointID":          ok,
	"Gateway":             ok,
	"IPAddress":           ok,
	"IPPrefixLen":         ok,
	"IPv6Gateway":         ok,
	"GlobalIPv6Address":   ok,
	"GlobalIPv6PrefixLen": ok,
}

// endpointLink judges container:alias. On a network of the client's own it gives the
// container one more name, and hands no environment on.
func endpointLink(j *judge, field, link string) {
	name, _, _ := strings.Cut(link, ":")
	if j.Container != nil {
		j.container(field, name, "--link")
	}
}

func isEmptyList(v any) bool { list, isList := v.([]any); return isList && len(list) == 0 }

func isEmptyIPAM(v any) bool {
	o, isObject := v.(*body.Object)
	if !isObject {
		return false
	}
	for _, value := range o.All() {
		if !isZero(value) && !isEmptyList(value) {
			return false
		}
	}
	return true
}

// dnsName refuses a name by which another client is known: with it a container would
// become that client.
func (j *judge) dnsName(field, name, flag string) {
	lower := strings.ToLower(strings.TrimSuffix(name, "."))
	if lower != "" && slices.ContainsFunc(j.Reserved, func(p string) bool {
		p = strings.ToLower(p)
		network, isQualified := strings.CutPrefix(p, lower+".")
		// In the network web the name traefik is also traefik.web.
		return pattern.Match(p, lower) || isQualified && !strings.Contains(network, ".")
	}) {
		j.never(field, name, flag, "another client is known by this name")
	}
}

// topMACAddress judges the MacAddress of a container's first network.
func topMACAddress(j *judge, field string, value any) {
	if own := j.network("HostConfig.NetworkMode", j.host.String("NetworkMode")); !own && !j.target {
		j.never(field, show(value), "--mac-address", "only on networks of the client's own")
	}
}

// networkCreateRules are the fields of docker network create.
var networkCreateRules = rules{
	"Name":           newName,
	"CheckDuplicate": ok,
	"Driver":         oneOf("--driver", noDriver, "bridge"),
	"Scope":          oneOf("--scope", "", "local"),
	"EnableIPv4":     ok,
	"EnableIPv6":     ok,
	"IPAM": in(rules{
		"Driver":  oneOf("--ipam-driver", noDriver, "default"),
		"Options": zero("--ipam-opt", noDriver),
		"Config":  zero("--subnet", "a subnet could take the host's routes; "+noDriver),
	}),
	"Internal":   ok,
	"Attachable": ok,
	"Ingress":    zero("--ingress", noDriver),
	"ConfigOnly": zero("--config-only", noDriver),
	"ConfigFrom": in(rules{"Network": zero("--config-from", noDriver)}),
	"Options":    zero("--opt", noDriver),
	"Labels":     labels("--label"),
}

const noDriver = "make the network outside, and list its name in GUARD_NETWORK"

// networkConnectRules are the fields of docker network connect. The path names the
// network; operations.go judges it.
var networkConnectRules = rules{"Container": ok, "EndpointConfig": ok}

// connect judges docker network connect.
func connect(j *judge, r *Request) {
	own := j.network("the network", r.Name)
	j.endpoint("EndpointConfig", r.Body.Object("EndpointConfig"), own)
}
