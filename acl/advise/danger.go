package advise

import (
	"slices"
	"strings"
	"sync"

	"postern/acl"
	"postern/acl/redact"
)

// Danger is a set of operations that together allow more than their names say.
type Danger struct {
	Kind DangerKind `json:"kind"`
	// All are ids. The danger is there when a policy allows every one.
	All []string `json:"operations"`
	// Why says what a client can do with them: "read what containers print".
	Why string `json:"why"`
	// Podman is whether it is no danger on a Docker Engine.
	Podman bool `json:"-"`
}

// DangerKind groups dangers.
type DangerKind string

// The kinds of danger, worst first.
const (
	RootOnHost   DangerKind = "root on the host"
	LeaksSecrets DangerKind = "leaks secrets"
	CallsOut     DangerKind = "makes the engine call out"
)

// ifPodman ends the reason of what is dangerous behind Docker's own paths, on Podman alone.
const ifPodman = ", if the engine is Podman"

// table lists what people open without knowing the consequence, worst first. The
// ids are alternatives; a plus sign joins those that are dangerous together.
var table = []struct {
	kind     DangerKind
	why, ids string
}{
	{RootOnHost, "start a container that mounts the host's file system", "ContainerCreate+ContainerStart ContainerCreate+ContainerRestart"},
	{RootOnHost, "run commands in containers, privileged ones included", "ContainerExec+ExecStart"},
	{RootOnHost, "replace the programs that containers run", "PutContainerArchive"},
	{RootOnHost, "install an engine plugin, which runs as root", "PluginPull+PluginEnable PluginCreate+PluginEnable PluginUpgrade+PluginEnable"},
	{RootOnHost, "start a Swarm service that mounts the host's file system", "ServiceCreate"},
	{RootOnHost, "give a Swarm service the host's file system", "ServiceUpdate"},
	{RootOnHost, "put the engine under a Swarm of the client's own, whose services mount the host's file system", "SwarmJoin"},
	{RootOnHost, "build with BuildKit, which can be asked for privileges", "ImageBuild+Session"},
	{RootOnHost, "command BuildKit, which can be asked for privileges", "Grpc"},
	// Podman's build takes ?volume=, ?devices= and ?addcaps=, behind Docker's path, too.
	{RootOnHost, "build with the host's file system mounted" + ifPodman, "ImageBuild"},
	{RootOnHost, "write into any directory of the host, if the engine is experimental", "CheckpointCreate"},
	{RootOnHost, "remove any directory of the host, if the engine is experimental", "CheckpointDelete"},
	{RootOnHost, "start a container that mounts the host's file system", "ContainerCreateLibpod+ContainerStartLibpod ContainerCreateLibpod+ContainerRestartLibpod"},
	{RootOnHost, "start a pod that mounts the host's file system", "PodCreateLibpod+PodStartLibpod PodCreateLibpod+PodRestartLibpod"},
	{RootOnHost, "start a container that an uploaded checkpoint describes, mounts included", "ContainerRestoreLibpod"},
	{RootOnHost, "run commands in containers, privileged ones included", "ContainerExecLibpod+ExecStartLibpod"},
	{RootOnHost, "replace the programs that containers run", "PutContainerArchiveLibpod"},
	{RootOnHost, "write into any directory of the host", "VolumeImportLibpod+VolumeCreateLibpod VolumeImportLibpod+VolumeCreate"},
	{RootOnHost, "replace the files in volumes", "VolumeImportLibpod"},
	{RootOnHost, "start pods that mount the host's file system", "PlayKubeLibpod"},
	{RootOnHost, "install units that systemd runs", "QuadletInstallLibpod"},
	{RootOnHost, "build from any directory of the host", "LocalBuildLibpod"},
	{RootOnHost, "build with the host's file system mounted", "ImageBuildLibpod"},
	{LeaksSecrets, "read every container's environment", "ContainerInspect"},
	{LeaksSecrets, "read what containers print", "ContainerLogs"},
	// GET ...?logs=1 replays what was printed.
	{LeaksSecrets, "read what containers print, and type into them", "ContainerAttach ContainerAttachWebsocket"},
	// ps_args=eww appends each process's environment.
	{LeaksSecrets, "read the environment of every process in containers", "ContainerTop"},
	{LeaksSecrets, "read every container's command line and labels", "ContainerList SystemDataUsage"},
	{LeaksSecrets, "read the command lines of execs", "ExecInspect"},
	// The command line is in the action, exec_create: CMD; a health check is an exec.
	{LeaksSecrets, "read the command line of every exec and health check, and containers' labels", "SystemEvents"},
	{LeaksSecrets, "list any directory of the host, if the engine is experimental", "CheckpointList"},
	{LeaksSecrets, "read every file in containers", "ContainerArchive ContainerCopy ContainerExport ImageCommit+ImageGet ImageCommit+ImageGetAll"},
	{LeaksSecrets, "send every file in containers to a registry", "ImageCommit+ImagePush"},
	{LeaksSecrets, "read every file in images", "ImageGet ImageGetAll"},
	{LeaksSecrets, "read the environment and build arguments in images", "ImageInspect ImageHistory"},
	// The local driver's o=username=...,password=... of cifs.
	{LeaksSecrets, "read the options of volumes, passwords of network shares among them", "VolumeInspect VolumeList"},
	{LeaksSecrets, "read every Swarm service's environment", "ServiceInspect ServiceList"},
	{LeaksSecrets, "read what Swarm services print", "ServiceLogs"},
	{LeaksSecrets, "read every Swarm task's environment", "TaskInspect TaskList"},
	{LeaksSecrets, "read what Swarm tasks print", "TaskLogs"},
	{LeaksSecrets, "read Swarm configs", "ConfigInspect ConfigList"},
	{LeaksSecrets, "read the environment of engine plugins", "PluginInspect PluginList"},
	{LeaksSecrets, "read the Swarm's join tokens, which admit a manager", "SwarmInspect"},
	{LeaksSecrets, "read the key that unlocks the Swarm's managers", "SwarmUnlockkey"},
	// Podman's ?showsecret=true works behind Docker's path, too.
	{LeaksSecrets, "read secrets, content included" + ifPodman, "SecretInspect"},
	{LeaksSecrets, "read every container's environment", "ContainerInspectLibpod"},
	{LeaksSecrets, "read what containers print", "ContainerLogsLibpod"},
	{LeaksSecrets, "read what containers print, and type into them", "ContainerAttachLibpod"},
	{LeaksSecrets, "read the environment of every process in containers", "ContainerTopLibpod"},
	{LeaksSecrets, "read the command line of every process in pods", "PodTopLibpod"},
	{LeaksSecrets, "read every container's command line and labels", "ContainerListLibpod"},
	{LeaksSecrets, "read the command lines of execs", "ExecInspectLibpod"},
	// Podman can be set to put a new container's whole inspect into its event.
	{LeaksSecrets, "read containers' labels and the output of health checks, and environments if events_container_create_inspect_data is set", "SystemEventsLibpod"},
	{LeaksSecrets, "read the memory of containers", "ContainerCheckpointLibpod"},
	{LeaksSecrets, "read every file in containers", "ContainerArchiveLibpod ContainerExportLibpod ImageCommitLibpod+ImageGetLibpod ImageCommitLibpod+ImageExportLibpod"},
	{LeaksSecrets, "send every file in containers to a registry", "ImageCommitLibpod+ImagePushLibpod"},
	{LeaksSecrets, "read every file in images", "ImageGetLibpod ImageExportLibpod"},
	{LeaksSecrets, "read the environment and build arguments in images", "ImageInspectLibpod ImageHistoryLibpod"},
	{LeaksSecrets, "read the options of volumes, passwords of network shares among them", "VolumeInspectLibpod VolumeListLibpod"},
	{LeaksSecrets, "read secrets, content included", "SecretInspectLibpod"},
	{LeaksSecrets, "read every file in volumes", "VolumeExportLibpod"},
	{LeaksSecrets, "read any directory of the host", "VolumeExportLibpod+VolumeCreateLibpod VolumeExportLibpod+VolumeCreate"},
	{LeaksSecrets, "read the host's unit files, the environments in them included", "QuadletFileLibpod"},
	{LeaksSecrets, "read every container's environment", "GenerateKubeLibpod GenerateSystemdLibpod"},
	{LeaksSecrets, "read any file of the host", "ArtifactLocalLibpod+ArtifactExtractLibpod"},
	{LeaksSecrets, "send any file of the host to a registry", "ArtifactLocalLibpod+ArtifactPushLibpod"},
	{CallsOut, "have the engine ask a registry of the client's choice", "DistributionInspect ImageSearch GetPluginPrivileges SystemAuth ImagePush PluginPull PluginPush PluginUpgrade"},
	{CallsOut, "have the engine fetch any URL", "ImageCreate ImageBuild"},
	{CallsOut, "have the engine ask a registry of the client's choice", "ImageSearchLibpod"},
	// Podman asks the registry for what it does not have.
	{CallsOut, "have the engine ask a registry of the client's choice", "ManifestInspectLibpod ManifestAddLibpod ManifestModifyLibpod ManifestCreateLibpod ManifestPushLibpod ManifestPushV3Libpod"},
	{CallsOut, "have the engine ask a registry of the client's choice", "ImagePullLibpod ImagePushLibpod ArtifactPullLibpod ArtifactPushLibpod"},
	{CallsOut, "have the engine fetch any URL", "ImageImportLibpod"},
	{CallsOut, "have the engine log in to a host of the client's choice", "ImageScpLibpod"},
	{CallsOut, "have the engine call a Kubernetes cluster", "KubeApplyLibpod"},
}

