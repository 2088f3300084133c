package acl

import "slices"

// Toggle is an environment variable that is on or off.
type Toggle struct {
	Var string
	// Default says in words how an unset variable is read: "0", "1" or
	// "follows CONTAINERS".
	Default string
	// Opens says what the toggle opens, for README and help.
	Opens string
}

// verbs are the toggles that are not sections.
var verbs = slices.Concat([]Toggle{
	{"POST", "0", "methods other than GET and HEAD, in the sections that are on"},
	{"ALLOW_START", "0", "`POST /containers/{id}/start`, even with CONTAINERS=0 and POST=0"},
	{"ALLOW_STOP", "0", "`POST /containers/{id}/stop`, likewise"},
	{"ALLOW_RESTARTS", "0", "`POST /containers/{id}/stop`, `restart` and `kill`, likewise"},
	{"ALLOW_PAUSE", "0", "`POST /containers/{id}/pause`, likewise"},
	{"ALLOW_UNPAUSE", "0", "`POST /containers/{id}/unpause`, likewise"},
	{"ALLOW_LOGS", "follows CONTAINERS", "0 refuses `GET /containers/{id}/logs` though CONTAINERS=1"},
	{"ALLOW_TOP", "follows CONTAINERS", "0 refuses `GET /containers/{id}/top` though CONTAINERS=1"},
	{"ALLOW_CHANGES", "follows CONTAINERS", "0 refuses `GET /containers/{id}/changes` though CONTAINERS=1"},
	{"ALLOW_ARCHIVE", followsPOST, "files in containers: 0 refuses GET, HEAD and PUT of `/containers/{id}/archive`"},
	{"ALLOW_EXPORT", followsPOST, "whole file systems: 0 refuses `GET /containers/{id}/export` and, of Podman, `GET /libpod/volumes/{name}/export`"},
}, libpodVerbs)

// followsPOST marks the toggles that read files out of containers. People expect
// POST=0 to make a policy harmless, so reading files then needs an explicit 1
// (Tecnativa/docker-socket-proxy issue 182).
const followsPOST = "follows CONTAINERS when POST=1, else 0"

// AllToggles lists every toggle: the sections', then the others.
func AllToggles() []Toggle {
	all := make([]Toggle, 0, len(Sections)+len(verbs))
	for _, s := range Sections {
		value := map[bool]string{false: "0", true: "1"}[s.Default]
		all = append(all, Toggle{s.Var, value, "`" + s.Path + "`: " + s.Exposes})
	}
	return append(all, verbs...)
}

// Toggles holds the toggles that were set, by variable. What is not in it has
// its default; nil is all defaults.
type Toggles map[string]bool

// defaults holds the default of each toggle.
var defaults = func() map[string]string {
	m := map[string]string{}
	for _, t := range AllToggles() {
		m[t.Var] = t.Default
	}
	return m
}()

// On reports whether a section's toggle, POST or a grant is on.
func (t Toggles) On(name string) bool {
	if value, set := t[name]; set {
		return value
	}
	return defaults[name] == "1"
}

// Refuses reports whether a refusal such as ALLOW_LOGS=0 is in force.
func (t Toggles) Refuses(name string) bool {
	if value, set := t[name]; set {
		return !value
	}
	return defaults[name] == followsPOST && !t.On("POST")
}

// Open lists the sections that are on, in the order of Sections.
func (t Toggles) Open() []Section {
	return slices.DeleteFunc(slices.Clone(Sections), func(s Section) bool { return !t.On(s.Var) })
}
