package config

import (
	"fmt"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// kubernetes returns the variables that a container gets for a service with one
// port, which has a name.
func kubernetes(service, port string) map[string]string {
	v := strings.ToUpper(strings.ReplaceAll(service, "-", "_"))
	return map[string]string{
		v + "_SERVICE_HOST": "10.96.0.1",
		v + "_SERVICE_PORT": "2375",
		v + "_SERVICE_PORT_" + strings.ToUpper(strings.ReplaceAll(port, "-", "_")): "2375",
		v + "_PORT":                "tcp://10.96.0.1:2375",
		v + "_PORT_2375_TCP":       "tcp://10.96.0.1:2375",
		v + "_PORT_2375_TCP_PROTO": "tcp",
		v + "_PORT_2375_TCP_PORT":  "2375",
		v + "_PORT_2375_TCP_ADDR":  "10.96.0.1",
	}
}

// link returns the variables that a container gets for docker run --link
// web:alias, when web has exposed a range of ports and has variables of its own.
func link(alias string, own map[string]string) map[string]string {
	v := strings.ToUpper(strings.ReplaceAll(alias, "-", "_"))
	all := map[string]string{
		v + "_NAME":                 "/postern/" + alias,
		v + "_PORT":                 "tcp://172.17.0.2:80",
		v + "_PORT_80_TCP":          "tcp://172.17.0.2:80",
		v + "_PORT_80_TCP_ADDR":     "172.17.0.2",
		v + "_PORT_80_TCP_START":    "tcp://172.17.0.2:80",
		v + "_PORT_80_TCP_PORT_END": "81",
		v + "_PORT_53_UDP_PROTO":    "udp",
	}
	for name, value := range own {
		all[v+"_ENV_"+name] = value
	}
	return all
}

// TestServiceVariablesAreIgnored asserts that variables which Kubernetes and
// Docker links put into a container neither stop the start, nor declare a client,
// nor get a warning. Client a is declared in each.
func TestServiceVariablesAreIgnored(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	services := map[string]map[string]string{
		"IPv6":                  {"CLIENT_A_PORT": "tcp://[fd00::1]:2375", "CLIENT_A_PORT_2375_TCP_ADDR": "fd00::1"},
		"a port alone":          {"CLIENT_PORT": "tcp://10.0.0.1:80", "CLIENT_A_PORT": "udp://10.0.0.1:80", "POST_PORT": "tcp://10.0.0.1:80"},
		"a link":                link("client", map[string]string{"FROM": "web", "x_listen": "tcp://:1", "INFO": "1", "A_POST": "maybe"}),
		"a link named a client": link("client-a", map[string]string{"FROM": "10.0.0.1", "POST": "ture", "LISTEN": "2375"}),
		"a link named a toggle": link("post", map[string]string{"POST": "ture"}),
		"a link of no ports":    {"CLIENT_NAME": "/postern/client", "CLIENT_ENV_LISTEN": "80"},
	}
	every := map[string]string{}
	for _, service := range []string{
		"client", "client-a", "client-b", "client-from", "client-a-from", "client-x-listen", "client-a-allow",
		"listen", "post", "events", "learn", "metrics", "allow", "allow-from", "deny", "preset", "run-as", "socket-path", "log-level",
	} {
		for _, port := range []string{"http", "from", "listen", "post", "events", "allow", "allow-file", "port"} {
			every = harness.With(every, kubernetes(service, port))
		}
	}
	services["every service"] = every
	for name, variables := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := harness.Start(t, harness.With(variables, map[string]string{
				"SOCKET_PATH": socket, "CLIENT_A_FROM": "10.9.9.9", "CLIENT_A_INFO": "1",
			}))
			p.Terminate()
			clients := 0
			for _, e := range p.Log() {
				if e["message"] == "client" {
					clients++
				}
				for variable, value := range variables {
					if strings.Contains(fmt.Sprint(e["message"]), variable) {
						t.Errorf("%s=%s: the log says %v", variable, value, e["message"])
					}
				}
			}
			if clients != 1 {
				t.Errorf("%d clients are declared, want client a alone", clients)
			}
		})
	}
}

// TestVariablesLikeServicesAreRead asserts that variables which only look like a
// service's are read.
func TestVariablesLikeServicesAreRead(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		"CLIENT_A_SERVICE_PORT_LISTEN=tcp://:x": `invalid CLIENT_A_SERVICE_PORT_LISTEN="tcp://:x": `,
		"CLIENT_A_SERVICE_PORT_INFO=1":          `CLIENT_A_SERVICE_PORT_INFO belongs to a client that nothing identifies`,
		"CLIENT_A_NAME_INFO=/x/y":               `CLIENT_A_NAME_INFO belongs to a client that nothing identifies`,
		"CLIENT_A_ENV_INFO=1":                   `CLIENT_A_ENV_INFO belongs to a client that nothing identifies`,
	} {
		name, value, _ := strings.Cut(settings, "=")
		if r := harness.Run(t, map[string]string{name: value}, "explain"); r.Status != 2 || !strings.Contains(r.Stderr, want) {
			t.Errorf("%s: %v\nwant status 2 and %q", settings, r, want)
		}
	}
}
