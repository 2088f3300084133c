package guard

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"postern/acl/body"
)

// operation says how a request is judged.
type operation struct {
	// query has a rule for every parameter that an engine reads, fields one for every
	// field of the body.
	query, fields rules
	// lists are the parameters that may be repeated.
	lists []string
	// whole judges what takes two of them together.
	whole func(j *judge, r *Request)
}

// operations has the operations whose content asks for something. The parameters are
// those that the engines' handlers read; some are in no reference.
var operations = map[string]operation{
	"ContainerCreate": {
		query:  rules{"name": ok, "platform": ok},
		fields: createRules,
		whole:  create,
	},
	"ContainerUpdate": {fields: updateRules, whole: func(j *judge, r *Request) { j.limit(r.Body, "", false) }},
	"ContainerStart": {
		query: rules{"detachKeys": ok, "checkpoint": zero("--checkpoint", ""), "checkpoint-dir": zero("--checkpoint-dir", "")},
	},
	"ContainerRename": {query: rules{"name": ok}, whole: rename},
	"ContainerExec": {
		fields: rules{
			"User": ok, "Privileged": privileged, "Tty": ok, "ConsoleSize": ok, "AttachStdin": ok, "AttachStderr": ok,
			"AttachStdout": ok, "Detach": ok, "DetachKeys": ok, "Env": ok, "WorkingDir": ok, "Cmd": ok, "Container": ok,
		},
	},
	"ExecStart":         {fields: rules{"Detach": ok, "Tty": ok, "ConsoleSize": ok}},
	"ContainerCopy":     {fields: rules{"Resource": ok}, whole: archive},
	"NetworkCreate":     {fields: networkCreateRules},
	"NetworkConnect":    {fields: networkConnectRules, whole: connect},
	"NetworkDisconnect": {fields: rules{"Container": ok, "Force": ok}},
	"VolumeCreate":      {fields: volumeCreateRules},
	"ImageCommit": {
		query: rules{
			"container": ok, "repo": ok, "tag": ok, "comment": ok, "author": ok, "pause": ok, "changes": changes,
		},
		lists: []string{"changes"}, fields: configRules, whole: tagged,
	},
	"ImageCreate": {
		query: rules{
			"fromImage": ok, "tag": ok, "platform": ok, "repo": ok, "message": ok, "changes": ok,
			"fromSrc": zero("docker import", "an imported image cannot be judged"),
		},
		lists: []string{"changes"}, whole: pulled,
	},
	"ImageTag":    {query: rules{"repo": ok, "tag": ok, "force": ok}, whole: tagged},
	"ImagePush":   {query: rules{"tag": ok, "platform": ok}, whole: pushed},
	"ImageDelete": {query: rules{"force": ok, "noprune": ok, "platforms": ok}, lists: []string{"platforms"}, whole: removed},
	"ImageBuild": {
		query: rules{
			"t": tags, "remote": buildContext, "dockerfile": dockerfile, "extrahosts": ok, "q": ok,
			"nocache": ok, "cachefrom": ok, "pull": ok, "rm": ok, "forcerm": ok, "memory": ok, "memswap": ok, "cpushares": ok,
			"cpusetcpus": ok, "cpusetmems": ok, "cpuperiod": ok, "cpuquota": ok, "buildargs": ok, "shmsize": ok, "squash": ok,
			"labels": buildLabels, "networkmode": buildNetwork, "platform": ok, "target": ok, "outputs": outputs,
			"version": buildVersion, "session": buildKitOnly, "buildid": ok, "cgroupparent": zero("--cgroup-parent", ""),
			"ulimits": buildUlimits, "securityopt": zero("--security-opt", ""), "isolation": oneOf("--isolation", "", "default"),
		},
		lists: []string{"t", "extrahosts"}, whole: buildLimits,
	},
	"Session":              {whole: buildKit},
	"Grpc":                 {whole: buildKit},
	"ContainerArchive":     {whole: archive},
	"ContainerArchiveInfo": {whole: archive},
	"PutContainerArchive":  {whole: archive},
	"ImageGet":             {lists: []string{"platform"}},
	"ImageGetAll":          {lists: []string{"names", "platform"}},
	"SystemDataUsage":      {lists: []string{"type"}},
	"ImageLoad": {lists: []string{"platform"}, whole: func(j *judge, r *Request) {
		if !j.any("GUARD_TAG") {
			j.wants("the archive", "tags of its own", "", "GUARD_TAG", "*")
		}
	}},
}

