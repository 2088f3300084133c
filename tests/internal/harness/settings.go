package harness

import (
	"strings"
)

// AnyPort makes postern listen on a free port.
var AnyPort = map[string]string{"LISTEN": "tcp://127.0.0.1:0"}

// With merges settings; the last one wins.
func With(settings ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, e := range settings {
		for name, value := range e {
			all[name] = value
		}
	}
	return all
}

// SectionToggles and OtherToggles are the toggles that docs/variables.md lists. They are
// repeated here so that the tests do not depend on postern's own lists;
// TestModelKnowsEveryToggle compares.
const (
	SectionToggles = "AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EVENTS EXEC GRPC IMAGES INFO NETWORKS NODES PING PLUGINS SECRETS SERVICES SESSION SWARM SYSTEM TASKS VERSION VOLUMES " +
		"LIBPOD_ARTIFACTS LIBPOD_BUILD LIBPOD_COMMIT LIBPOD_CONTAINERS LIBPOD_EVENTS LIBPOD_EXEC LIBPOD_GENERATE LIBPOD_IMAGES LIBPOD_INFO LIBPOD_KUBE LIBPOD_LOCAL LIBPOD_MANIFESTS LIBPOD_NETWORKS LIBPOD_PING LIBPOD_PLAY LIBPOD_PODS LIBPOD_QUADLETS LIBPOD_SECRETS LIBPOD_SYSTEM LIBPOD_VERSION LIBPOD_VOLUMES"
	OtherToggles = "POST ALLOW_START ALLOW_STOP ALLOW_RESTARTS ALLOW_PAUSE ALLOW_UNPAUSE ALLOW_LOGS ALLOW_TOP ALLOW_CHANGES ALLOW_ARCHIVE ALLOW_EXPORT " +
		"LIBPOD_ALLOW_START LIBPOD_ALLOW_POD_START LIBPOD_ALLOW_RESTARTS LIBPOD_ALLOW_POD_RESTARTS LIBPOD_ALLOW_STOP LIBPOD_ALLOW_POD_STOP " +
		"LIBPOD_ALLOW_PAUSE LIBPOD_ALLOW_POD_PAUSE LIBPOD_ALLOW_UNPAUSE LIBPOD_ALLOW_POD_UNPAUSE"
)

// AllOn switches every toggle on.
func AllOn() map[string]string {
	all := map[string]string{}
	for _, name := range strings.Fields(SectionToggles + " " + OtherToggles) {
		all[name] = "1"
	}
	return all
}

// DefaultsOff switches off what is on by default.
var DefaultsOff = map[string]string{"EVENTS": "0", "PING": "0", "VERSION": "0", "LIBPOD_PING": "0", "LIBPOD_VERSION": "0"}

// Words splits fields at spaces and appends more as they are.
func Words(fields string, more ...string) []string {
	return append(strings.Fields(fields), more...)
}
