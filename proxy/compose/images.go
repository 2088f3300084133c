package compose

import (
	"regexp"
	"strings"

	"postern/acl"
)

// image is a proxy that postern replaces.
type image struct {
	// name is the repository's without a registry, in small letters. An image of
	// another registry or of a mirror ends in it too.
	name string
	// sections are the toggles of sections that it knows, verbs the other toggles.
	sections, verbs string
	// isOn reads the value of a toggle as the proxy does.
	isOn func(value string) bool
	// variables say what becomes of its variables that postern does not know.
	variables []translation
	// flags are the translations of its command line, nil if that is not
	// translated. command then is what the user has to know about it.
	flags   []translation
	command line
	// unset are the settings that stand for its defaults where postern's differ.
	// A setting takes its place only if nothing else sets it.
	unset []setting
	// allows returns which operations the proxy allows.
	allows func(p *proxy) rules
	// socket is where it expects the engine's socket.
	socket string
	// templates are the names in mounted files that replace its rules.
	templates []string
}

// translation says what becomes of a variable or a flag.
type translation struct {
	// name may end in *.
	name string
	// to is the variable of postern's that has its value, converted by convert,
	// which may be nil. If to is "" the setting is left out.
	to      string
	convert func(value string) string
	// kind and why say what the user has to know; why is "" for nothing.
	kind kind
	why  string
}

// tecnativaSections and tecnativaVerbs are the toggles in the rules of Tecnativa's
// image.
const (
	tecnativaSections = "AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EVENTS EXEC GRPC IMAGES INFO NETWORKS NODES PING PLUGINS SECRETS SERVICES SESSION SWARM SYSTEM TASKS VERSION VOLUMES"
	tecnativaVerbs    = "POST ALLOW_RESTARTS ALLOW_START ALLOW_STOP"
)

// ownProgram is about a command that names a file or a program of the old image.
var ownProgram = line{leftOut, "it runs the old image's program; postern takes no arguments"}

var haproxyTemplates = []string{"haproxy.cfg"}

// images lists the proxies. Their variables, defaults and rules are those of
// Tecnativa/docker-socket-proxy a6fbf38, linuxserver/docker-socket-proxy ab9f088,
// wollomatic/socket-proxy 41d9f30, 11notes/docker-socket-proxy 184be1c and
// CodesWhat/sockguard 52722c8.
var images = []image{
	{
		name: "tecnativa/docker-socket-proxy", sections: tecnativaSections, verbs: tecnativaVerbs,
		isOn: haproxyBool, variables: haproxyVariables, command: ownProgram, allows: haproxyRules, socket: "/var/run/docker.sock", templates: haproxyTemplates,
	},
	{
		name: "linuxserver/socket-proxy",
		sections: tecnativaSections + " LIBPOD_CONTAINERS LIBPOD_EVENTS LIBPOD_EXEC LIBPOD_GENERATE LIBPOD_IMAGES LIBPOD_INFO LIBPOD_MANIFESTS LIBPOD_NETWORKS LIBPOD_PING " +
			"LIBPOD_PLAY LIBPOD_PODS LIBPOD_SECRETS LIBPOD_SYSTEM LIBPOD_VERSION LIBPOD_VOLUMES",
		verbs: tecnativaVerbs + " ALLOW_PAUSE ALLOW_UNPAUSE ALLOW_LOGS ALLOW_TOP ALLOW_CHANGES ALLOW_ARCHIVE ALLOW_EXPORT " +
			"LIBPOD_ALLOW_PAUSE LIBPOD_ALLOW_POD_PAUSE LIBPOD_ALLOW_POD_RESTARTS LIBPOD_ALLOW_POD_START LIBPOD_ALLOW_POD_STOP LIBPOD_ALLOW_POD_UNPAUSE " +
			"LIBPOD_ALLOW_RESTARTS LIBPOD_ALLOW_START LIBPOD_ALLOW_STOP LIBPOD_ALLOW_UNPAUSE",
		isOn: haproxyBool, variables: haproxyVariables, command: ownProgram, allows: haproxyRules, socket: "/var/run/docker.sock", templates: haproxyTemplates,
	},
	{
		name: "wollomatic/socket-proxy", variables: wollomaticVariables, flags: wollomaticFlags, allows: wollomaticRules, socket: "/var/run/docker.sock",
		unset: []setting{{name: "ALLOW_FROM", raw: "127.0.0.1/32"}, {name: "LISTEN", raw: "tcp://127.0.0.1:2375"}},
	},
	{
		name: "11notes/socket-proxy", variables: elevenVariables, command: ownProgram, allows: elevenRules, socket: "/run/docker.sock",
		unset: []setting{{name: "SOCKET_PATH", raw: "/run/docker.sock"}},
	},
	{
		name: "codeswhat/sockguard", sections: tecnativaSections,
		verbs: tecnativaVerbs + " ALLOW_RESTART ALLOW_PAUSE ALLOW_UNPAUSE ALLOW_CREATE ALLOW_EXEC ALLOW_KILL ALLOW_DELETE ALLOW_PRUNE",
		isOn:  sockguardBool, variables: sockguardVariables, command: line{byHand, "sockguard's command line is not translated"}, allows: sockguardRules, socket: "/var/run/docker.sock",
		unset:     []setting{{name: "LISTEN", raw: "tcp://127.0.0.1:2375"}},
		templates: []string{"sockguard.yaml", "/etc/sockguard"},
	},
}

// imageOf returns the proxy that an image's reference names, or nil.
func imageOf(reference string) *image {
	repository := repositoryOf(reference)
	for i, known := range images {
		if repository == known.name || strings.HasSuffix(repository, "/"+known.name) {
			return &images[i]
		}
	}
	return nil
}

var tagOrDigest = regexp.MustCompile(`(:[^/:@]*)?(@.*)?$`)

// repositoryOf returns an image's reference without tag and digest.
func repositoryOf(reference string) string {
	return strings.ToLower(tagOrDigest.ReplaceAllString(strings.TrimSpace(reference), ""))
}

// knows reports whether the image has a toggle.
func (i *image) knows(toggle string) bool {
	for known := range strings.FieldsSeq(i.sections + " " + i.verbs) {
		if known == toggle {
			return true
		}
	}
	return false
}

// isToggle reports whether postern has a toggle.
func isToggle(name string) bool {
	for _, t := range acl.AllToggles() {
		if t.Var == name {
			return true
		}
	}
	return false
}

// find returns the translation of a name.
func find(all []translation, name string) (translation, bool) {
	for _, t := range all {
		prefix, isPrefix := strings.CutSuffix(t.name, "*")
		if t.name == name || isPrefix && strings.HasPrefix(name, prefix) {
			return t, true
		}
	}
	return translation{}, false
}
