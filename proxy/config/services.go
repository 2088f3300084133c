package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kubernetes puts variables into every container for each service of its
// namespace, and a Docker link does for each linked container: CLIENT_A_PORT for
// a service client-a, CLIENT_A_SERVICE_PORT_LISTEN if that has a port named
// listen. Users of postern do not choose these names, so they must neither stop
// the start nor declare a client.

// serviceVar matches names of service variables that cannot be a setting of postern.
var serviceVar = regexp.MustCompile(`^.+(_SERVICE_HOST|_SERVICE_PORT|_PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO|START|END|PORT_START|PORT_END))?)$`)

// namedPort matches the variable of a named port. A client named
// x_service_port could have a variable of this name.
var namedPort = regexp.MustCompile(`^.+_SERVICE_PORT_.+$`)

// linkName matches the value of the variable NAME that a link makes.
var linkName = regexp.MustCompile(`^/[^/]+/[^/]+$`)

// withoutServices returns the environment without the variables that stand for
// services and links.
func withoutServices(environ map[string]string) map[string]string {
	var links []string // the prefix of each link
	for variable, value := range environ {
		if alias, ok := strings.CutSuffix(variable, "_NAME"); ok && linkName.MatchString(value) {
			links = append(links, alias+"_")
		}
	}
	own := maps.Clone(environ)
	maps.DeleteFunc(own, func(variable, value string) bool { return isService(variable, value, links) })
	return own
}

func isService(variable, value string, links []string) bool {
	switch {
	case serviceVar.MatchString(variable):
		return true
	case namedPort.MatchString(variable):
		port, err := strconv.ParseUint(value, 10, 16)
		return err == nil && port > 1 // 0 and 1 are a toggle's
	case strings.HasSuffix(variable, "_PORT"):
		return isEndpoint(value)
	}
	for _, link := range links {
		// A link also hands on the environment of the linked container.
		if rest, ok := strings.CutPrefix(variable, link); ok && (rest == "NAME" || strings.HasPrefix(rest, "ENV_")) {
			return true
		}
	}
	return false
}

// isEndpoint reports whether a value is of the form tcp://10.0.0.1:80. A service
// always has an address: tcp://:80 is a mistake for LISTEN.
func isEndpoint(value string) bool {
	protocol, address, ok := strings.Cut(value, "://")
	return ok && slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) && address != "" && address[0] != ':'
}
