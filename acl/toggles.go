package acl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

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
		all = append(all, Toggle{s.Var, digit(s.Default), "`" + s.Path + "`: " + s.Exposes})
	}
	return append(all, verbs...)
}

// Toggles holds the toggles that were set, by variable. What is not in it has
// its default; nil is all defaults.
type Toggles map[string]bool

// parseToggles picks the toggles out of an environment, where each has a prefix
// before its name. It returns an error for every value that is neither on nor
// off; the others are in Toggles.
func parseToggles(prefix string, environ map[string]string) (Toggles, []error) {
	toggles := Toggles{}
	var errs []error
	for _, t := range AllToggles() {
		value, set := environ[prefix+t.Var]
		if !set {
			continue
		}
		on, err := ParseBool(value)
		if err != nil {
			errs = append(errs, fmt.Errorf("invalid %s%s=%q: %w", prefix, t.Var, value, err))
			continue
		}
		toggles[t.Var] = on
	}
	return toggles, errs
}

// ParseBool reads a toggle's value: 1 true yes on, 0 false no off, in any
// case. Another integer is on unless it is zero, and an empty string is off,
// as HAProxy reads them.
func ParseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true, nil
	case "", "false", "no", "off":
		return false, nil
	}
	digits := s
	if s[0] == '+' || s[0] == '-' {
		digits = s[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false, errors.New("want 1, true, yes or on; or 0, false, no or off")
	}
	return strings.Trim(digits, "0") != "", nil
}

// On reports whether a section's toggle, POST or a grant is on.
func (t Toggles) On(name string) bool {
	if value, set := t[name]; set {
		return value
	}
	return onByDefault[name]
}

// onByDefault holds the toggles whose default is on.
var onByDefault = func() map[string]bool {
	m := map[string]bool{}
	for _, s := range Sections {
		if s.Default {
			m[s.Var] = true
		}
	}
	return m
}()

// Refuses reports whether a refusal such as ALLOW_LOGS=0 is in force.
func (t Toggles) Refuses(name string) bool {
	if value, set := t[name]; set {
		return !value
	}
	return readsFiles[name] && !t.On("POST")
}

// readsFiles holds the refusals that are in force by default.
var readsFiles = func() map[string]bool {
	m := map[string]bool{}
	for _, v := range verbs {
		if v.Default == followsPOST {
			m[v.Var] = true
		}
	}
	return m
}()

// digit is a toggle's value as people write it.
func digit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// Open lists the sections that are on, in the order of Sections.
func (t Toggles) Open() []Section {
	return slices.DeleteFunc(slices.Clone(Sections), func(s Section) bool { return !t.On(s.Var) })
}
