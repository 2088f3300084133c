package advise

import (
	"slices"
	"sync"

	"postern/acl"
)

// Danger is a set of operations that together allow more than their names say.
type Danger struct {
	Kind DangerKind `json:"kind"`
	// All are ids. The danger is there when a policy allows every one.
	All []string `json:"operations"`
	// Why says what a client can do with them: "read what containers print".
	Why string `json:"why"`
}

// DangerKind groups dangers.
type DangerKind string

// The kinds of danger, worst first.
const (
	RootOnHost   DangerKind = "root on the host"
	LeaksSecrets DangerKind = "leaks secrets"
	CallsOut     DangerKind = "makes the engine call out"
)

// dangers lists what people open without knowing the consequence.
var dangers = []Danger{
	{RootOnHost, []string{"ContainerCreate", "ContainerStart"}, "start a container that mounts the host's file system"},
	{RootOnHost, []string{"ContainerCreate", "ContainerRestart"}, "start a container that mounts the host's file system"},
	{RootOnHost, []string{"ContainerExec", "ExecStart"}, "run commands in containers, privileged ones included"},
	{RootOnHost, []string{"PutContainerArchive"}, "replace the programs that containers run"},
	{RootOnHost, []string{"PluginPull", "PluginEnable"}, "install an engine plugin, which runs as root"},
	{RootOnHost, []string{"PluginCreate", "PluginEnable"}, "install an engine plugin, which runs as root"},
	{RootOnHost, []string{"PluginUpgrade", "PluginEnable"}, "install an engine plugin, which runs as root"},
	{RootOnHost, []string{"ServiceCreate"}, "start a Swarm service that mounts the host's file system"},
	{RootOnHost, []string{"ServiceUpdate"}, "give a Swarm service the host's file system"},
	{RootOnHost, []string{"SwarmJoin"}, "put the engine under a Swarm of the client's own, whose services mount the host's file system"},
	{RootOnHost, []string{"ImageBuild", "Session"}, "build with BuildKit, which can be asked for privileges"},
	{RootOnHost, []string{"Grpc"}, "command BuildKit, which can be asked for privileges"},
	// Podman's build takes ?volume=, ?devices= and ?addcaps=, behind Docker's path, too.
	{RootOnHost, []string{"ImageBuild"}, "build with the host's file system mounted, if the engine is Podman"},
	{RootOnHost, []string{"CheckpointCreate"}, "write into any directory of the host, if the engine is experimental"},
	{RootOnHost, []string{"CheckpointDelete"}, "remove any directory of the host, if the engine is experimental"},
	{RootOnHost, []string{"ContainerCreateLibpod", "ContainerStartLibpod"}, "start a container that mounts the host's file system"},
	{RootOnHost, []string{"ContainerCreateLibpod", "ContainerRestartLibpod"}, "start a container that mounts the host's file system"},
	{RootOnHost, []string{"PodCreateLibpod", "PodStartLibpod"}, "start a pod that mounts the host's file system"},
	{RootOnHost, []string{"PodCreateLibpod", "PodRestartLibpod"}, "start a pod that mounts the host's file system"},
	{RootOnHost, []string{"ContainerRestoreLibpod"}, "start a container that an uploaded checkpoint describes, mounts included"},
	{RootOnHost, []string{"ContainerExecLibpod", "ExecStartLibpod"}, "run commands in containers, privileged ones included"},
	{RootOnHost, []string{"PutContainerArchiveLibpod"}, "replace the programs that containers run"},
	{RootOnHost, []string{"VolumeImportLibpod", "VolumeCreateLibpod"}, "write into any directory of the host"},
	{RootOnHost, []string{"VolumeImportLibpod", "VolumeCreate"}, "write into any directory of the host"},
	{RootOnHost, []string{"VolumeImportLibpod"}, "replace the files in volumes"},
	{RootOnHost, []string{"PlayKubeLibpod"}, "start pods that mount the host's file system"},
	{RootOnHost, []string{"QuadletInstallLibpod"}, "install units that systemd runs"},
	{RootOnHost, []string{"LocalBuildLibpod"}, "build from any directory of the host"},
	{RootOnHost, []string{"ImageBuildLibpod"}, "build with the host's file system mounted"},
	{LeaksSecrets, []string{"ContainerInspect"}, "read every container's environment"},
	{LeaksSecrets, []string{"ContainerLogs"}, "read what containers print"},
	// GET ...?logs=1 replays what was printed.
	{LeaksSecrets, []string{"ContainerAttach"}, "read what containers print, and type into them"},
	{LeaksSecrets, []string{"ContainerAttachWebsocket"}, "read what containers print, and type into them"},
	// ps_args=eww appends each process's environment.
	{LeaksSecrets, []string{"ContainerTop"}, "read the environment of every process in containers"},
	{LeaksSecrets, []string{"ContainerList"}, "read every container's command line and labels"},
	{LeaksSecrets, []string{"SystemDataUsage"}, "read every container's command line and labels"},
	{LeaksSecrets, []string{"ExecInspect"}, "read the command lines of execs"},
	// The command line is in the action, exec_create: CMD; a health check is an exec.
	{LeaksSecrets, []string{"SystemEvents"}, "read the command line of every exec and health check, and containers' labels"},
	{LeaksSecrets, []string{"CheckpointList"}, "list any directory of the host, if the engine is experimental"},
	{LeaksSecrets, []string{"ContainerArchive"}, "read every file in containers"},
	{LeaksSecrets, []string{"ContainerCopy"}, "read every file in containers"},
	{LeaksSecrets, []string{"ContainerExport"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommit", "ImageGet"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommit", "ImageGetAll"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommit", "ImagePush"}, "send every file in containers to a registry"},
	{LeaksSecrets, []string{"ImageGet"}, "read every file in images"},
	{LeaksSecrets, []string{"ImageGetAll"}, "read every file in images"},
	{LeaksSecrets, []string{"ImageInspect"}, "read the environment and build arguments in images"},
	{LeaksSecrets, []string{"ImageHistory"}, "read the environment and build arguments in images"},
	// The local driver's o=username=...,password=... of cifs.
	{LeaksSecrets, []string{"VolumeInspect"}, "read the options of volumes, passwords of network shares among them"},
	{LeaksSecrets, []string{"VolumeList"}, "read the options of volumes, passwords of network shares among them"},
	{LeaksSecrets, []string{"ServiceInspect"}, "read every Swarm service's environment"},
	{LeaksSecrets, []string{"ServiceList"}, "read every Swarm service's environment"},
	{LeaksSecrets, []string{"ServiceLogs"}, "read what Swarm services print"},
	{LeaksSecrets, []string{"TaskInspect"}, "read every Swarm task's environment"},
	{LeaksSecrets, []string{"TaskList"}, "read every Swarm task's environment"},
	{LeaksSecrets, []string{"TaskLogs"}, "read what Swarm tasks print"},
	{LeaksSecrets, []string{"ConfigInspect"}, "read Swarm configs"},
	{LeaksSecrets, []string{"ConfigList"}, "read Swarm configs"},
	{LeaksSecrets, []string{"PluginInspect"}, "read the environment of engine plugins"},
	{LeaksSecrets, []string{"PluginList"}, "read the environment of engine plugins"},
	{LeaksSecrets, []string{"SwarmInspect"}, "read the Swarm's join tokens, which admit a manager"},
	{LeaksSecrets, []string{"SwarmUnlockkey"}, "read the key that unlocks the Swarm's managers"},
	// Podman's ?showsecret=true works behind Docker's path, too.
	{LeaksSecrets, []string{"SecretInspect"}, "read secrets, content included, if the engine is Podman"},
	{LeaksSecrets, []string{"ContainerInspectLibpod"}, "read every container's environment"},
	{LeaksSecrets, []string{"ContainerLogsLibpod"}, "read what containers print"},
	{LeaksSecrets, []string{"ContainerAttachLibpod"}, "read what containers print, and type into them"},
	{LeaksSecrets, []string{"ContainerTopLibpod"}, "read the environment of every process in containers"},
	{LeaksSecrets, []string{"PodTopLibpod"}, "read the command line of every process in pods"},
	{LeaksSecrets, []string{"ContainerListLibpod"}, "read every container's command line and labels"},
	{LeaksSecrets, []string{"ExecInspectLibpod"}, "read the command lines of execs"},
	// Podman can be set to put a new container's whole inspect into its event.
	{LeaksSecrets, []string{"SystemEventsLibpod"}, "read containers' labels and the output of health checks, and environments if events_container_create_inspect_data is set"},
	{LeaksSecrets, []string{"ContainerCheckpointLibpod"}, "read the memory of containers"},
	{LeaksSecrets, []string{"ContainerArchiveLibpod"}, "read every file in containers"},
	{LeaksSecrets, []string{"ContainerExportLibpod"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommitLibpod", "ImageGetLibpod"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommitLibpod", "ImageExportLibpod"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommitLibpod", "ImagePushLibpod"}, "send every file in containers to a registry"},
	{LeaksSecrets, []string{"ImageGetLibpod"}, "read every file in images"},
	{LeaksSecrets, []string{"ImageExportLibpod"}, "read every file in images"},
	{LeaksSecrets, []string{"ImageInspectLibpod"}, "read the environment and build arguments in images"},
	{LeaksSecrets, []string{"ImageHistoryLibpod"}, "read the environment and build arguments in images"},
	{LeaksSecrets, []string{"VolumeInspectLibpod"}, "read the options of volumes, passwords of network shares among them"},
	{LeaksSecrets, []string{"VolumeListLibpod"}, "read the options of volumes, passwords of network shares among them"},
	{LeaksSecrets, []string{"SecretInspectLibpod"}, "read secrets, content included"},
	{LeaksSecrets, []string{"VolumeExportLibpod"}, "read every file in volumes"},
	{LeaksSecrets, []string{"VolumeExportLibpod", "VolumeCreateLibpod"}, "read any directory of the host"},
	{LeaksSecrets, []string{"VolumeExportLibpod", "VolumeCreate"}, "read any directory of the host"},
	{LeaksSecrets, []string{"QuadletFileLibpod"}, "read the host's unit files, the environments in them included"},
	{LeaksSecrets, []string{"GenerateKubeLibpod"}, "read every container's environment"},
	{LeaksSecrets, []string{"GenerateSystemdLibpod"}, "read every container's environment"},
	{LeaksSecrets, []string{"ArtifactLocalLibpod", "ArtifactExtractLibpod"}, "read any file of the host"},
	{LeaksSecrets, []string{"ArtifactLocalLibpod", "ArtifactPushLibpod"}, "send any file of the host to a registry"},
	{CallsOut, []string{"DistributionInspect"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImageSearch"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"GetPluginPrivileges"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"SystemAuth"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImagePush"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"PluginPull"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"PluginPush"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"PluginUpgrade"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImageCreate"}, "have the engine fetch any URL"},
	{CallsOut, []string{"ImageBuild"}, "have the engine fetch any URL"},
	{CallsOut, []string{"ImageSearchLibpod"}, "have the engine ask a registry of the client's choice"},
	// Podman asks the registry for what it does not have.
	{CallsOut, []string{"ManifestInspectLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ManifestAddLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ManifestModifyLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ManifestCreateLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ManifestPushLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ManifestPushV3Libpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImagePullLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImagePushLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ArtifactPullLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ArtifactPushLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImageImportLibpod"}, "have the engine fetch any URL"},
	{CallsOut, []string{"ImageScpLibpod"}, "have the engine log in to a host of the client's choice"},
	{CallsOut, []string{"KubeApplyLibpod"}, "have the engine call a Kubernetes cluster"},
}

// Dangers lists the dangers that a policy opens, worst first.
func Dangers(p *acl.Policy) []Danger {
	allowed := allowedIDs(p)
	var found []Danger
	for _, d := range dangers {
		open := d.in(allowed)
		// Report each pair of first operation and reason once.
		reported := func(other Danger) bool { return other.All[0] == d.All[0] && other.Why == d.Why }
		if open && !slices.ContainsFunc(found, reported) {
			found = append(found, d)
		}
	}
	return found
}

// ByDefault reports whether the danger is there without any setting. The start
// does not warn of such a danger: users would stop reading a warning that is in
// every log.
func (d Danger) ByDefault() bool {
	return d.in(allowedByDefault())
}

// in reports whether every operation of the danger is among the allowed ones.
func (d Danger) in(allowed map[string]bool) bool {
	return !slices.ContainsFunc(d.All, func(id string) bool { return !allowed[id] })
}

var allowedByDefault = sync.OnceValue(func() map[string]bool { return allowedIDs(acl.Compile(acl.Rules{})) })

// allowedIDs is the set of the operations that a policy allows.
func allowedIDs(p *acl.Policy) map[string]bool {
	allowed := map[string]bool{}
	for i := range acl.Operations {
		if p.Operation(i).Outcome == acl.Allowed {
			allowed[acl.Operations[i].ID] = true
		}
	}
	return allowed
}

// dangerRank is the place of the worst danger that an operation is part of, and
// the number of dangers for any other operation.
func dangerRank(id string) int {
	if rank, dangerous := dangerRanks()[id]; dangerous {
		return rank
	}
	return len(dangers)
}

var dangerRanks = sync.OnceValue(func() map[string]int {
	ranks := map[string]int{}
	for i, d := range slices.Backward(dangers) {
		for _, id := range d.All {
			ranks[id] = i
		}
	}
	return ranks
})
