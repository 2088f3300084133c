package limits

import (
	"bytes"
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strings"

	"postern/acl/scope"
)

// events passes on the events of containers in the scope. Events of networks and
// volumes carry no labels, and those of images are about what all clients share: they
// are left out.
func (c *check) events() *Refusal {
	if c.Scope == nil {
		return nil
	}
	f, refusal := c.filters()
	if refusal != nil {
		return refusal
	}
	types := []string{string(scope.Container)}
	if asked := f["type"]; len(asked) > 0 && !slices.Contains(asked, types[0]) {
		types = []string{nobody()}
	}
	f["type"] = types
	if labels := c.Scope.Filter(); labels != nil {
		f["label"] = append(f["label"], labels...)
	}
	c.setFilters(f)
	c.readable()
	seen, err := c.seenAtStart()
	if err != nil {
		return c.failed(err)
	}
	c.passed.Then(func(res *http.Response) error {
		if res.StatusCode != http.StatusOK {
			return nil
		}
		return filter(res, true, func(v *values) iter.Seq2[[]byte, error] {
			return func(yield func([]byte, error) bool) { c.eachEvent(v, seen, yield) }
		})
	})
	return nil
}

// seenAtStart has the containers that are in the scope now. An event that says that a
// container is gone comes when nobody can be asked about it any more. It is nil for a
// scope of names, for which an event itself says enough.
func (c *check) seenAtStart() (map[string]bool, error) {
	if len(c.Scope.Keys()) == 0 {
		return nil, nil
	}
	return c.visible()
}

// maxSeen limits how many containers one stream of events remembers.
const maxSeen = 1 << 14

func (c *check) eachEvent(v *values, seen map[string]bool, yield func([]byte, error) bool) {
	for event, err := range v.all {
		var in bool
		if err == nil {
			in, err = c.hasEvent(event, seen)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if in && !yield(append(bytes.Clone(event), '\n'), nil) {
			return
		}
	}
}

func (c *check) hasEvent(event []byte, seen map[string]bool) (bool, error) {
	var kind, action string
	var actor struct {
		ID         string
		Attributes map[string]string
	}
	var found [3][]byte
	err := fields(event, found[:], "Type", "Action", "Actor")
	if err == nil {
		kind, err = text(found[0])
	}
	if err == nil {
		action, err = text(found[1])
	}
	if err == nil {
		err = json.Unmarshal(found[2], &actor)
	}
	if err != nil || kind != string(scope.Container) || actor.ID == "" {
		return false, err
	}
	o := scope.Object{Kind: scope.Container, Name: actor.Attributes["name"], Labels: actor.Attributes}
	if !c.Scope.Has(o) {
		return false, nil
	}
	if action == "rename" {
		if o.Name = strings.TrimPrefix(actor.Attributes["oldName"], "/"); !c.Scope.Has(o) {
			return false, nil // the old name is hidden
		}
	}
	if seen == nil {
		return true, nil
	}
	// The labels may come from the image, of which the event says nothing.
	in, known := seen[actor.ID]
	if !known || !in && len(c.Scope.Names) > 0 {
		now, _, err := c.findContainer(actor.ID)
		if err != nil {
			return false, err
		}
		in = now != nil
		if len(seen) < maxSeen {
			seen[actor.ID] = in
		}
	}
	return in, nil
}
