// Package preset lists the operations that well-known programs need. A preset
// names operations by their ids alone, so that the package imports nothing of the
// policy; a test of package acl asserts that each id exists.
package preset

import (
	"fmt"
	"slices"
	"strings"

	"postern/acl/spelling"
)

// Preset is the least that a well-known program needs.
type Preset struct {
	// Name is what PRESET takes.
	Name string
	// Reason says in a few words what the program does with the operations.
	Reason string
	// Operations are the ids of the operations that its source calls.
	Operations []string
	// Guesses are ids that the preset allows although the call was not found in
	// the source: a program of this kind most likely uses them too.
	Guesses []string
	// Note says what the preset leaves out, or what a user can take away, and
	// how. It may be empty.
	Note string
	// Source is where Operations can be checked: a public project with the file
	// or thread.
	Source string
}

// IDs lists the ids of all that the preset allows.
func (p Preset) IDs() []string { return slices.Concat(p.Operations, p.Guesses) }

// Has reports whether the preset allows the operation with an id.
func (p Preset) Has(id string) bool {
	return slices.Contains(p.Operations, id) || slices.Contains(p.Guesses, id)
}

// ping is how programs on Docker's Go client learn the version of the API: by the
// first operation, or by the second from an engine that refuses the first.
const ping = "SystemPingHead SystemPing "

