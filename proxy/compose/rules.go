package compose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"postern/acl"
)

// rules say whether a proxy allows an operation.
type rules func(op *acl.Operation) bool

// sample is a path of an operation, as a client sends it.
func sample(op *acl.Operation, version, name string) string {
	return version + names.ReplaceAllLiteralString(op.Pattern, name)
}

var names = regexp.MustCompile(`\{[^}]*\}`)

func isRead(method string) bool { return method == "GET" || method == "HEAD" }

// haproxyBool is HAProxy's "-m bool": a number that is not 0. Words are off.
func haproxyBool(value string) bool {
	n, err := strconv.ParseInt(value, 10, 64)
	return err == nil && n != 0
}

// haproxyGrants are the rules of Tecnativa's and linuxserver's images for single
// paths, which come before those for sections.
var haproxyGrants = []struct {
	variable string
	path     *regexp.Regexp
}{
	{"ALLOW_RESTARTS", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/(stop|restart|kill)`)},
	{"ALLOW_START", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/start`)},
	{"ALLOW_STOP", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/stop`)},
	{"ALLOW_PAUSE", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/pause`)},
	{"ALLOW_UNPAUSE", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/unpause`)},
	{"LIBPOD_ALLOW_RESTARTS", regexp.MustCompile(`^/libpod/containers/[\w.-]+/(stop|restart|kill)`)},
	{"LIBPOD_ALLOW_START", regexp.MustCompile(`^/libpod/containers/[\w.-]+/start`)},
	{"LIBPOD_ALLOW_STOP", regexp.MustCompile(`^/libpod/containers/[\w.-]+/stop`)},
	{"LIBPOD_ALLOW_PAUSE", regexp.MustCompile(`^/libpod/containers/[\w.-]+/pause`)},
	{"LIBPOD_ALLOW_UNPAUSE", regexp.MustCompile(`^/libpod/containers/[\w.-]+/unpause`)},
	{"LIBPOD_ALLOW_POD_RESTARTS", regexp.MustCompile(`^/libpod/pods/[\w.-]+/(stop|restart|kill)`)},
	{"LIBPOD_ALLOW_POD_START", regexp.MustCompile(`^/libpod/pods/[\w.-]+/start`)},
	{"LIBPOD_ALLOW_POD_STOP", regexp.MustCompile(`^/libpod/pods/[\w.-]+/stop`)},
	{"LIBPOD_ALLOW_POD_PAUSE", regexp.MustCompile(`^/libpod/pods/[\w.-]+/pause`)},
	{"LIBPOD_ALLOW_POD_UNPAUSE", regexp.MustCompile(`^/libpod/pods/[\w.-]+/unpause`)},
}

// haproxyRefusals are linuxserver's, which come before all others.
var haproxyRefusals = []struct {
	variable string
	path     *regexp.Regexp
}{
	{"ALLOW_ARCHIVE", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/archive`)},
	{"ALLOW_CHANGES", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/change`)},
	{"ALLOW_EXPORT", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/export`)},
	{"ALLOW_LOGS", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/logs`)},
	{"ALLOW_TOP", regexp.MustCompile(`^(/libpod)?/(containers|pods)/[\w.-]+/top`)},
}

// haproxyRules are those of Tecnativa's and linuxserver's images. Tecnativa's asks
// for POST before it looks at the grants, linuxserver's after.
func haproxyRules(p *proxy) rules {
	grantsNeedPOST := !p.image.knows("ALLOW_LOGS")
	return func(op *acl.Operation) bool {
		path := sample(op, "", "web")
		writes := !isRead(op.Method) && !p.toggle("POST")
		for _, r := range haproxyRefusals {
			if p.image.knows(r.variable) && !p.toggle(r.variable) && r.path.MatchString(path) {
				return false
			}
		}
		if writes && grantsNeedPOST {
			return false
		}
		for _, g := range haproxyGrants {
			if p.toggle(g.variable) && g.path.MatchString(path) {
				return true
			}
		}
		return !writes && slices.ContainsFunc(acl.Sections, func(s acl.Section) bool {
			return p.toggle(s.Var) && strings.HasPrefix(path, s.Path)
		})
	}
}

// elevenBlocked are the reads that 11notes' image refuses. It allows every other.
var elevenBlocked = regexp.MustCompile(`(?i)containers/\S+/attach/ws|containers/\S+/export|containers/\S+/archive|secrets|configs|swarm/unlockkey|images/get`)

func elevenRules(*proxy) rules {
	return func(op *acl.Operation) bool {
		return isRead(op.Method) && !elevenBlocked.MatchString(sample(op, "/v1.41", "web"))
	}
}

func sockguardBool(value string) bool {
	return slices.Contains([]string{"1", "true", "yes"}, strings.ToLower(value))
}

// sockguardGrants are its toggles for single operations.
var sockguardGrants = map[string]string{
	"ContainerCreate": "ALLOW_CREATE", "ContainerDelete": "ALLOW_DELETE", "ContainerExec": "ALLOW_EXEC", "ContainerPrune": "ALLOW_PRUNE",
	"ContainerKill": "ALLOW_KILL ALLOW_RESTARTS ALLOW_RESTART", "ContainerRestart": "ALLOW_RESTARTS ALLOW_RESTART",
	"ContainerStop": "ALLOW_STOP ALLOW_RESTARTS ALLOW_RESTART", "ContainerStart": "ALLOW_START",
	"ContainerPause": "ALLOW_PAUSE", "ContainerUnpause": "ALLOW_UNPAUSE",
}

// sockguardRules are those of its variables that have Tecnativa's names.
func sockguardRules(p *proxy) rules {
	return func(op *acl.Operation) bool {
		for grant := range strings.FieldsSeq(sockguardGrants[op.ID]) {
			if p.toggle(grant) {
				return true
			}
		}
		if !isRead(op.Method) && !p.toggle("POST") {
			return false
		}
		return p.toggle(op.Section().Var) || op.ID == "ContainerExec" && p.toggle("EXEC")
	}
}
