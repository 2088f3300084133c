package redact

import "strings"

// field is a place in a response. Its path has the keys from the outermost object
// on; [] follows a list and stands for each item.
type field struct {
	// ids are the operations whose responses have it.
	ids string
	// hides are the kinds of data of which it may hold one. It is replaced if any of
	// them is redacted.
	hides Kinds
	rule  *rule
	paths string
}

// What a Swarm service or task says of its containers, below its TaskTemplate or Spec.
const (
	specEnv  = "ContainerSpec.Env[] PluginSpec.Env[]"
	specArgs = "ContainerSpec.Command[] ContainerSpec.Args[]"
	specTest = "ContainerSpec.Healthcheck.Test[]"
)

// fields lists where the engine's responses hold environments and command lines, in
// the forms of all API versions. A test compares it with the API references since
// version 1.25; what only older engines have is in it too.
var fields = []field{
	{"ContainerInspect", Env, variable, "Config.Env[]"},
	// The classic builder's containers: docker build --rm=false leaves them, as does a build
	// that fails. A row for command lines takes the place of these.
	{"ContainerInspect", Env, step, "Args[] Config.Cmd[]"},
	{"ContainerList", Env, stepLine, "[].Command"},
	{"SystemDataUsage", Env, stepLine, "Containers[].Command ContainerUsage.Items[].Command"},
	{"ContainerInspect", Args, whole, "Path Args[] Config.Cmd[] Config.Entrypoint[]"},
	{"ContainerInspect", Args, test, "Config.Healthcheck.Test[]"},
	// A Dockerfile's instructions for images that are built on this one, and what
	// health checks print.
	{"ContainerInspect", Env | Args, whole, "Config.OnBuild[] State.Health.Log[].Output"},
	{"ContainerInspect", Args, failure, "State.Error"},
	{"ContainerWait", Args, failure, "Error.Message"},
	{"ContainerList", Args, whole, "[].Command"},
	{"ContainerTop", Args, cell, "Processes[][]"},

	{"ExecInspect", Args, whole, "ProcessConfig.entrypoint ProcessConfig.arguments[]"},
	// Engines before API 1.19 describe the whole container.
	{"ExecInspect", Env, variable, "Container.Config.Env[]"},
	{"ExecInspect", Args, whole, "Container.Path Container.Args[] Container.Config.Cmd[] Container.Config.Entrypoint[]"},
	{"ExecInspect", Env | Args, whole, "Container.Config.OnBuild[]"},

	// ContainerConfig is what the last step of the build ran in, up to API 1.44. Its command
	// has ENV with its value, or RUN with the build arguments.
	{"ImageInspect", Env, variable, "Config.Env[] ContainerConfig.Env[] container_config.Env[]"},
	{"ImageInspect", Args, whole, "Config.Cmd[] Config.Entrypoint[] ContainerConfig.Entrypoint[] container_config.Entrypoint[]"},
	{"ImageInspect", Env | Args, whole, "ContainerConfig.Cmd[] container_config.Cmd[]"},
	{"ImageInspect", Args, test, "Config.Healthcheck.Test[] ContainerConfig.Healthcheck.Test[]"},
	{"ImageInspect", Env | Args, whole, "Config.OnBuild[] ContainerConfig.OnBuild[] container_config.OnBuild[]"},
	// A Dockerfile's instructions: ENV with its value, RUN with the build arguments.
	{"ImageHistory", Env | Args, whole, "[].CreatedBy"},
	// A build's provenance has its arguments and the environment of its steps.
	{"ImageAttestations", Env | Args, drop, "[].Statement"},
	{"SystemDataUsage", Args, whole, "Containers[].Command ContainerUsage.Items[].Command"},
	{"SystemDataUsage", Env | Args, whole, "BuildCache[].Description BuildCacheUsage.Items[].Description"},
	// status is the action in the form of API versions before 1.22.
	{"SystemEvents", Args, action, "Action status"},

	{"ServiceInspect", Env, variable, below("Spec.TaskTemplate PreviousSpec.TaskTemplate", specEnv)},
	{"ServiceInspect", Args, whole, below("Spec.TaskTemplate PreviousSpec.TaskTemplate", specArgs)},
	{"ServiceInspect", Args, test, below("Spec.TaskTemplate PreviousSpec.TaskTemplate", specTest)},
	{"ServiceList", Env, variable, below("[].Spec.TaskTemplate [].PreviousSpec.TaskTemplate", specEnv)},
	{"ServiceList", Args, whole, below("[].Spec.TaskTemplate [].PreviousSpec.TaskTemplate", specArgs)},
	{"ServiceList", Args, test, below("[].Spec.TaskTemplate [].PreviousSpec.TaskTemplate", specTest)},
	{"TaskInspect", Env, variable, below("Spec", specEnv)},
	{"TaskInspect", Args, whole, below("Spec", specArgs)},
	{"TaskInspect", Args, test, below("Spec", specTest)},
	{"TaskInspect", Args, failure, "Status.Err"},
	{"TaskList", Args, failure, "[].Status.Err"},
	{"TaskList", Env, variable, below("[].Spec", specEnv)},
	{"TaskList", Args, whole, below("[].Spec", specArgs)},
	{"TaskList", Args, test, below("[].Spec", specTest)},

	// The reference has a response for PluginDelete; no engine sends one yet.
	{"PluginInspect PluginDelete", Env, variable, "Settings.Env[]"},
	{"PluginInspect PluginDelete", Env, whole, "Config.Env[].Value"},
	{"PluginInspect PluginDelete", Args, whole, "Settings.Args[] Config.Args.Value[] Config.Entrypoint[]"},
	{"PluginList", Env, variable, "[].Settings.Env[]"},
	{"PluginList", Env, whole, "[].Config.Env[].Value"},
	{"PluginList", Args, whole, "[].Settings.Args[] [].Config.Args.Value[] [].Config.Entrypoint[]"},
}

