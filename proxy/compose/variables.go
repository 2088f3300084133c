package compose

import (
	"net"
	"strings"
)

// The words in which a translation is told.
const (
	noEffect = "it has no effect on postern"
	tlsWhy   = "the certificates are not translated: LISTEN=tls://:2376 serves TLS with ca.pem, cert.pem and key.pem in TLS_DIR, and postern certs makes them"
	bodyWhy  = "it limits what a request may contain, as GUARD=1 does, with variables such as GUARD_VOLUME and GUARD_IMAGE"
	hideWhy  = "it changes responses: REDACT=env,args takes values out of them, and SCOPE=name=web,db-* leaves objects out"
	ownerWhy = "SCOPE=mine shows a client what it has made itself"
)

var haproxyVariables = []translation{
	{name: "PROXY_READ_TIMEOUT", kind: leftOut, why: "postern cuts no stream off"},
	{name: "BIND_CONFIG", kind: leftOut, why: "the old image overwrites it; LISTEN is postern's"},
	{name: "PUID", kind: leftOut, why: "postern becomes user 65532 with the socket's group"},
	{name: "PGID", kind: leftOut, why: "postern becomes user 65532 with the socket's group"},
	{name: "UMASK", kind: leftOut, why: noEffect},
	{name: "HAPROXY_*", kind: leftOut, why: noEffect},
}

// wollomaticFlags are the flags. Its variables are SP_ and the flag in capitals.
// The settings about listening, the watchdog and the rules are in arguments.go,
// since several of them make one of postern's.
var wollomaticFlags = []translation{
	{name: "allowfrom", to: "ALLOW_FROM", convert: wollomaticFrom},
	{name: "loglevel", to: "LOG_LEVEL", convert: strings.ToLower},
	{name: "logjson", kind: leftOut, why: "JSON is what postern logs; LOG_FORMAT=console is for people"},
	{name: "shutdowngracetime", to: "SHUTDOWN_GRACE", convert: seconds},
	{name: "socketpath", to: "SOCKET_PATH"},
	{name: "allowhealthcheck", kind: leftOut, why: "postern's health check is always there"},
	{name: "allowbindmountfrom", kind: byHand, why: "GUARD=1 with these directories in GUARD_VOLUME limits what a client mounts, and closes other ways to the host; without it a client that may create containers mounts any directory"},
	{name: "proxycontainername", kind: byHand, why: "rules in the labels of containers are not read"},
	{name: "dockerlabelprefix", kind: byHand, why: "rules in the labels of containers are not read"},
}

var wollomaticVariables = func() (all []translation) {
	for _, t := range wollomaticFlags {
		t.name = "SP_" + strings.ToUpper(t.name)
		all = append(all, t)
	}
	return all
}()

// wollomaticFrom is ALLOW_FROM, "" for anywhere.
func wollomaticFrom(value string) string {
	for from := range strings.SplitSeq(value, ",") {
		if from == "0.0.0.0/0" || from == "::/0" {
			return ""
		}
	}
	return value
}

func seconds(value string) string {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return value
	}
	return value + "s"
}

var elevenVariables = []translation{
	{name: "SOCKET_PROXY_DOCKER_SOCKET", to: "SOCKET_PATH"},
	{name: "SOCKET_PROXY_VOLUME"}, // these three make LISTEN, see setElevenListen
	{name: "SOCKET_PROXY_UID"},
	{name: "SOCKET_PROXY_GID"},
	{name: "SOCKET_PROXY_KEEPALIVE", kind: leftOut, why: noEffect},
	{name: "SOCKET_PROXY_TIMEOUT", kind: leftOut, why: noEffect},
}

var sockguardVariables = []translation{
	{name: "ALLOW_RESTART", to: "ALLOW_RESTARTS"},
	{name: "ALLOW_CREATE", to: "ALLOW", convert: ifOn("ContainerCreate")},
	{name: "ALLOW_DELETE", to: "ALLOW", convert: ifOn("ContainerDelete")},
	{name: "ALLOW_EXEC", to: "ALLOW", convert: ifOn("ContainerExec")},
	{name: "ALLOW_KILL", to: "ALLOW", convert: ifOn("ContainerKill")},
	{name: "ALLOW_PRUNE", to: "ALLOW", convert: ifOn("ContainerPrune")},
	{name: "SOCKGUARD_LISTEN_ADDRESS", to: "LISTEN", convert: sockguardListen},
	{name: "SOCKGUARD_LISTEN_SOCKET", to: "LISTEN", convert: func(path string) string { return "unix://" + path + "?mode=0600" }},
	{name: "SOCKGUARD_LISTEN_SOCKET_MODE", kind: leftOut, why: "sockguard takes 0600 alone"},
	{name: "SOCKGUARD_UPSTREAM_SOCKET", to: "SOCKET_PATH"},
	{name: "SOCKGUARD_LOG_LEVEL", to: "LOG_LEVEL"},
	{name: "SOCKGUARD_LOG_FORMAT", to: "LOG_FORMAT", convert: strings.NewReplacer("text", "console").Replace},
	{name: "SOCKGUARD_LISTEN_TLS_*", kind: byHand, why: tlsWhy},
	{name: "SOCKGUARD_LISTEN_INSECURE_*", kind: leftOut, why: "postern needs no such consent"},
	{name: "SOCKGUARD_INSECURE_*", kind: leftOut, why: "postern needs no such consent"},
	{name: "SOCKGUARD_REQUEST_BODY_*", kind: byHand, why: bodyWhy},
	{name: "SOCKGUARD_RESPONSE_*", kind: byHand, why: hideWhy},
	{name: "SOCKGUARD_OWNERSHIP_*", kind: byHand, why: ownerWhy},
	{name: "SOCKGUARD_METRICS_*", kind: byHand, why: "METRICS_LISTEN=:9323 has postern's metrics"},
	{name: "SOCKGUARD_*", kind: byHand, why: "it is not translated"},
}

// sockguardListen is LISTEN, "" for postern's default.
func sockguardListen(value string) string {
	if host, port, err := net.SplitHostPort(value); err == nil && port == "2375" && (host == "" || isEveryAddress(host)) {
		return ""
	}
	return value
}

// ifOn returns the operation for a toggle of sockguard's that is on.
func ifOn(id string) func(string) string {
	return func(value string) string {
		if sockguardBool(value) {
			return id
		}
		return ""
	}
}

// isEveryAddress reports whether an address is what postern listens on by default.
func isEveryAddress(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}