// dangers has one entry for each alternative in the table.
var dangers = sync.OnceValue(func() (all []Danger) {
	for _, row := range table {
		for set := range strings.FieldsSeq(row.ids) {
			all = append(all, Danger{row.kind, strings.Split(set, "+"), row.why, strings.HasSuffix(row.why, ifPodman)})
		}
	}
	return all
})

// Dangers lists the dangers that a policy opens to a client from whom responses are
// redacted, worst first.
func Dangers(p *acl.Policy, r redact.Redaction) (found []Danger) {
	allowed := allowedIDs(p, r)
	for _, d := range dangers() {
		d = d.redacted(r.Kinds)
		// Report each pair of first operation and reason once.
		reported := func(other Danger) bool { return other.All[0] == d.All[0] && other.Why == d.Why }
		if d.in(allowed) && !slices.ContainsFunc(found, reported) {
			found = append(found, d)
		}
	}
	return found
}

// ByDefault reports whether the danger is there without any setting. The start
// does not warn of such a danger: users would stop reading a warning that is in
// every log.
func (d Danger) ByDefault() bool { return d.in(allowedByDefault()) }

var allowedByDefault = sync.OnceValue(func() map[string]bool { return allowedIDs(acl.Compile(acl.Rules{}), redact.Redaction{}) })

// in reports whether every operation of the danger is among the allowed ones, and
// redaction has left something of it.
func (d Danger) in(allowed map[string]bool) bool {
	return d.Why != "" && !slices.ContainsFunc(d.All, func(id string) bool { return !allowed[id] })
}

// allowedIDs returns the operations that a policy allows and redaction does not refuse.
func allowedIDs(p *acl.Policy, r redact.Redaction) map[string]bool {
	allowed := map[string]bool{}
	for i, op := range acl.Operations {
		if d := p.Operation(i); d.Outcome == acl.Allowed && r.Refuses(d) == "" {
			allowed[op.ID] = true
		}
	}
	return allowed
}

// dangerRanks holds the place of the worst danger that an operation is part of.
var dangerRanks = sync.OnceValue(func() map[string]int {
	ranks := map[string]int{}
	for i, d := range slices.Backward(dangers()) {
		for _, id := range d.All {
			ranks[id] = i
		}
	}
	return ranks
})
