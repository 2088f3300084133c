package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

type container struct {
	name    string
	id      string
	image   string
	command string
	tty     bool // also keeps stdin open
	created time.Time

	// Guarded by Engine.mu.
	state string    // running, paused or exited
	since time.Time // of the state
}

// newContainers are the three containers that every stand-in starts with: one
// that runs without a terminal, one that is stopped, one that has a terminal.
func newContainers() []*container {
	now := time.Now()
	all := []*container{
		{name: "web", image: "nginx:1.29", command: "nginx -g 'daemon off;'", state: "running"},
		{name: "db", image: "postgres:18", command: "postgres", state: "exited"},
		{name: "worker", image: "busybox:1.37", command: "sh", state: "running", tty: true},
	}
	for _, c := range all {
		c.id = fakeID(c.name)
		c.created = now.Add(-26 * time.Hour)
		c.since = now.Add(-2 * time.Hour)
	}
	return all
}

// fakeID is the same in every run, so that a test can name it.
func fakeID(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:])
}

type containerHandler func(http.ResponseWriter, *http.Request, *container)

// withContainer looks up the container of the path by name, ID or ID prefix.
func (e *Engine) withContainer(h containerHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		i := slices.IndexFunc(e.containers, func(c *container) bool {
			return c.name == id || id != "" && strings.HasPrefix(c.id, id)
		})
		if i < 0 {
			writeError(w, http.StatusNotFound, "No such container: %s", id)
			return
		}
		h(w, r, e.containers[i])
	}
}

func (e *Engine) state(c *container) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return c.state
}

// action is something done to a container: from the states in from it goes to
// state to and the events are emitted; in any other state the status is otherwise.
type action struct {
	from      []string
	to        string
	events    []string
	otherwise int
}

var actions = map[string]action{
	"start":   {[]string{"exited"}, "running", []string{"start"}, http.StatusNotModified},
	"stop":    {[]string{"running", "paused"}, "exited", []string{"kill", "die", "stop"}, http.StatusNotModified},
	"restart": {[]string{"running", "paused", "exited"}, "running", []string{"start", "restart"}, http.StatusConflict},
	"kill":    {[]string{"running", "paused"}, "exited", []string{"kill", "die"}, http.StatusConflict},
	"pause":   {[]string{"running"}, "paused", []string{"pause"}, http.StatusConflict},
	"unpause": {[]string{"paused"}, "running", []string{"unpause"}, http.StatusInternalServerError},
}

func (e *Engine) act(verb string) http.HandlerFunc {
	a := actions[verb]
	return e.withContainer(func(w http.ResponseWriter, r *http.Request, c *container) {
		e.mu.Lock()
		defer e.mu.Unlock()
		switch {
		case slices.Contains(a.from, c.state):
			c.state, c.since = a.to, time.Now()
			for _, event := range a.events {
				e.emit(event, c)
			}
			w.WriteHeader(http.StatusNoContent)
		case a.otherwise == http.StatusNotModified:
			w.WriteHeader(a.otherwise)
		default:
			writeError(w, a.otherwise, "Cannot %s container: %s: container is %s", verb, c.name, c.state)
		}
	})
}

// list leaves out stopped containers unless asked for all; other filters are ignored.
func (e *Engine) list(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, e.summaries(isTrue(r, "all")))
}

func (e *Engine) summaries(all bool) []object {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := []object{}
	for _, c := range e.containers {
		if c.state == "exited" && !all {
			continue
		}
		found = append(found, object{
			"Id":              c.id,
			"Names":           []string{"/" + c.name},
			"Image":           c.image,
			"ImageID":         "sha256:" + fakeID(c.image),
			"Command":         c.command,
			"Created":         c.created.Unix(),
			"Ports":           []object{},
			"Labels":          object{},
			"State":           c.state,
			"Status":          c.status(),
			"HostConfig":      object{"NetworkMode": "bridge"},
			"NetworkSettings": object{"Networks": object{}},
			"Mounts":          []object{},
		})
	}
	return found
}

func (c *container) status() string {
	age := time.Since(c.since).Round(time.Second)
	return map[string]string{
		"running": fmt.Sprintf("Up %v", age),
		"paused":  fmt.Sprintf("Up %v (Paused)", age),
		"exited":  fmt.Sprintf("Exited (0) %v ago", age),
	}[c.state]
}

func (e *Engine) inspect(w http.ResponseWriter, r *http.Request, c *container) {
	state := e.state(c)
	writeJSON(w, http.StatusOK, object{
		"Id":      c.id,
		"Name":    "/" + c.name,
		"Created": c.created.UTC().Format(time.RFC3339Nano),
		"Path":    c.command,
		"Args":    []string{},
		"Image":   "sha256:" + fakeID(c.image),
		"Driver":  "overlay2",
		"State": object{
			"Status":   state,
			"Running":  state != "exited",
			"Paused":   state == "paused",
			"ExitCode": 0,
		},
		"Config": object{
			"Image":     c.image,
			"Cmd":       []string{c.command},
			"Env":       []string{},
			"Labels":    object{},
			"Tty":       c.tty,
			"OpenStdin": c.tty,
		},
		"HostConfig":      object{"NetworkMode": "bridge", "LogConfig": object{"Type": "json-file"}},
		"NetworkSettings": object{"Networks": object{}},
		"Mounts":          []object{},
	})
}

// isTrue reads a boolean query parameter as the engine does: anything but the
// usual words for no is yes.
func isTrue(r *http.Request, name string) bool {
	v := strings.ToLower(strings.TrimSpace(r.URL.Query().Get(name)))
	return !slices.Contains([]string{"0", "no", "false", "none"}, cmp.Or(v, "no"))
}