// other is for the operations that only name what they act on. What their query may
// ask for concerns the object alone.
var other = operation{}

// Lists are the query parameters of an operation that may be repeated. Of any other the
// engine reads the first only.
func Lists(operation string) []string { return operations[operation].lists }

// parameter judges a query parameter.
func (j *judge) parameter(op operation, key string, values []string) {
	rule, known := op.query[key]
	if op.query == nil {
		return
	}
	for _, value := range values {
		switch {
		case value == "":
		case !known:
			j.never("query parameter "+key, value, "", "the guard has no rule for it")
		default:
			rule(j, "query parameter "+key, value)
		}
	}
}

// create judges what takes more than one field of a new container.
func create(j *judge, r *Request) {
	j.containerName("query parameter name", r.Query.Get("name"))
	r.Body.Delete("Name")
	if j.host == nil {
		r.Body.Set(body.New(body.HostConfig), "HostConfig")
		j.host = r.Body.Object("HostConfig")
	}
	ignored(j.host, "ContainerIDFile")
	if j.host.String("NetworkMode") == "" {
		j.network("HostConfig.NetworkMode", "")
	}
	j.limit(j.host, "HostConfig.", true)
	if project := r.Body.String("Labels", "com.docker.compose.project"); project != "" && project == j.Self.Project {
		j.own("Labels", "compose project "+project, "--label")
	}
}

func hostname(j *judge, field string, value any) {
	if !j.target {
		j.dnsName(field, show(value), "--hostname")
	}
}

// archive judges docker cp. An archive can write through any mount of the container,
// even one that never started, and before 29.5.1 run programs of its as root.
func archive(j *judge, _ *Request) {
	if j.Archive == nil && !j.Engine.SafeArchive || j.Archive != nil && !*j.Archive {
		j.refuse(Violation{Field: "the operation", Asks: "files in a container", Flag: "docker cp", Variable: j.Prefix + "GUARD_ARCHIVE", Value: "1"})
	}
}

func rename(j *judge, r *Request) { j.containerName("query parameter name", r.Query.Get("name")) }

func (j *judge) containerName(field, name string) {
	name = strings.TrimPrefix(name, "/")
	newName(j, field, name)
	j.dnsName(field, name, "--name")
}

// changes judges the Dockerfile lines of docker commit.
func changes(j *judge, field string, value any) {
	line := show(value)
	if strings.Contains(strings.ToLower(line), StampPrefix) {
		j.never(field, line, "--change", "labels that begin with "+StampPrefix+" are postern's")
	}
	if text := strings.TrimRight(line, " \t\r\n"); strings.HasSuffix(text, "\\") || strings.HasSuffix(text, "`") || strings.Contains(text, "<<") {
		// postern's own line, which takes the stamp away, would become a part of it.
		j.never(field, line, "--change", "a line may not go on in the next one")
	}
}

func tags(j *judge, field string, value any) { j.newTag(field, show(value), "-t") }

// buildLabels judges the labels of an image, a JSON object.
func buildLabels(j *judge, field string, value any) {
	var all map[string]string
	if err := json.Unmarshal([]byte(show(value)), &all); err != nil {
		j.never(field, show(value), "--label", "it is not a JSON object of strings")
	}
	for name, v := range all {
		j.label(field, name, v, "--label")
	}
}

// ClientSession is the build context's URL that stands for a connection of BuildKit.
const ClientSession = "client-session"

func buildContext(j *judge, field string, value any) {
	if value == ClientSession {
		j.needBuildKit(field)
		return
	}
	zero("the build context's URL", "send the context")(j, field, value)
}