// All lists the presets by name.
var All = []Preset{
	{Name: "acme-companion", Reason: "gets certificates, reloads nginx in its container",
		Operations: ids("SystemPing SystemVersion SystemInfo SystemEvents ContainerList ContainerInspect NetworkList ContainerKill ContainerRestart ContainerExec ExecStart"),
		Note:       "with docker-gen in a container of its own nothing is executed: DENY=ContainerExec,ExecStart",
		Source:     "nginx-proxy/acme-companion app/functions.sh, app/start.sh (it runs docker-gen)"},
	{Name: "autoheal", Reason: "restarts unhealthy containers",
		Operations: ids("ContainerList ContainerRestart"),
		Note:       "its TCP mode is HTTPS only: give it a unix listener, LISTEN=unix:///run/postern/docker.sock",
		Source:     "willfarrell/docker-autoheal docker-entrypoint; issues 48, 76"},
	{Name: "beszel", Reason: "graphs of containers",
		Operations: ids("SystemVersion ContainerList ContainerStats"),
		Note:       "its panels with details and logs need ALLOW=ContainerInspect,ContainerLogs beside",
		Source:     "henrygd/beszel agent/docker.go"},
	{Name: "crowdsec", Reason: "reads logs of containers and Swarm services",
		Operations: ids(ping + "SystemInfo SystemEvents ContainerList ContainerInspect ContainerLogs ServiceList ServiceInspect ServiceLogs"),
		Note:       "without a Swarm: DENY=Service*",
		Source:     "crowdsecurity/crowdsec pkg/acquisition/modules/docker/run.go"},
	{Name: "diun", Reason: "tells of new images",
		Operations: ids(ping + "SystemVersion ContainerList ImageInspect ServiceList"),
		Note:       "without its swarm provider: DENY=ServiceList",
		Source:     "crazy-max/diun pkg/docker/client.go, container.go, image.go, service.go"},
	{Name: "docker-cli-readonly", Reason: "the docker command: ps, logs, inspect, stats, df",
		Operations: ids(ping + "SystemVersion SystemInfo SystemEvents SystemDataUsage ContainerList ContainerInspect ContainerLogs ContainerTop ContainerStats ContainerChanges ImageList ImageInspect ImageHistory NetworkList NetworkInspect VolumeList VolumeInspect"),
		Note:       "for a Swarm's services, nodes and tasks: SERVICES=1 NODES=1 TASKS=1 beside",
		Source:     "docker/cli cli/command"},
	{Name: "docker-gen", Reason: "writes files of containers, signals nginx",
		Operations: ids("SystemPing SystemVersion SystemInfo SystemEvents ContainerList ContainerInspect NetworkList ContainerKill ContainerRestart"),
		Note:       "nginx-proxy and others that notify no container: DENY=ContainerKill,ContainerRestart",
		Source:     "nginx-proxy/docker-gen internal/generator/generator.go"},
	{Name: "dozzle", Reason: "shows logs and statistics",
		Operations: ids(ping + "SystemInfo SystemEvents ContainerList ContainerInspect ContainerStats ContainerLogs"),
		Source:     "amir20/dozzle internal/docker/client.go; issues 3924, 4936"},
	{Name: "dozzle-actions", Reason: "dozzle with its buttons to start and stop",
		Operations: ids(ping + "SystemInfo SystemEvents ContainerList ContainerInspect ContainerStats ContainerLogs ContainerStart ContainerStop ContainerRestart"),
		Note:       "its shell needs ALLOW=ContainerAttach,ContainerExec,ExecStart,ExecResize beside",
		Source:     "amir20/dozzle internal/docker/client.go; issue 4190"},
	{Name: "gitlab-runner", Reason: "runs CI jobs in containers (executor docker)",
		Operations: ids("SystemInfo ImageInspect ImageCreate ContainerCreate ContainerStart ContainerWait ContainerKill ContainerInspect ContainerAttach ContainerLogs ContainerDelete NetworkList NetworkDisconnect"),
		Guesses:    ids(ping + "SystemVersion ContainerList ContainerStop ContainerExec ExecStart ExecInspect ImageTag NetworkInspect NetworkCreate NetworkConnect NetworkDelete VolumeInspect VolumeCreate VolumeDelete"),
		Note:       "the runner's own connection; a job that uses the socket itself needs what it does there",
		Source:     "gitlabhq/gitlab-runner helpers/docker/client.go (an old release)"},
	{Name: "glances", Reason: "shows containers beside the host",
		Operations: ids("SystemVersion ContainerList ContainerInspect ContainerStats ImageInspect"),
		Source:     "nicolargo/glances glances/plugins/containers/engines/docker.py; issue 2267"},
	{Name: "home-assistant", Reason: "monitor_docker: sensors and switches",
		Operations: ids("SystemVersion SystemInfo SystemEvents ContainerList ContainerInspect ContainerStats ContainerStart ContainerStop ContainerRestart"),
		Note:       "without switches and buttons: DENY=ContainerStart,ContainerStop,ContainerRestart",
		Source:     "ualex73/monitor_docker custom_components/monitor_docker/helpers.py"},
	{Name: "homepage", Reason: "shows the state of services",
		Operations: ids("ContainerList ContainerStats ServiceList TaskList"),
		Guesses:    ids("ContainerInspect"),
		Note:       "without a Swarm: DENY=ServiceList,TaskList",
		Source:     "gethomepage/homepage src/utils/docker/status.js, src/pages/api/docker/stats"},
	{Name: "netdata", Reason: "names containers and counts them",
		Operations: ids(ping + "SystemInfo ContainerList ContainerInspect ImageList"),
		Source:     "netdata/netdata src/go/plugin/go.d/collector/docker/collect.go, src/collectors/cgroups.plugin/cgroup-name.sh.in"},
	{Name: "portainer", Reason: "manages everything: as good as root",
		Operations: ids(ping + "SystemVersion SystemInfo SystemEvents SystemDataUsage SystemAuth " +
			"ContainerList ContainerInspect ContainerLogs ContainerStats ContainerTop ContainerCreate ContainerUpdate ContainerResize ContainerPrune PutContainerArchive ContainerExec ExecResize " +
			"ImageList ImageInspect ImageHistory ImageSearch ImageGetAll ImageCreate ImageTag ImagePush ImageDelete " +
			"NetworkList NetworkInspect NetworkCreate NetworkConnect NetworkDisconnect NetworkDelete VolumeList VolumeInspect VolumeCreate VolumeDelete PluginList " +
			"SwarmInspect NodeList NodeInspect NodeUpdate NodeDelete ServiceList ServiceInspect ServiceCreate ServiceUpdate ServiceDelete ServiceLogs TaskList TaskInspect TaskLogs " +
			"SecretList SecretInspect SecretCreate SecretDelete ConfigList ConfigInspect ConfigCreate ConfigDelete"),
		Guesses: ids("ContainerStart ContainerStop ContainerRestart ContainerKill ContainerPause ContainerUnpause ContainerRename ContainerDelete ContainerAttach ContainerWait " +
			"ExecStart ExecInspect ImageCommit ImageBuild ImageLoad ImageGet ImagePrune DistributionInspect"),
		Note:   "without its console: DENY=ContainerExec,ExecStart,ContainerAttach; without image builds: DENY=ImageBuild",
		Source: "portainer/portainer app/docker/rest, pkg/snapshot/docker.go; issue 3658; Tecnativa/docker-socket-proxy issues 56, 78, 89"},
	{Name: "testcontainers", Reason: "runs containers for tests and removes them",
		Operations: ids(ping + "ContainerList ContainerCreate ContainerStart ContainerInspect ContainerLogs ContainerDelete ContainerExec ExecStart ExecInspect " +
			"ContainerArchive PutContainerArchive ImageInspect ImageList ImageCreate ImageBuild ImageDelete NetworkList NetworkInspect NetworkCreate NetworkConnect NetworkDelete VolumeList VolumeDelete"),
		Guesses: ids("SystemInfo SystemVersion ContainerStop ContainerKill ContainerWait ContainerAttach ImageTag VolumeCreate"),
		Note:    "Ryuk mounts the engine's own socket, past postern: TESTCONTAINERS_RYUK_DISABLED=true, or a unix listener and TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE",
		Source:  "testcontainers/testcontainers-go docker.go; testcontainers/moby-ryuk reaper.go; testcontainers/testcontainers-java issue 9137"},
	{Name: "traefik", Reason: "routes to containers (provider docker)",
		Operations: ids(ping + "SystemVersion SystemEvents ContainerList ContainerInspect"),
		Source:     "traefik/traefik pkg/provider/docker/pdocker.go; issue 12256 (ping)"},
	{Name: "traefik-swarm", Reason: "routes to Swarm services (provider swarm)",
		Operations: ids(ping + "SystemVersion ServiceList NetworkList TaskList NodeInspect"),
		Source:     "traefik/traefik pkg/provider/docker/pswarm.go"},
	{Name: "uptime-kuma", Reason: "watches whether containers run",
		Operations: ids("ContainerList ContainerInspect"),
		Source:     "louislam/uptime-kuma server/docker.js, server/model/monitor.js"},
	{Name: "watchtower", Reason: "replaces containers by newer ones: as good as root",
		Operations: ids("ContainerList ContainerInspect ContainerKill ContainerCreate ContainerStart ContainerRename ContainerDelete " +
			"ImageInspect ImageCreate ImageDelete NetworkConnect NetworkDisconnect"),
		Guesses: ids(ping + "ContainerStop"),
		Note:    "its lifecycle hooks need ALLOW=ContainerExec,ExecStart,ExecInspect beside",
		Source:  "containrrr/watchtower pkg/container/client.go; Tecnativa/docker-socket-proxy issue 114"},
}

func ids(s string) []string { return strings.Fields(s) }

// Find returns the preset with a name. An error names the nearest ones.
func Find(name string) (Preset, error) {
	var names []string
	for _, p := range All {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Preset{}, fmt.Errorf("no preset has this name; want one such as %s; postern presets lists them",
		strings.Join(spelling.Resembling(name, names), ", "))
}
