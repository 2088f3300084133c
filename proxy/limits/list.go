package limits

import (
	"iter"
	"net/http"
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
	if refusal := c.takeDangling(f); refusal != nil {
		return refusal
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
		visible, used := once(c.visible), once(c.usedNetworks)
		c.passed.Then(func(res *http.Response) error {
			return c.filterArray(res, -1, func(n []byte) ([]byte, error) { return c.keepNetwork(n, visible, used) })
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

// readable asks for JSON, and for none of the forms that newer engines offer besides.
func (c *check) readable() {
	c.ownHeader()
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
	if refusal := c.wholeIDs(f); refusal != nil {
		return refusal
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

// wholeIDs completes the ids of a filter, so that no hidden container makes one ambiguous.
func (c *check) wholeIDs(f filters) *Refusal {
	visible := once(c.visible)
	for i, prefix := range f["id"] {
		if !scope.CouldBeID(prefix) {
			continue
		}
		ids, err := visible()
		if err != nil {
			return c.failed(err)
		}
		if found := withPrefix(ids, prefix); len(found) == 1 {
			f["id"][i] = found[0]
			c.setFilters(f)
		}
	}
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
			yieldEnd(v, v.array(limit, keep, yield), yield)
		}
	})
}

// yieldEnd ends a list that was passed on up to an error, or to its own end. The list of a
// response that then breaks off must not look complete.
func yieldEnd(v *values, err error, yield func([]byte, error) bool) {
	if err == nil {
		err = v.end()
	}
	if err != nil {
		yield(nil, err)
		return
	}
	yield([]byte("\n"), nil)
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
			yieldEnd(v, v.object(keys, yield), yield)
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
	if err := v.skip('}'); err != nil {
		return err
	}
	if separator == "{" && !yield([]byte("{"), nil) {
		return errStopped
	}
	if !yield([]byte("}"), nil) {
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
