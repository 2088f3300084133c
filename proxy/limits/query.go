package limits

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"postern/acl/guard"
)

// filters are the parameter filters of lists, events and prunes. Values of one key
// are alternatives, but for labels, which must all be there.
type filters map[string][]string

// parseFilters reads both forms that the engine reads: a list for each key, or an
// object whose values are booleans.
func parseFilters(text string) (filters, error) {
	f := filters{}
	if text == "" {
		return f, nil
	}
	var sets map[string]map[string]bool
	if json.Unmarshal([]byte(text), &sets) != nil {
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return nil, errors.New("its filters cannot be read")
		}
		return f, nil
	}
	for key, set := range sets {
		for value := range set { // the engine takes a value that is false for one that is true
			f[key] = append(f[key], value)
		}
		slices.Sort(f[key])
	}
	return f, nil
}

// encode writes the form that all engines read.
func (f filters) encode() string {
	sets := map[string]map[string]bool{}
	for key, values := range f {
		sets[key] = map[string]bool{}
		for _, value := range values {
			sets[key][value] = true
		}
	}
	text, err := json.Marshal(sets)
	if err != nil {
		panic(err) // unreachable: strings always marshal
	}
	return string(text)
}

// filters reads the request's.
func (c *check) filters() (filters, *Refusal) {
	f, err := parseFilters(c.query.Get("filters"))
	if err != nil {
		return nil, &Refusal{Status: 400, Rule: c.rulePlace(), Reason: err.Error()}
	}
	return f, nil
}

func (c *check) setFilters(f filters) { c.setQuery("filters", f.encode()) }

func (c *check) setQuery(key, value string) {
	c.query.Set(key, value)
	c.queryChanged = true
}

func (c *check) deleteQuery(key string) {
	if c.query.Has(key) {
		c.query.Del(key)
		c.queryChanged = true
	}
}

// top keeps a client to the processes of the container, as the guard does. Podman reads
// the parameter's name in any case.
func (c *check) top() *Refusal {
	for key, values := range c.query {
		if c.Guard == nil && strings.EqualFold(key, "ps_args") && slices.ContainsFunc(values, func(v string) bool { return !guard.IsPlainPS(v) }) {
			return c.refuse("its ps_args: " + guard.PlainPS)
		}
	}
	return nil
}
