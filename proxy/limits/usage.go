package limits

import "net/http"

// usage leaves out of the disk usage what is not in the scope, and what all clients
// share: images and the build cache.
func (c *check) usage() *Refusal {
	if c.Scope == nil {
		return nil
	}
	c.readable()
	none := func([]byte) ([]byte, error) { return nil, nil }
	users := once(c.volumeUsers)
	c.passed.Then(func(res *http.Response) error {
		return c.filterObject(res, map[string]keeper{
			"Images": none, "BuildCache": none, "Containers": c.keepContainer,
			"Volumes": func(v []byte) ([]byte, error) { return c.keepVolume(v, users) },
		})
	})
	return nil
}

// info counts the containers of the scope alone.
func (c *check) info() *Refusal {
	if c.Scope == nil {
		return nil
	}
	c.readable()
	c.passed.Then(func(res *http.Response) error {
		if res.StatusCode != http.StatusOK {
			return nil
		}
		return change(res, maxAnswer, c.recount)
	})
	return nil
}

func (c *check) recount(text []byte) ([]byte, error) {
	all, err := c.Engine.containers(c.ctx, nil)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, s := range all {
		in, err := c.hasSummary(s)
		if err != nil {
			return nil, err
		}
		if !in {
			continue
		}
		count["Containers"]++
		switch s.State {
		case "running", "restarting":
			count["ContainersRunning"]++
		case "paused":
			count["ContainersPaused"]++
		default:
			count["ContainersStopped"]++
		}
	}
	for _, key := range []string{"Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped"} {
		var found [1][]byte
		err := fields(text, found[:], key)
		if err == nil && found[0] != nil {
			text, err = replace(text, found[0], count[key])
		}
		if err != nil {
			return nil, err
		}
	}
	return text, nil
}
