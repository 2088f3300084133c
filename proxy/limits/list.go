package limits

import (
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strconv"

	"postern/acl/scope"
)

// list leaves out of a list what is not in the scope.
func (c *check) list() *Refusal {
	if c.Scope == nil {
		return nil
	}
	f, refusal := c.filters()
	if refusal != nil {
		return refusal
	}
	if labels := c.Scope.Filter(); labels != nil && c.rule.Kind == scope.Container {
		// The engine leaves out most of what is not in the scope.
		f["label"] = append(f["label"], labels...)
	}
	if len(f) > 0 || c.query.Has("filters") {
		c.setFilters(f)
	}
	c.readable()
	switch c.rule.Kind {
	case scope.Volume:
		users := once(c.volumeUsers)
		c.passed.Then(func(res *http.Response) error {
			return c.filterObject(res, map[string]keeper{"Volumes": func(v []byte) ([]byte, error) { return c.keepVolume(v, users) }, "Warnings": nil})
		})
	case scope.Network:
		visible := once(c.visible)
		c.passed.Then(func(res *http.Response) error {
			return c.filterArray(res, -1, func(n []byte) ([]byte, error) { return c.keepNetwork(n, visible) })
		})
	default:
		return c.listContainers(f)
	}
	return nil
}

// once keeps the result of a lookup for the rest of a request.
func once[T any](f func() (T, error)) func() (T, error) {
	var result T
	var err error
	done := false
	return func() (T, error) {
		if !done {
			result, err, done = *new(T), nil, true
			result, err = f()
		}
		return result, err
	}
}

// readable asks for a response that can be read.
func (c *check) readable() {
	c.ownHeader()
	c.out.Header.Del("Accept-Encoding")
	c.out.Header.Set("Accept", "application/json")
}

func (c *check) listContainers(f filters) *Refusal {
	for _, key := range []string{"before", "since"} {
		for i, name := range f[key] {
			id, refusal := c.reference(scope.Container, name)
			if refusal != nil {
				return refusal
			}
			f[key][i] = id
			c.setFilters(f)
		}
	}
	limit := -1
	// The engine would count containers that are out of the scope.
	if n, err := strconv.Atoi(c.query.Get("limit")); err == nil && n > 0 {
		limit = n
		c.deleteQuery("limit")
		c.setQuery("all", "1") // a limit implies it
	}
	c.passed.Then(func(res *http.Response) error { return c.filterArray(res, limit, c.keepContainer) })
	return nil
}

// keeper returns an element as it is to be passed on, or nil if it is to be left out.
type keeper func([]byte) ([]byte, error)

// filterArray passes on the elements of an array that keep keeps, at most limit of
// them unless that is negative. One element is in memory at a time.
func (c *check) filterArray(res *http.Response, limit int, keep keeper) error {
	if res.StatusCode != http.StatusOK {
		return nil
	}
	return filter(res, false, func(v *values) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			if err := v.array(limit, keep, yield); err != nil {
				yield(nil, err)
				return
			}
			yield([]byte("\n"), nil)
		}
	})
}

// errStopped ends a filter whose reader is gone.
var errStopped = http.ErrBodyReadAfterClose

func (v *values) array(limit int, keep keeper, yield func([]byte, error) bool) error {
	if b, err := v.peek(); err == nil && b == 'n' {
		null, err := v.next()
		if err == nil && !yield(null, nil) {
			err = errStopped
		}
		return err
	}
	if err := v.skip('['); err != nil {
		return err
	}
	separator := "["
	for first := true; ; first = false {
		b, err := v.peek()
		if err != nil {
			return inside(err)
		}
		if b == ']' {
			break
		}
		if !first {
			if err := v.skip(','); err != nil {
				return err
			}
		}
		element, err := v.next()
		if err == nil && limit != 0 {
			element, err = keep(element)
		} else {
			element = nil
		}
		if err != nil {
			return err
		}
		if element == nil {
			continue
		}
		limit--
		if !yield([]byte(separator), nil) || !yield(element, nil) {
			return errStopped
		}
		separator = ","
	}
	if err := v.skip(']'); err != nil {
		return err
	}
	end := "]"
	if separator == "[" {
		end = "[]"
	}
	if !yield([]byte(end), nil) {
		return errStopped
	}
	return nil
}

