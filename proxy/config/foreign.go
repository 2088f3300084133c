package config

import (
	"cmp"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/preset"
	"postern/acl/spelling"
	"postern/proxy/listen"
)

// foreignNames are names that other programs use for postern's settings, or that
// users guess, without their underscores.
var foreignNames = func() map[string]string {
	m := map[string]string{}
	for ours, theirs := range map[string]string{
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
	} {
		for their := range strings.FieldsSeq(theirs) {
			m[their] = ours
		}
	}
	return m
}()

// foreignPrefixes begin the names of other programs' settings.
var foreignPrefixes = []struct{ prefix, program string }{
	{"SP_", "wollomatic/socket-proxy"},
	{"SOCKGUARD_", "sockguard"},
	{"CETUSGUARD_", "CetusGuard"},
}

// foreignHint names postern's setting for a foreign name. It is "" for a name that is
// not in foreignNames.
func foreignHint(name, value string) string {
	ours := foreignNames[strings.ReplaceAll(name, "_", "")]
	switch ours {
	case "":
		return ""
	case "LISTEN", "METRICS_LISTEN":
		if a, err := listen.Parse(strings.TrimSpace(value)); err == nil {
			ours += "=" + a.String()
		}
	}
	return "did you mean " + ours + "?"
}

// prefixedHint does so for a name that begins with a known prefix. known lists
// postern's variables. It must not show the value, which can be another program's
// secret.
func prefixedHint(name string, known []string) string {
	for _, p := range foreignPrefixes {
		rest, found := strings.CutPrefix(name, p.prefix)
		if !found {
			continue
		}
		hint := "it is a setting of " + p.program + ": see postern help"
		if near := spelling.Nearest(strings.ReplaceAll(rest, "_", ""), known); near != "" {
			hint = "did you mean " + near + "?"
		}
		if strings.HasPrefix(rest, "ALLOW_") {
			hint = "ALLOW names operations by their ids, and postern explain /containers/json says the id"
		} else if foreign := foreignHint(rest, ""); foreign != "" {
			hint = foreign
		}
		return hint
	}
	if rest, found := strings.CutPrefix(name, "POSTERN_"); found {
		if near := spelling.Nearest(rest, known); near != "" {
			return "did you mean " + near + "?"
		}
	}
	if rest, found := strings.CutPrefix(name, "PRESET_"); found {
		if p, err := preset.Find(strings.ReplaceAll(strings.ToLower(rest), "_", "-")); err == nil {
			return "did you mean PRESET=" + p.Name + "?"
		}
		return "did you mean PRESET?"
	}
	return ""
}

// fileHint is about the name of a file that is to hold the value of a setting.
func fileHint(name string, known []string) string {
	of, isFile := strings.CutSuffix(name, "_FILE")
	if !isFile {
		of, isFile = strings.CutPrefix(name, "FILE__") // linuxserver's images
	}
	switch near := spelling.Nearest(of, known); {
	case !isFile || near == "":
		return ""
	case near == "ALLOW" || near == "DENY":
		return "did you mean " + near + "_FILE?"
	default:
		return "of all settings ALLOW and DENY alone can stand in a file; set " + near
	}
}

// synonyms are words of the docker command for words in ids.
var synonyms = map[string]string{
	"PULL": "CREATE", "RUN": "CREATE", "REMOVE": "DELETE", "RM": "DELETE", "LS": "LIST", "PS": "LIST",
}

// operationHint is about a toggle for one operation or one kind of them, such as
// CONTAINERS_CREATE: these have ids in ALLOW.
func operationHint(name string) string {
	var ids []string
	for _, op := range acl.Operations {
		if advise.IsPodman(op.Section()) == strings.HasPrefix(name, "LIBPOD_") {
			ids = append(ids, op.ID)
		}
	}
	for _, s := range acl.Sections {
		noun := strings.TrimSuffix(s.Var, "S")
		rest, plural := strings.CutPrefix(name, s.Var+"_")
		if !plural {
			var found bool
			if rest, found = strings.CutPrefix(name, noun+"_"); !found {
				continue
			}
		}
		wanted := noun + cmp.Or(synonyms[rest], strings.ReplaceAll(rest, "_", ""))
		for _, id := range ids {
			if strings.EqualFold(id, wanted) {
				return "did you mean ALLOW=" + id + "?"
			}
		}
		// BUILD_NUMBER=42 is another program's.
		if plural && noun != s.Var {
			return "ALLOW names single operations, such as " + strings.Join(spelling.Resembling(wanted, ids), ", ")
		}
	}
	return ""
}
