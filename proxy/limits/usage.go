package limits

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
)

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

// counts are where an info says how many containers there are, by what is counted, for
// Docker's and for Podman's own. The engine's open files and goroutines grow with each
// container that runs, and its listeners are other clients: nobody counts these, so 0.
var counts = map[string]map[string][]string{
	"SystemInfo": {"all": {"Containers"}, "running": {"ContainersRunning"}, "paused": {"ContainersPaused"}, "stopped": {"ContainersStopped"},
		"files": {"NFd"}, "goroutines": {"NGoroutines"}, "listeners": {"NEventsListener"}},
	"SystemInfoLibpod": {"all": {"store", "containerStore", "number"}, "running": {"store", "containerStore", "running"}, "paused": {"store", "containerStore", "paused"}, "stopped": {"store", "containerStore", "stopped"}},
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
		count["all"]++
		switch s.State {
		case "running", "restarting":
			count["running"]++
		case "paused":
			count["paused"]++
		default:
			count["stopped"]++
		}
	}
	for what, keys := range counts[c.d.OperationID()] {
		found := text
		for _, key := range keys {
			var inner [1][]byte
			if err := fields(found, inner[:], key); err != nil {
				return nil, err
			}
			if found = inner[0]; found == nil {
				break
			}
		}
		if found == nil {
			continue
		}
		if text, err = replace(text, found, count[what]); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// images leaves out of images which containers use them. The images themselves are
// everybody's.
func (c *check) images() *Refusal {
	if c.Scope == nil {
		return nil
	}
	c.readable()
	visible := once(c.visible)
	hide := func(image []byte) ([]byte, error) { return withoutUsers(image, visible) }
	c.passed.Then(func(res *http.Response) error {
		switch {
		case c.d.OperationID() == "ImageList":
			return c.filterArray(res, -1, hide)
		case res.StatusCode != http.StatusOK:
			return nil
		}
		return change(res, maxAnswer, hide)
	})
	return nil
}

// withoutUsers leaves out of an image the containers that are out of the scope, and says
// of their number that nobody counted them.
func withoutUsers(image []byte, visible func() (map[string]bool, error)) ([]byte, error) {
	var found [2][]byte
	err := fields(image, found[:], "Containers", "Manifests")
	if count := found[0]; err == nil && count != nil && string(count) != "-1" {
		image, err = replace(image, count, -1)
	}
	if err != nil || !bytes.Contains(found[1], []byte(`"Containers"`)) {
		return image, err
	}
	found = [2][]byte{}
	if err := fields(image, found[:], "Containers", "Manifests"); err != nil {
		return nil, err
	}
	ids, err := visible()
	if err != nil {
		return nil, err
	}
	var manifests []map[string]json.RawMessage
	if err := json.Unmarshal(found[1], &manifests); err != nil {
		return nil, err
	}
	for _, m := range manifests {
		var data map[string]json.RawMessage
		var users []string
		if len(m["ImageData"]) == 0 {
			continue
		}
		if err := json.Unmarshal(m["ImageData"], &data); err != nil {
			return nil, err
		}
		if len(data["Containers"]) == 0 {
			continue
		}
		if err := json.Unmarshal(data["Containers"], &users); err != nil {
			return nil, err
		}
		users = slices.DeleteFunc(users, func(id string) bool { return !ids[id] })
		if data["Containers"], err = json.Marshal(users); err != nil {
			return nil, err
		}
		if m["ImageData"], err = json.Marshal(data); err != nil {
			return nil, err
		}
	}
	return replace(image, found[1], manifests)
}
