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
// LIBPOD_ variable that is off by default is on, or ALLOW or PRESET names one of
// its operations. Those that are on by default do not count: the image sets them.
// More than half of all operations are Podman's, and users of a Docker Engine need
// not see them. Which of the two engines it is cannot be known without a request.
func MeansPodman(all ...acl.Rules) bool {
	return slices.ContainsFunc(all, func(r acl.Rules) bool {
		for name, on := range r.Toggles {
			if on && strings.HasPrefix(name, podmanPrefix) && !onByDefault(name) {
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

// onByDefault reports whether a toggle is a section's that is open by default.
func onByDefault(name string) bool {
	return slices.ContainsFunc(acl.Sections, func(s acl.Section) bool { return s.Var == name && s.Default })
}
