package limits

import "postern/acl/scope"

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
