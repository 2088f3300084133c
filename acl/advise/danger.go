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
	{RootOnHost, []string{"ContainerCreateLibpod", "ContainerStartLibpod"}, "start a container that mounts the host's file system"},
	{RootOnHost, []string{"ContainerCreateLibpod", "ContainerRestartLibpod"}, "start a container that mounts the host's file system"},
	{RootOnHost, []string{"PodCreateLibpod", "PodStartLibpod"}, "start a pod that mounts the host's file system"},
	{RootOnHost, []string{"PodCreateLibpod", "PodRestartLibpod"}, "start a pod that mounts the host's file system"},
	{RootOnHost, []string{"ContainerRestoreLibpod"}, "start a container that an uploaded checkpoint describes, mounts included"},
	{RootOnHost, []string{"ContainerExecLibpod", "ExecStartLibpod"}, "run commands in containers, privileged ones included"},
	{RootOnHost, []string{"PutContainerArchiveLibpod"}, "replace the programs that containers run"},
	{RootOnHost, []string{"PlayKubeLibpod"}, "start pods that mount the host's file system"},
	{RootOnHost, []string{"QuadletInstallLibpod"}, "install units that systemd runs"},
	{RootOnHost, []string{"LocalBuildLibpod"}, "build from any directory of the host"},
	{LeaksSecrets, []string{"ContainerInspect"}, "read every container's environment"},
	{LeaksSecrets, []string{"ContainerLogs"}, "read what containers print"},
	{LeaksSecrets, []string{"ContainerArchive"}, "read every file in containers"},
	{LeaksSecrets, []string{"ContainerCopy"}, "read every file in containers"},
	{LeaksSecrets, []string{"ContainerExport"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommit", "ImageGet"}, "read every file in containers"},
	{LeaksSecrets, []string{"ImageCommit", "ImageGetAll"}, "read every file in containers"},
	{LeaksSecrets, []string{"ServiceInspect"}, "read every Swarm service's environment"},
	{LeaksSecrets, []string{"ServiceList"}, "read every Swarm service's environment"},
	{LeaksSecrets, []string{"ServiceLogs"}, "read what Swarm services print"},
	{LeaksSecrets, []string{"TaskInspect"}, "read every Swarm task's environment"},
	{LeaksSecrets, []string{"TaskList"}, "read every Swarm task's environment"},
	{LeaksSecrets, []string{"TaskLogs"}, "read what Swarm tasks print"},
	{LeaksSecrets, []string{"ConfigInspect"}, "read Swarm configs"},
	{LeaksSecrets, []string{"ConfigList"}, "read Swarm configs"},
	{LeaksSecrets, []string{"SwarmInspect"}, "read the Swarm's join tokens, which admit a manager"},
	{LeaksSecrets, []string{"SwarmUnlockkey"}, "read the key that unlocks the Swarm's managers"},
	// Podman's ?showsecret=true works behind Docker's path, too.
	{LeaksSecrets, []string{"SecretInspect"}, "read secrets, content included, if the engine is Podman"},
	{LeaksSecrets, []string{"ContainerInspectLibpod"}, "read every container's environment"},
	{LeaksSecrets, []string{"ContainerLogsLibpod"}, "read what containers print"},
	{LeaksSecrets, []string{"ContainerArchiveLibpod"}, "read every file in containers"},
	{LeaksSecrets, []string{"ContainerExportLibpod"}, "read every file in containers"},
	{LeaksSecrets, []string{"SecretInspectLibpod"}, "read secrets, content included"},
	{LeaksSecrets, []string{"VolumeExportLibpod"}, "read every file in volumes"},
	{LeaksSecrets, []string{"GenerateKubeLibpod"}, "read every container's environment"},
	{LeaksSecrets, []string{"GenerateSystemdLibpod"}, "read every container's environment"},
	{LeaksSecrets, []string{"ArtifactLocalLibpod", "ArtifactExtractLibpod"}, "read any file of the host"},
	{CallsOut, []string{"DistributionInspect"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImageSearch"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"GetPluginPrivileges"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"SystemAuth"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImageCreate"}, "have the engine fetch any URL"},
	{CallsOut, []string{"ImageBuild"}, "have the engine fetch any URL"},
	{CallsOut, []string{"ImageSearchLibpod"}, "have the engine ask a registry of the client's choice"},
	{CallsOut, []string{"ImageImportLibpod"}, "have the engine fetch any URL"},
	{CallsOut, []string{"ImageScpLibpod"}, "have the engine log in to a host of the client's choice"},
}

// Dangers lists the dangers that a policy opens, worst first.
func Dangers(p *acl.Policy) []Danger {
	allowed := map[string]bool{}
	for i := range acl.Operations {
		if p.Operation(i).Outcome == acl.Allowed {
			allowed[acl.Operations[i].ID] = true
		}
	}
	var found []Danger
	for _, d := range dangers {
		open := !slices.ContainsFunc(d.All, func(id string) bool { return !allowed[id] })
		// Report each pair of first operation and reason once.
		reported := func(other Danger) bool { return other.All[0] == d.All[0] && other.Why == d.Why }
		if open && !slices.ContainsFunc(found, reported) {
			found = append(found, d)
		}
	}
	return found
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
