package config

import (
	"cmp"
	"regexp"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/preset"
	"postern/acl/spelling"
	"postern/proxy/listen"
)

// foreignNames are names that other programs have for postern's settings, or that
// people guess, without their underscores.
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

// foreignHint says which setting of postern's a foreign name stands for. It is ""
// for a name that is not known.
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

// prefixedHint does the same for a name that begins with a known prefix. known are
// all variables of postern's. It must not show the value, which can be a secret of
// another program's.
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
		// BUILD_NUMBER=42 is no setting of postern's.
		if plural && noun != s.Var {
			return "ALLOW names single operations, such as " + strings.Join(spelling.Resembling(wanted, ids), ", ")
		}
	}
	return ""
}

// orchestrators match what Kubernetes and Docker's links put into a container's
// environment for each service, whatever its name: METRICS_PORT=tcp://10.0.0.1:80.
var orchestrators = []struct{ name, value *regexp.Regexp }{
	{regexp.MustCompile(`_PORT$`), regexp.MustCompile(`^(tcp|udp|sctp)://`)},
	{regexp.MustCompile(`_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`), nil},
	{regexp.MustCompile(`_SERVICE_(HOST|PORT(_.+)?)$`), nil},
	{regexp.MustCompile(`_NAME$`), regexp.MustCompile(`^/[^/]+/[^/]+$`)},
	{regexp.MustCompile(`.+_ENV_.+`), nil},
}

// isOrchestrators reports whether nobody has typed a variable.
func isOrchestrators(name, value string) bool {
	for _, o := range orchestrators {
		if o.name.MatchString(name) && (o.value == nil || o.value.MatchString(value)) {
			return true
		}
	}
	return false
}