// buildUlimits judges the ulimits of a build's RUN lines, a JSON list.
func buildUlimits(j *judge, field string, value any) {
	var all []struct{ Name string }
	if err := json.Unmarshal([]byte(show(value)), &all); err != nil {
		j.never(field, show(value), "--ulimit", "it is not a JSON list of ulimits")
	}
	for _, u := range all {
		if j.NanoCPUs > 0 && strings.ToUpper(u.Name) == "RTPRIO" {
			j.never(field, u.Name, "--ulimit", "real-time processes would escape GUARD_CPUS")
		}
	}
}

// buildNetwork judges the network of a build's RUN lines.
func buildNetwork(j *judge, field string, value any) {
	switch name := show(value); {
	case strings.HasPrefix(name, "container:"):
		j.never(field, name, "--network", "")
	case j.network(field, name):
	}
}

func buildKit(j *judge, _ *Request) { j.needBuildKit("the connection") }

func buildKitOnly(j *judge, field string, _ any) { j.needBuildKit(field) }

func buildVersion(j *judge, field string, value any) {
	if value != "1" {
		j.needBuildKit(field)
	}
}

func (j *judge) needBuildKit(field string) {
	if !j.BuildKit {
		j.refuse(Violation{Field: field, Asks: "BuildKit", Flag: "docker build", Variable: j.Prefix + "GUARD_BUILDKIT", Value: "1", Hint: "DOCKER_BUILDKIT=0 where docker runs"})
	}
}

// buildLimits holds the containers of a build to the limits and the networks of other
// containers.
func buildLimits(j *judge, r *Request) {
	if r.Query.Get("networkmode") == "" {
		j.network("query parameter networkmode", "")
	}
	amounts := map[string]string{"memory": "Memory", "memswap": "MemorySwap", "cpuquota": "CpuQuota", "cpuperiod": "CpuPeriod"}
	host := body.New(body.HostConfig)
	for parameter, field := range amounts {
		text := r.Query.Get(parameter)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			j.never("query parameter "+parameter, text, "", "it is not a whole number")
		}
		host.Set(n, field)
	}
	if host.Int("CpuPeriod") == 0 {
		host.Set(int64(defaultPeriod), "CpuPeriod") // a build has no NanoCpus
	}
	before := len(j.violations)
	withoutPids := *j.Guard
	withoutPids.Pids = 0
	limits := judge{Guard: &withoutPids}
	limits.limit(host, "query parameter ", true)
	j.violations = append(j.violations, limits.violations...)
	if len(j.violations) > before || r.Query == nil {
		return
	}
	for parameter, field := range amounts {
		isNeeded := j.Memory > 0 && strings.HasPrefix(field, "Memory") || j.NanoCPUs > 0 && strings.HasPrefix(field, "Cpu")
		if n := host.Int(field); n != 0 && isNeeded {
			r.Query.Set(parameter, strconv.FormatInt(n, 10))
		}
	}
}

// Whole says why an operation cannot be held to limits at all, or "". Section is the
// variable of its section; id is "" for a path that is no known operation.
func (g *Guard) Whole(id, section string) string {
	switch {
	case strings.HasPrefix(section, "LIBPOD_"):
		if slices.Contains([]string{"LIBPOD_PING", "LIBPOD_VERSION", "LIBPOD_INFO"}, section) {
			return ""
		}
		return "Podman's own API cannot be guarded: use the Docker API"
	case slices.Contains([]string{"SERVICES", "TASKS", "NODES", "SWARM", "SECRETS", "CONFIGS", "PLUGINS"}, section):
		return "the section " + section + " cannot be guarded"
	case id == "":
		return "it is no operation that the guard knows"
	}
	return wholly[id]
}

// wholly are operations that cannot be guarded.
var wholly = map[string]string{
	"CheckpointList":   "checkpoints cannot be guarded",
	"CheckpointCreate": "checkpoints cannot be guarded",
	"CheckpointDelete": "checkpoints cannot be guarded",
	"BuildPrune":       "the build cache is everybody's",
	"ImagePrune":       "images are everybody's",
	"BuildCancel":      "builds have no owner",
	"VolumeUpdate":     "cluster volumes cannot be guarded",
}