// filterObject passes on the keys of an object that are in keys. The arrays there
// lose the elements that are not kept; a nil keeper keeps the value as it is.
func (c *check) filterObject(res *http.Response, keys map[string]keeper) error {
	if res.StatusCode != http.StatusOK {
		return nil
	}
	return filter(res, false, func(v *values) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			if err := v.object(keys, yield); err != nil {
				yield(nil, err)
			}
		}
	})
}

func (v *values) object(keys map[string]keeper, yield func([]byte, error) bool) error {
	if err := v.skip('{'); err != nil {
		return err
	}
	separator := "{"
	for first := true; ; first = false {
		b, err := v.peek()
		if err != nil {
			return inside(err)
		}
		if b == '}' {
			break
		}
		if !first {
			if err := v.skip(','); err != nil {
				return err
			}
		}
		key, err := v.next()
		if err != nil {
			return err
		}
		name := string(key)
		if err := v.skip(':'); err != nil {
			return err
		}
		keep, known := keys[unquoted(name)]
		if !known {
			if _, err := v.next(); err != nil {
				return err
			}
			continue
		}
		if !yield([]byte(separator+name+":"), nil) {
			return errStopped
		}
		separator = ","
		if keep != nil {
			err = v.array(-1, keep, yield)
		} else {
			var value []byte
			if value, err = v.next(); err == nil && !yield(value, nil) {
				err = errStopped
			}
		}
		if err != nil {
			return err
		}
	}
	if separator == "{" && !yield([]byte("{"), nil) {
		return errStopped
	}
	if !yield([]byte("}\n"), nil) {
		return errStopped
	}
	return nil
}

func unquoted(key string) string {
	if len(key) < 2 {
		return ""
	}
	return key[1 : len(key)-1]
}

// keepContainer keeps a container of a list that is in the scope.
func (c *check) keepContainer(element []byte) ([]byte, error) {
	var found [3][]byte
	if err := fields(element, found[:], "Names", "Labels", "ImageID"); err != nil {
		return nil, err
	}
	var s summary
	names, err := membersOf(found[0])
	for err == nil && s.name() == "" {
		name := names.next()
		if len(name) == 0 {
			break
		}
		var decoded string
		decoded, err = text(name)
		s.Names = append(s.Names[:0], decoded)
	}
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

func (c *check) keepVolume(element []byte, users func() (map[string]bool, error)) ([]byte, error) {
	name, labels, err := c.labelled(element)
	if err != nil {
		return nil, err
	}
	if in, err := c.seesVolume(volume{Name: name, Labels: labels}, users); err != nil || !in {
		return nil, err
	}
	return element, nil
}

func (c *check) keepNetwork(element []byte, visible func() (map[string]bool, error)) ([]byte, error) {
	name, labels, err := c.labelled(element)
	if err != nil || !c.seesNetwork(network{Name: name, Labels: labels}) {
		return nil, err
	}
	return withoutHidden(element, visible)
}

// withoutHidden leaves out of a network the containers that are out of the scope.
func withoutHidden(object []byte, visible func() (map[string]bool, error)) ([]byte, error) {
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

// hideContainers leaves out of a network's inspect the containers that are out of the
// scope, and what a Swarm says of its other nodes.
func (c *check) hideContainers(res *http.Response) error {
	if res.StatusCode != http.StatusOK || c.Scope == nil {
		return nil
	}
	return change(res, maxAnswer, func(text []byte) ([]byte, error) { return withoutHidden(text, c.visible) })
}

// prune has the engine remove no more than what is in the scope.
func (c *check) prune() *Refusal {
	if c.Scope == nil {
		return nil
	}
	labels := c.Scope.Filter()
	if labels == nil || !c.Scope.Covers(c.rule.Kind) {
		return c.refuse("the engine prunes by label alone, and the scope is not one label or mine")
	}
	f, refusal := c.filters()
	if refusal != nil {
		return refusal
	}
	f["label"] = append(f["label"], labels...)
	c.setFilters(f)
	switch c.rule.Kind {
	case scope.Volume:
		c.passed.end = append(c.passed.end, c.Engine.volumes.lockAll())
	case scope.Container:
		// The engine would also remove those that have the label from their image.
		all, err := c.Engine.containers(c.ctx, filters{"label": labels})
		if err != nil {
			return c.failed(err)
		}
		for _, s := range all {
			if in, err := c.hasSummary(s); err != nil {
				return c.failed(err)
			} else if !in {
				return c.refuse("a container has the scope's label from its image, and the engine would prune it too")
			}
		}
	}
	return nil
}
