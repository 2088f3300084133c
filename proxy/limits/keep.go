package limits

import (
	"encoding/json"
	"net/http"
	"slices"

	"postern/acl/scope"
)

// The functions here look at one object of a response.

// keepContainer keeps a container of a list that is in the scope, without the names that
// links gave it.
func (c *check) keepContainer(element []byte) ([]byte, error) {
	var found [3][]byte
	if err := fields(element, found[:], "Names", "Labels", "ImageID"); err != nil {
		return nil, err
	}
	var s summary
	var aliased bool
	var err error
	s.Names, aliased, err = ownNames(found[0])
	if err == nil {
		s.Labels, err = labelsOf(found[1], c.keys())
	}
	if err == nil && len(c.keys()) > 0 {
		s.ImageID, err = text(found[2])
	}
	if err != nil {
		return nil, err
	}
	if in, err := c.hasSummary(s); err != nil || !in {
		return nil, err
	}
	if aliased {
		return replace(element, found[0], s.Names)
	}
	return element, nil
}

// labelled reads the name and the labels of a volume or a network in a list.
func (c *check) labelled(element []byte) (name string, labels map[string]string, err error) {
	var found [2][]byte
	if err = fields(element, found[:], "Name", "Labels"); err == nil {
		name, err = text(found[0])
	}
	if err == nil {
		labels, err = labelsOf(found[1], append(c.keys(), scope.Stamp))
	}
	return name, labels, err
}

func (c *check) keepVolume(element []byte, users func() (map[string]users, error)) ([]byte, error) {
	name, labels, err := c.labelled(element)
	if err != nil {
		return nil, err
	}
	if in, err := c.seesVolume(volume{Name: name, Labels: labels}, users); err != nil || !in {
		return nil, err
	}
	if c.dangling == nil && c.rule.Kind == scope.Volume {
		return element, nil
	}
	all, err := users()
	if err != nil || !c.isAsked(all[name].seen > 0) {
		return nil, err
	}
	return recountUsers(element, all[name].seen)
}

func (c *check) keepNetwork(element []byte, visible, used func() (map[string]bool, error)) ([]byte, error) {
	name, labels, err := c.labelled(element)
	if err != nil || !c.seesNetwork(network{Name: name, Labels: labels}) {
		return nil, err
	}
	if c.dangling != nil {
		var found [1][]byte
		if err := fields(element, found[:], "Id"); err != nil {
			return nil, err
		}
		id, err := text(found[0])
		if err != nil {
			return nil, err
		}
		all, err := used()
		if err != nil || !c.isAsked(all[id] || slices.Contains(predefined, name)) {
			return nil, err
		}
	}
	return withoutHidden(element, visible)
}

// withoutHidden leaves out of a network what tells of containers that are out of the scope.
func withoutHidden(object []byte, visible func() (map[string]bool, error)) ([]byte, error) {
	// The tasks of a Swarm's services in it, and how many of its addresses are taken.
	for _, key := range []string{"Services", "Status"} {
		var found [1][]byte
		err := fields(object, found[:], key)
		if err == nil && found[0] != nil {
			object, err = replace(object, found[0], nil)
		}
		if err != nil {
			return nil, err
		}
	}
	var found [1][]byte
	if err := fields(object, found[:], "Containers"); err != nil {
		return nil, err
	}
	var containers map[string]json.RawMessage
	if found[0] == nil {
		return object, nil
	}
	if err := json.Unmarshal(found[0], &containers); err != nil || len(containers) == 0 {
		return object, err
	}
	ids, err := visible()
	if err != nil {
		return nil, err
	}
	for id := range containers {
		if !ids[id] {
			delete(containers, id)
		}
	}
	return replace(object, found[0], containers)
}

// replace puts a value in place of a part of a text.
func replace(text, part []byte, value any) ([]byte, error) {
	encoded, err := json.Marshal(value)
	// part is a piece of text: their capacities end at the same byte.
	start := cap(text) - cap(part)
	return slices.Concat(text[:start], encoded, text[start+len(part):]), err
}

// hideContainers does the same for a network's inspect.
func (c *check) hideContainers(res *http.Response) error {
	if res.StatusCode != http.StatusOK || c.Scope == nil {
		return nil
	}
	return change(res, maxAnswer, func(text []byte) ([]byte, error) { return withoutHidden(text, c.visible) })
}
