package advise

import (
	"slices"
	"strings"

	"postern/acl/redact"
)

// less lists what operations still show when something is redacted: of several rows that
// apply the last one counts. "" means nothing that is a danger.
var less = []struct {
	ids   string
	hides redact.Kinds
	shows string
}{
	{"ContainerInspect ContainerInspectLibpod GenerateKubeLibpod GenerateSystemdLibpod", redact.Env, "read every container's command line and labels"},
	{"ContainerInspect ContainerInspectLibpod GenerateKubeLibpod GenerateSystemdLibpod", redact.Env | redact.Args, "read every container's labels"},
	{"ContainerTop ContainerTopLibpod", redact.Env, "read the command line of every process in containers"},
	{"ContainerTop ContainerTopLibpod", redact.Args, ""},
	{"ContainerList SystemDataUsage ContainerListLibpod", redact.Args, "read every container's labels"},
	{"ExecInspect ExecInspectLibpod", redact.Args, ""},
	{"SystemEvents", redact.Args, "read containers' labels"},
	{"ImageInspect ImageHistory ImageInspectLibpod ImageHistoryLibpod", redact.Env, ""},
	{"ServiceInspect ServiceList", redact.Env, "read every Swarm service's command line and labels"},
	{"ServiceInspect ServiceList", redact.Env | redact.Args, "read every Swarm service's labels"},
	{"TaskInspect TaskList", redact.Env, "read every Swarm task's command line and labels"},
	{"TaskInspect TaskList", redact.Env | redact.Args, "read every Swarm task's labels"},
	{"PluginInspect PluginList", redact.Env, ""},
}

// redacted returns what is left of a danger. Its Why is "" if that is nothing.
func (d Danger) redacted(kinds redact.Kinds) Danger {
	for _, row := range less {
		if len(d.All) == 1 && slices.Contains(strings.Fields(row.ids), d.All[0]) && kinds&row.hides == row.hides {
			d.Why = row.shows
		}
	}
	return d
}
