package config

import (
	"cmp"
	"slices"
	"strings"

	"postern/acl/preset"
	"postern/proxy/listen"
)

// foreignNames are names that other programs have for each of postern's settings,
// or that people guess, without their underscores.
var foreignNames = map[string]string{
	"LISTEN": "PORT LISTENPORT LISTENADDR LISTENADDRESS LISTENIP LISTENHOST LISTENSOCKET LISTENON BIND BINDCONFIG BINDADDR BINDADDRESS BINDPORT BINDHOST BINDIP " +
		"ADDR ADDRESS PROXYPORT PROXYADDR PROXYLISTEN PROXYSOCKETENDPOINT PROXYSOCKETENDPOINTFILEMODE SERVERPORT HTTPPORT TCPPORT FRONTENDADDR",
	"METRICS_LISTEN":      "METRICS METRICSPORT METRICSADDR METRICSADDRESS METRICSENABLED METRICSBIND PROMETHEUS PROMETHEUSPORT",
	"SOCKET_PATH":         "SOCKET DOCKERSOCKET DOCKERSOCK DOCKERSOCKETPATH DOCKERHOST UPSTREAMSOCKET BACKENDADDR",
	"LOG_LEVEL":           "DEBUG VERBOSE LOGLEVEL",
	"LOG_FORMAT":          "LOGJSON JSONLOG LOGTYPE",
	"ALLOW_FROM":          "ALLOWFROM ALLOWEDFROM ALLOWIP ALLOWIPS ALLOWEDIPS TRUSTEDIPS",
	"ALLOW":               "RULES ALLOWLIST WHITELIST ALLOWED",
	"DENY":                "DENYLIST BLACKLIST BLOCKLIST DENIED",
	"SHUTDOWN_GRACE":      "SHUTDOWNGRACETIME SHUTDOWNTIMEOUT GRACEPERIOD STOPGRACEPERIOD",
	"EXIT_ON_ENGINE_LOSS": "STOPONWATCHDOG WATCHDOGINTERVAL",
	"RUN_AS":              "PUID PGID RUNASUSER",
	"DISABLE_IPV6":        "IPV6 NOIPV6 IPV6DISABLE",
}

// foreignPrefixes begin the names of other programs' settings.
var foreignPrefixes = []struct{ prefix, program string }{
	{"SP_", "wollomatic/socket-proxy"},
	{"SOCKGUARD_", "sockguard"},
	{"CETUSGUARD_", "CetusGuard"},
}

// foreignHint names the setting of postern's that a foreign name stands for.
func foreignHint(name, value string) string {
	name = strings.ReplaceAll(name, "_", "")
	for ours, theirs := range foreignNames {
		if !slices.Contains(strings.Fields(theirs), name) {
			continue
		}
		if ours == "LISTEN" || ours == "METRICS_LISTEN" {
			if a, err := listen.Parse(strings.TrimSpace(value)); err == nil {
				ours += "=" + a.String()
			}
		}
		return "did you mean " + ours + "?"
	}
	return ""
}

// prefixedHint is about a name that begins with the prefix of another program's
// settings, or with one that postern's do not have. known are all of postern's.
func prefixedHint(name string, known []string) string {
	for _, p := range foreignPrefixes {
		rest, found := strings.CutPrefix(name, p.prefix)
		switch {
		case !found:
			continue
		case strings.HasPrefix(rest, "ALLOW_"):
			return "ALLOW names operations by their ids, and postern explain /containers/json says the id"
		}
		return cmp.Or(foreignHint(rest, ""), didYouMean(strings.ReplaceAll(rest, "_", ""), known),
			"it is a setting of "+p.program+": see postern help")
	}
	if rest, found := strings.CutPrefix(name, "POSTERN_"); found {
		return didYouMean(rest, known)
	}
	if rest, found := strings.CutPrefix(name, "PRESET_"); found {
		if p, err := preset.Find(strings.ReplaceAll(strings.ToLower(rest), "_", "-")); err == nil {
			return "did you mean PRESET=" + p.Name + "?"
		}
		return "did you mean PRESET?"
	}
	return ""
}