// failures lists where the engine's errors, of status 400 and above, hold a command line.
var failures = []field{
	{"ContainerStart ContainerRestart PluginEnable", Args, failure, "message"},
}

// bodies lists where a client's request says what environment and command line it
// wants. The engine takes a string for a list of one, but for an environment. EnvMerge is
// Podman's.
var bodies = []field{
	{"ContainerCreate ContainerExec ImageCommit", Env, markedVariable, "Env[] EnvMerge[]"},
	{"ContainerCreate ContainerExec ImageCommit", Args, marked, "Cmd Cmd[] Entrypoint Entrypoint[] Healthcheck.Test[]"},
	{"ServiceCreate ServiceUpdate", Env, markedVariable, below("TaskTemplate", specEnv)},
	{"ServiceCreate ServiceUpdate", Args, marked, below("TaskTemplate", specArgs+" "+specTest)},
	{"PluginSet", Env, markedVariable, "[]"},
}

// streams are the operations whose response is one JSON value after the other.
const streams = "SystemEvents"

// below puts each of the parents in front of each of the paths.
func below(parents, paths string) string {
	var all []string
	for parent := range strings.FieldsSeq(parents) {
		for path := range strings.FieldsSeq(paths) {
			all = append(all, parent+"."+path)
		}
	}
	return strings.Join(all, " ")
}

// node is a place in a response, with what is below it. Only its own types of value
// and null may be there, or anything for the rule drop.
type node struct {
	fields []member // of an object, nil if it must not be one
	item   *node    // of a list, nil if it must not be one
	rule   *rule    // of a text, nil if it must not be one
}

type member struct {
	name string
	*node
}

// compile returns the outermost node of an operation's response or body. It is nil if
// the table has none of the kinds for it.
func compile(table []field, id string, kinds Kinds) *node {
	var root *node
	for _, f := range table {
		if f.hides&kinds == 0 || !has(f.ids, id) {
			continue
		}
		if root == nil {
			root = &node{}
		}
		for path := range strings.FieldsSeq(f.paths) {
			root.at(path).rule = f.rule
		}
	}
	return root
}

func has(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

// at returns the node at a path, and makes what is missing.
func (n *node) at(path string) *node {
	for path != "" {
		if rest, isList := strings.CutPrefix(path, "[]"); isList {
			if n.item == nil {
				n.item = &node{}
			}
			n, path = n.item, strings.TrimPrefix(rest, ".")
			continue
		}
		end := strings.IndexAny(path+".", ".[")
		name, rest := path[:end], strings.TrimPrefix(path[end:], ".")
		next := n.field([]byte(name))
		if next == nil {
			next = &node{}
			n.fields = append(n.fields, member{name, next})
		}
		n, path = next, rest
	}
	return n
}

// field returns the node of a key, in any case, or nil.
func (n *node) field(key []byte) *node {
	for _, f := range n.fields {
		if strings.EqualFold(f.name, string(key)) {
			return f.node
		}
	}
	return nil
}
