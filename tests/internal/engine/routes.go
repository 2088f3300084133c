package engine

import (
	"io"
	"net/http"
)

const engineVersion = "28.5.2"

// newRoutes is the table of what the stand-in imitates.
func (e *Engine) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"/":                             standIn,
		"GET /_ping":                    ping,
		"GET /version":                  respond(version),
		"GET /info":                     respond(e.info),
		"GET /images/json":              respond(images),
		"GET /networks":                 respond(networks),
		"GET /volumes":                  respond(volumes),
		"GET /events":                   e.events,
		"GET /containers/json":          e.list,
		"GET /containers/{id}/json":     e.withContainer(e.inspect),
		"GET /containers/{id}/logs":     e.withContainer(e.logs),
		"GET /containers/{id}/stats":    e.withContainer(e.stats),
		"POST /containers/{id}/attach":  e.withContainer(e.attach),
		"POST /containers/{id}/exec":    e.withContainer(e.createExec),
		"POST /exec/{id}/start":         e.withExec(e.startExec),
		"GET /exec/{id}/json":           e.withExec(e.inspectExec),
		"POST /build":                   e.build,
		"POST /containers/{id}/start":   e.act("start"),
		"POST /containers/{id}/stop":    e.act("stop"),
		"POST /containers/{id}/restart": e.act("restart"),
		"POST /containers/{id}/kill":    e.act("kill"),
		"POST /containers/{id}/pause":   e.act("pause"),
		"POST /containers/{id}/unpause": e.act("unpause"),
	} {
		mux.HandleFunc(pattern, h)
	}
	return mux
}

func respond(v func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, v()) }
}

func ping(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Builder-Version": "1", // classic: BuildKit would ask for /session and /grpc
		"Cache-Control":   "no-cache, no-store, must-revalidate",
		"Content-Type":    "text/plain; charset=utf-8",
		"Pragma":          "no-cache",
		"Swarm":           "inactive",
	} {
		w.Header().Set(name, value)
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", "0") // not the 2 of the response to GET
		return
	}
	io.WriteString(w, "OK")
}

func version() any {
	return object{
		"Platform":      object{"Name": "Stand-in Engine"},
		"Components":    []object{{"Name": "Engine", "Version": engineVersion, "Details": object{"ApiVersion": apiVersion, "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}}},
		"Version":       engineVersion,
		"ApiVersion":    apiVersion,
		"MinAPIVersion": "1.24",
		"Os":            "linux",
		"Arch":          "amd64",
	}
}

func (e *Engine) info() any {
	e.mu.Lock()
	defer e.mu.Unlock()
	count := map[string]int{}
	for _, c := range e.containers {
		count[c.state]++
	}
	return object{
		"ID":                "stand-in",
		"Name":              "stand-in",
		"Containers":        len(e.containers),
		"ContainersRunning": count["running"],
		"ContainersPaused":  count["paused"],
		"ContainersStopped": count["exited"],
		"Images":            len(e.containers),
		"Driver":            "overlay2",
		"LoggingDriver":     "json-file",
		"CgroupDriver":      "systemd",
		"CgroupVersion":     "2",
		"KernelVersion":     "6.1.0",
		"OperatingSystem":   "Stand-in Linux",
		"OSType":            "linux",
		"Architecture":      "x86_64",
		"NCPU":              2,
		"MemTotal":          int64(4 << 30),
		"DockerRootDir":     "/var/lib/docker",
		"ServerVersion":     engineVersion,
		"DefaultRuntime":    "runc",
		"Plugins":           object{"Volume": []string{"local"}, "Network": []string{"bridge", "host", "null"}, "Log": []string{"json-file"}},
		"Swarm":             object{"LocalNodeState": "inactive"},
		"SecurityOptions":   []string{"name=seccomp,profile=builtin"},
		"Warnings":          nil,
	}
}

func images() any {
	var all []object
	for _, c := range newContainers() {
		all = append(all, object{
			"Id":          "sha256:" + fakeID(c.image),
			"RepoTags":    []string{c.image},
			"RepoDigests": []string{},
			"ParentId":    "",
			"Created":     c.created.Unix(),
			"Size":        42_000_000,
			"Containers":  1,
			"Labels":      object{},
		})
	}
	return all
}

func networks() any {
	var all []object
	for name, driver := range map[string]string{"bridge": "bridge", "host": "host", "none": "null"} {
		all = append(all, object{
			"Name":   name,
			"Id":     fakeID("network " + name),
			"Scope":  "local",
			"Driver": driver,
			"IPAM":   object{"Driver": "default", "Config": []object{}},
			"Labels": object{},
		})
	}
	return all
}

func volumes() any {
	return object{
		"Volumes": []object{{
			"Name":       "db-data",
			"Driver":     "local",
			"Mountpoint": "/var/lib/docker/volumes/db-data/_data",
			"Scope":      "local",
			"Labels":     object{},
			"Options":    object{},
		}},
		"Warnings": nil,
	}
}
