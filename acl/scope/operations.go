package scope

import (
	"maps"
	"slices"
	"strings"
)

// Rule says what a scope means for an operation.
type Rule struct {
	Does Does
	// Kind is the kind of object that the path names or that is listed, made or
	// pruned. It is "" for the others.
	Kind Kind
}

// Does is what an operation does with objects.
type Does int

const (
	// Refused operations cannot be held to a scope. So can no unknown one.
	Refused Does = iota
	// Passes is for operations with nothing that a scope could hide: images, which
	// all clients share, and the engine itself.
	Passes
	// Names marks operations whose path names an object.
	Names
	Lists
	Creates
	Prunes
	Special // each has code of its own
)

// rules has a row for each operation of Docker's API. What a request names besides,
// in its query and its body, is in package limits with the code that reads it.
var rules = map[string]Rule{
	"ContainerList": {Lists, Container}, "NetworkList": {Lists, Network}, "VolumeList": {Lists, Volume},
	"ContainerCreate": {Creates, Container}, "NetworkCreate": {Creates, Network}, "VolumeCreate": {Creates, Volume},
	"ContainerPrune": {Prunes, Container}, "NetworkPrune": {Prunes, Network}, "VolumePrune": {Prunes, Volume},

	"ImageCommit":     {Special, Container}, // ?container=
	"ImageBuild":      {Special, ""},        // ?networkmode=, ?labels=, ?remote=
	"ImageCreate":     {Special, ""},        // ?fromSrc=
	"ImageTag":        {Special, ""},        // ?repo=
	"SystemEvents":    {Special, ""},
	"SystemDataUsage": {Special, ""},
	"SystemInfo":      {Special, ""},
	// Podman's own, which counts containers too.
	"SystemInfoLibpod": {Special, ""},
	"ImageList":        {Special, ""}, // how many containers use it
	"ImageInspect":     {Special, ""}, // which
	"ImageDelete":      {Special, ""}, // ?force=
}

func init() {
	for _, row := range []struct {
		rule Rule
		ids  string
	}{
		{Rule{Names, Container}, "ContainerArchive ContainerArchiveInfo ContainerAttach ContainerAttachWebsocket ContainerChanges ContainerCopy ContainerDelete " +
			"ContainerExec ContainerExport ContainerInspect ContainerKill ContainerLogs ContainerPause ContainerRename ContainerResize ContainerRestart " +
			"ContainerStart ContainerStats ContainerStop ContainerTop ContainerUnpause ContainerUpdate ContainerWait PutContainerArchive"},
		{Rule{Names, Exec}, "ExecInspect ExecResize ExecStart"},
		{Rule{Names, Network}, "NetworkConnect NetworkDelete NetworkDisconnect NetworkInspect"},
		{Rule{Names, Volume}, "VolumeDelete VolumeInspect"},
		{Rule{Passes, ""}, "BuildCancel DistributionInspect Grpc ImageAttestations ImageGet ImageGetAll ImageHistory " +
			"ImagePush ImageSearch Session SystemAuth SystemPing SystemPingHead SystemVersion"},
		// Podman's own, which says nothing of containers.
		{Rule{Passes, ""}, "SystemVersionLibpod"},
		// A load can hold any tag and any label. A prune of images or of the build
		// cache takes what others made.
		{Rule{}, "BuildPrune ImageLoad ImagePrune"},
		// Checkpoints are directories of the host.
		{Rule{}, "CheckpointCreate CheckpointDelete CheckpointList"},
		// A Swarm's objects belong to the Swarm, and plugins to the engine.
		{Rule{}, "ConfigCreate ConfigDelete ConfigInspect ConfigList ConfigUpdate GetPluginPrivileges NodeDelete NodeInspect NodeList NodeUpdate " +
			"PluginCreate PluginDelete PluginDisable PluginEnable PluginInspect PluginList PluginPull PluginPush PluginSet PluginUpgrade " +
			"SecretCreate SecretDelete SecretInspect SecretList SecretUpdate ServiceCreate ServiceDelete ServiceInspect ServiceList ServiceLogs ServiceUpdate " +
			"SwarmInit SwarmInspect SwarmJoin SwarmLeave SwarmUnlock SwarmUnlockkey SwarmUpdate TaskInspect TaskList TaskLogs VolumeUpdate"},
	} {
		for id := range strings.FieldsSeq(row.ids) {
			rules[id] = row.rule
		}
	}
}

// RuleFor returns the rule for an operation by its id. Podman's own operations but
// four, and those that are not in the table, are [Refused].
func RuleFor(id string) Rule { return rules[id] }

// Lookup returns the rule for an operation, and whether it is in the table.
func Lookup(id string) (r Rule, known bool) { r, known = rules[id]; return r, known }

// IDs lists the operations in the table.
func IDs() []string { return slices.Sorted(maps.Keys(rules)) }
