package limits

import (
	"encoding/json"
	"net/http"
	"slices"

	"postern/acl/scope"
)

// The functions here say what uses a volume or a network, as far as the client may know:
// what hidden containers use looks unused.

// users are the containers that use a volume.
type users struct {
	seen   int  // how many are in the scope
	hidden bool // others use it too
}

// mine reports whether containers of the scope alone use the volume.
func (u users) mine() bool { return u.seen > 0 && !u.hidden }

// volumeUsers tells of each volume that containers use which ones do.
func (c *check) volumeUsers() (map[string]users, error) {
	all, err := c.Engine.containers(c.ctx, nil)
	if err != nil {
		return nil, err
	}
	found := map[string]users{}
	for _, s := range all {
		if len(s.Mounts) == 0 || s.ID == c.made {
			continue
		}
		in, err := c.hasSummary(s)
		if err != nil {
			return nil, err
		}
		var counted []string // a volume may be mounted twice
		for _, m := range s.Mounts {
			if m.Name == "" || slices.Contains(counted, m.Name) {
				continue
			}
			counted = append(counted, m.Name)
			u := found[m.Name]
			if in {
				u.seen++
			} else {
				u.hidden = true
			}
			found[m.Name] = u
		}
	}
	return found, nil
}

// recountUsers counts the users of a volume in the disk usage.
func recountUsers(element []byte, seen int) ([]byte, error) {
	var usage, count [1][]byte
	if err := fields(element, usage[:], "UsageData"); err != nil || usage[0] == nil || usage[0][0] != '{' {
		return element, err
	}
	if err := fields(usage[0], count[:], "RefCount"); err != nil || count[0] == nil || count[0][0] == '-' {
		return element, err // -1 is not known
	}
	return replace(element, count[0], seen)
}

// usedNetworks has the ids of the networks in which running containers of the scope are.
func (c *check) usedNetworks() (map[string]bool, error) {
	all, err := c.Engine.containers(c.ctx, nil)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, s := range all {
		in, err := c.hasSummary(s)
		if err != nil {
			return nil, err
		}
		var settings struct {
			Networks map[string]struct{ NetworkID, EndpointID string }
		}
		if !in || len(s.NetworkSettings) == 0 {
			continue
		}
		if err := json.Unmarshal(s.NetworkSettings, &settings); err != nil {
			return nil, err
		}
		for _, end := range settings.Networks {
			if end.EndpointID != "" { // it runs
				used[end.NetworkID] = true
			}
		}
	}
	return used, nil
}

// takeDangling takes the filter for what nothing uses out of a list's, since the engine
// would count hidden containers.
func (c *check) takeDangling(f filters) *Refusal {
	asked := f["dangling"]
	if len(asked) == 0 || c.rule.Kind == scope.Container {
		return nil
	}
	wanted, known := map[string]bool{"true": true, "1": true, "false": false, "0": false}[asked[0]]
	if !known || len(asked) > 1 {
		return &Refusal{Status: http.StatusBadRequest, Rule: c.rulePlace(), Reason: "its filter dangling is neither true nor false"}
	}
	delete(f, "dangling")
	c.dangling = &wanted
	return nil
}

// isAsked reports whether a list asks for what is used, or not used.
func (c *check) isAsked(isUsed bool) bool { return c.dangling == nil || *c.dangling != isUsed }
