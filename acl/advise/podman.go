package advise

import (
	"slices"
	"strings"

	"postern/acl"
)

// podmanPrefix begins the names of the variables for Podman's own API.
const podmanPrefix = "LIBPOD_"

// IsPodman reports whether a section belongs to Podman's own API. The Docker
// Engine has none of it.
func IsPodman(s *acl.Section) bool { return s != nil && strings.HasPrefix(s.Var, podmanPrefix) }

// MeansPodman reports whether any of the rules are about Podman's own API: a
// LIBPOD_ variable is on, or ALLOW or PRESET names one of its operations.
// More than half of all operations are Podman's, and people with a Docker Engine
// need not see them. Which of the two answers cannot be known without asking it.
func MeansPodman(all ...acl.Rules) bool {
	return slices.ContainsFunc(all, func(r acl.Rules) bool {
		for name, on := range r.Toggles {
			if on && strings.HasPrefix(name, podmanPrefix) {
				return true
			}
		}
		names := r.Allow
		for _, p := range r.Presets {
			names = slices.Concat(names, p.IDs())
		}
		return slices.ContainsFunc(names, func(id string) bool { return strings.Contains(id, "Libpod") })
	})
}

// WithoutPodman takes the settings out that switch sections of Podman's own API
// off, unless the rules do so already or no setting would be left: a declared
// client needs one. A Docker Engine has nothing there to close.
func WithoutPodman(rules acl.Rules, settings []string) []string {
	left := slices.DeleteFunc(slices.Clone(settings), func(s string) bool {
		name, value, _ := strings.Cut(strings.TrimPrefix(s, rules.Prefix), "=")
		_, set := rules.Toggles[name]
		return strings.HasPrefix(name, podmanPrefix) && value == "0" && !set
	})
	if len(left) == 0 {
		return settings
	}
	return left
}
