//go:build real

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Label is on every image that a test makes, with the run's name, and so on
// each container and image that is made from one.
const Label = "test.postern"

// baseLabel is the label's value on the image that .ci/stand-in-base makes, and so
// on what the build stage of the Dockerfile leaves.
const baseLabel = "base"

// object is a container, image, network or volume in a list of the engine's.
type object struct {
	ID     string `json:"Id"`
	Name   string
	Names  []string
	Labels map[string]string

	RepoTags []string
}

// sweepReal removes from the engine whatever matches, and what Podman has
// mounted in a run's folder. Where no engine answers there is nothing to do.
func sweepReal(match func(name string) bool) {
	made := func(o object) bool {
		return match(o.Labels[Label]) || match(o.Name) || slices.ContainsFunc(o.Names, match)
	}
	var list []object
	for _, o := range fetch("/containers/json?all=1", &list) {
		if made(o) {
			Remove("/containers/" + o.ID + "?force=1&v=1")
		}
	}
	sweepImages(match)
	for _, o := range fetch("/networks", &list) {
		if made(o) {
			Remove("/networks/" + o.ID)
		}
	}
	var volumes struct{ Volumes []object }
	fetch("/volumes", &volumes)
	for _, o := range volumes.Volumes {
		if made(o) {
			Remove("/volumes/" + o.Name + "?force=1")
		}
	}
	if match(RunName) {
		sweepAnonymous()
	}
	unmount(match)
}

// started is when this process began, for the engine's volumes to the second.
var started = time.Now().Truncate(time.Second)

// anonymousVolume matches the names that the engine makes up for volumes.
var anonymousVolume = regexp.MustCompile(`^[0-9a-f]{64}$`)

// sweepAnonymous removes volumes without name and label that were made since this process
// began and that no container uses any more: a test that removes a container as users do
// leaves them. The engine removes none that is in use.
func sweepAnonymous() {
	var volumes struct {
		Volumes []struct {
			Name      string
			CreatedAt time.Time
			Labels    map[string]string
		}
	}
	for _, v := range fetch("/volumes", &volumes).Volumes {
		if anonymousVolume.MatchString(v.Name) && len(v.Labels) == 0 && !v.CreatedAt.Before(started) {
			Remove("/volumes/" + v.Name)
		}
	}
}

// sweepImages removes images until none matches that can be removed: one that
// another was made from stays as long as that other.
func sweepImages(match func(name string) bool) {
	for {
		removed := false
		var list []object
		for _, o := range fetch("/images/json", &list) {
			tags := slices.DeleteFunc(o.RepoTags, func(tag string) bool { return tag == "<none>:<none>" })
			for _, tag := range tags {
				if match(tag) {
					removed = Remove("/images/"+tag+"?force=1") || removed
				}
			}
			label := o.Labels[Label]
			if len(tags) == 0 && (match(label) || label == baseLabel && !othersRun()) {
				removed = Remove("/images/"+url.PathEscape(o.ID)+"?force=1") || removed
			}
		}
		if !removed {
			return
		}
	}
}

// othersRun reports whether tests run in another process, which may be building
// an image.
func othersRun() bool {
	folders, _ := filepath.Glob(filepath.Join(filepath.Dir(workDir), namePrefix+"*"))
	return slices.ContainsFunc(folders, func(folder string) bool {
		name := filepath.Base(folder)
		return named.MatchString(name) && !isOver(name) && !isOwn(name)
	})
}

// unmount detaches what is mounted in the folders that match.
func unmount(match func(name string) bool) {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if point := strings.Fields(line)[4]; match(point) {
			syscall.Unmount(point, syscall.MNT_DETACH)
		}
	}
}

var engineClient = &http.Client{Transport: &http.Transport{
	DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", EngineSocket) },
	// A connection that stays open would be a leftover of its own.
	DisableKeepAlives: true,
}}

// fetch reads a list of the engine's.
func fetch[T any](path string, into *T) T {
	response, err := engineClient.Get("http://docker" + path)
	if err == nil {
		defer response.Body.Close()
		err = json.NewDecoder(response.Body).Decode(into)
	}
	if err != nil {
		var none T
		return none
	}
	return *into
}

// Remove sends DELETE to the engine and reports whether it removed anything.
func Remove(path string) bool {
	request, err := http.NewRequest("DELETE", "http://docker"+path, nil)
	if err != nil {
		panic(fmt.Sprint("harness: ", err))
	}
	response, err := engineClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode < 300
}
