package limits

import (
	"errors"
	"slices"
	"strings"

	"postern/acl/scope"
)

// Podman has parameters with which a request reaches further than what its path names,
// also in Docker's API. It reads their names in any case.

// further are those that make an operation on one object one on others: restart?all=true
// restarts all containers. Docker has none of them.
var further = []string{"all", "depend", "latest"}

// reachesFurther refuses parameters with which Podman acts on more than the path names.
func (c *check) reachesFurther() *Refusal {
	refused := further
	if c.d.OperationID() == "NetworkDelete" {
		refused = append(slices.Clip(further), "force") // removes the containers in it
	}
	for name := range c.query {
		if c.rule.Does == scope.Names && slices.ContainsFunc(refused, func(f string) bool { return strings.EqualFold(f, name) }) {
			return c.refuse("with " + name + " in its query Podman would act on more than its path names")
		}
	}
	return nil
}

// removeImage takes the force out of the removal of an image that hidden containers use:
// Podman would remove them.
func (c *check) removeImage() *Refusal {
	var forced []string
	for name := range c.query {
		if strings.EqualFold(name, "force") {
			forced = append(forced, name)
		}
	}
	if c.Scope == nil || len(forced) == 0 {
		return nil
	}
	removed, err := c.Engine.image(c.ctx, c.d.Name())
	if errors.Is(err, errAbsent) || isAnswer(err) {
		return nil // the engine says so
	}
	if err != nil {
		return c.failed(err)
	}
	all, err := c.Engine.containers(c.ctx, nil)
	if err != nil {
		return c.failed(err)
	}
	for _, s := range all {
		if s.ImageID != removed.ID {
			continue
		}
		in, err := c.hasSummary(s)
		if err != nil {
			return c.failed(err)
		}
		if !in {
			for _, name := range forced {
				c.deleteQuery(name)
			}
			return nil
		}
	}
	return nil
}
