package acl

import (
	"slices"
	"strings"
)

// Operation is one thing that the Engine API can do.
type Operation struct {
	// ID is the operation's id in Docker's API reference. Routes that the
	// reference does not list have ids made in its manner: CheckpointList,
	// CheckpointCreate, CheckpointDelete, ContainerCopy, BuildCancel, Grpc.
	ID string
	// Method is the HTTP method, as the engine registers it: a GET route does
	// not answer HEAD.
	Method string
	// Pattern is the route in gorilla/mux's syntax, without a version prefix.
	Pattern string

	// GrantedBy names the toggles each of which allows the operation on its
	// own, whatever its section and POST say.
	GrantedBy []string
	// RefusedBy names the toggle that refuses the operation when it is off,
	// although its section is on.
	RefusedBy string
	// Also names a second section that the operation needs. ContainerExec
	// needs EXEC: else EXEC=0 would still let a client create execs, which
	// Tecnativa/docker-socket-proxy issue 114 shows users do not expect.
	Also string
	// NoRead says why a GET needs POST as if it wrote: it acts, it reads the
	// host's files, or it hands out a key. POST=0 has to make a policy harmless,
	// whatever method the engine has given an operation. The text follows the word
	// "it". It is "" for every other operation; testdata/reads.tsv says of each why.
	NoRead string
	// Streams marks an operation that may last as long as both sides like: it
	// follows something, waits for it or moves whole images. Whether one
	// request does so depends on its query, which this package does not read.
	Streams bool
	// Hijacks marks an operation whose connection may leave HTTP. From every
	// other request the proxy strips Upgrade: the bytes on a connection that
	// has switched protocols pass no further decision.
	Hijacks bool

	versions versions
	index    int // in Operations
	section  *Section
	route    route
}

// NeedsPOST reports whether the operation is closed while POST is off.
func (op *Operation) NeedsPOST() bool { return op.NoRead != "" || !isRead(op.Method) }

// Index is the operation's place in [Operations].
func (op *Operation) Index() int { return op.index }

// Section returns the section that the operation is in.
func (op *Operation) Section() *Section { return op.section }

// Path is the pattern without its expressions: /images/{name}/json.
func (op *Operation) Path() string {
	return strings.NewReplacer(":.*", "", ":.+", "").Replace(op.Pattern)
}

// isRead reports whether a method is open without POST.
func isRead(method string) bool { return method == "GET" || method == "HEAD" }

// Operations lists every operation: Docker's, then those of Podman's own API.
var Operations = slices.Concat(engineOperations, libpodOperations)

// engineOperations is the engine's routing table (Engine 29, API 1.56) in the
// order in which the engine registers its routes; the first that matches wins.
//
// It leaves out the routes in no section, which are never forwarded: /debug, and
// the route for OPTIONS of any path.
var engineOperations = []Operation{
	{ID: "CheckpointList", Method: "GET", Pattern: "/containers/{name:.*}/checkpoints", NoRead: "lists any directory of the host"},
	{ID: "CheckpointCreate", Method: "POST", Pattern: "/containers/{name:.*}/checkpoints"},
	{ID: "CheckpointDelete", Method: "DELETE", Pattern: "/containers/{name}/checkpoints/{checkpoint}"},
	{ID: "ContainerArchiveInfo", Method: "HEAD", Pattern: "/containers/{name:.*}/archive", RefusedBy: "ALLOW_ARCHIVE"},
	{ID: "ContainerList", Method: "GET", Pattern: "/containers/json"},
	{ID: "ContainerExport", Method: "GET", Pattern: "/containers/{name:.*}/export", RefusedBy: "ALLOW_EXPORT"},
	{ID: "ContainerChanges", Method: "GET", Pattern: "/containers/{name:.*}/changes", RefusedBy: "ALLOW_CHANGES"},
	{ID: "ContainerInspect", Method: "GET", Pattern: "/containers/{name:.*}/json"},
	{ID: "ContainerTop", Method: "GET", Pattern: "/containers/{name:.*}/top", RefusedBy: "ALLOW_TOP"},
	{ID: "ContainerLogs", Method: "GET", Pattern: "/containers/{name:.*}/logs", RefusedBy: "ALLOW_LOGS", Streams: true},
	{ID: "ContainerStats", Method: "GET", Pattern: "/containers/{name:.*}/stats", Streams: true},
	{ID: "ContainerAttachWebsocket", Method: "GET", Pattern: "/containers/{name:.*}/attach/ws", NoRead: "writes to the container's standard input", Streams: true, Hijacks: true},
	{ID: "ExecInspect", Method: "GET", Pattern: "/exec/{id:.*}/json"},
	{ID: "ContainerArchive", Method: "GET", Pattern: "/containers/{name:.*}/archive", RefusedBy: "ALLOW_ARCHIVE"},
	{ID: "ContainerCreate", Method: "POST", Pattern: "/containers/create"},
	{ID: "ContainerKill", Method: "POST", Pattern: "/containers/{name:.*}/kill", GrantedBy: []string{"ALLOW_RESTARTS"}},
	{ID: "ContainerPause", Method: "POST", Pattern: "/containers/{name:.*}/pause", GrantedBy: []string{"ALLOW_PAUSE"}},
	{ID: "ContainerUnpause", Method: "POST", Pattern: "/containers/{name:.*}/unpause", GrantedBy: []string{"ALLOW_UNPAUSE"}},
	{ID: "ContainerRestart", Method: "POST", Pattern: "/containers/{name:.*}/restart", GrantedBy: []string{"ALLOW_RESTARTS"}},
	{ID: "ContainerStart", Method: "POST", Pattern: "/containers/{name:.*}/start", GrantedBy: []string{"ALLOW_START"}},
	{ID: "ContainerStop", Method: "POST", Pattern: "/containers/{name:.*}/stop", GrantedBy: []string{"ALLOW_STOP", "ALLOW_RESTARTS"}},
	{ID: "ContainerWait", Method: "POST", Pattern: "/containers/{name:.*}/wait", Streams: true},
	{ID: "ContainerResize", Method: "POST", Pattern: "/containers/{name:.*}/resize"},
	{ID: "ContainerAttach", Method: "POST", Pattern: "/containers/{name:.*}/attach", Streams: true, Hijacks: true},
	// Engines up to 24 still have it for APIs before 1.24: files out of a
	// container, by POST.
	{ID: "ContainerCopy", Method: "POST", Pattern: "/containers/{name:.*}/copy", RefusedBy: "ALLOW_ARCHIVE"},
	{ID: "ContainerExec", Method: "POST", Pattern: "/containers/{name:.*}/exec", Also: "EXEC"},
	{ID: "ExecStart", Method: "POST", Pattern: "/exec/{name:.*}/start", Streams: true, Hijacks: true},
	{ID: "ExecResize", Method: "POST", Pattern: "/exec/{name:.*}/resize"},
	{ID: "ContainerRename", Method: "POST", Pattern: "/containers/{name:.*}/rename"},
	{ID: "ContainerUpdate", Method: "POST", Pattern: "/containers/{name:.*}/update"},
	{ID: "ContainerPrune", Method: "POST", Pattern: "/containers/prune"},
	{ID: "ImageCommit", Method: "POST", Pattern: "/commit"},
	{ID: "PutContainerArchive", Method: "PUT", Pattern: "/containers/{name:.*}/archive", RefusedBy: "ALLOW_ARCHIVE"},
	{ID: "ContainerDelete", Method: "DELETE", Pattern: "/containers/{name:.*}"},
	{ID: "ImageList", Method: "GET", Pattern: "/images/json"},
	{ID: "ImageSearch", Method: "GET", Pattern: "/images/search"},
	{ID: "ImageGetAll", Method: "GET", Pattern: "/images/get", Streams: true},
	{ID: "ImageGet", Method: "GET", Pattern: "/images/{name:.*}/get", Streams: true},
	{ID: "ImageHistory", Method: "GET", Pattern: "/images/{name:.*}/history"},
	{ID: "ImageInspect", Method: "GET", Pattern: "/images/{name:.*}/json"},
	{ID: "ImageAttestations", Method: "GET", Pattern: "/images/{name:.*}/attestations"},
	{ID: "ImageLoad", Method: "POST", Pattern: "/images/load", Streams: true},
	{ID: "ImageCreate", Method: "POST", Pattern: "/images/create", Streams: true},
	{ID: "ImagePush", Method: "POST", Pattern: "/images/{name:.*}/push", Streams: true},
	{ID: "ImageTag", Method: "POST", Pattern: "/images/{name:.*}/tag"},
	{ID: "ImagePrune", Method: "POST", Pattern: "/images/prune"},
	{ID: "ImageDelete", Method: "DELETE", Pattern: "/images/{name:.*}"},
	{ID: "SystemPing", Method: "GET", Pattern: "/_ping"},
	{ID: "SystemPingHead", Method: "HEAD", Pattern: "/_ping"},
	{ID: "SystemEvents", Method: "GET", Pattern: "/events", Streams: true},
	{ID: "SystemInfo", Method: "GET", Pattern: "/info"},
	{ID: "SystemVersion", Method: "GET", Pattern: "/version"},
	{ID: "SystemDataUsage", Method: "GET", Pattern: "/system/df"},
	{ID: "SystemAuth", Method: "POST", Pattern: "/auth"},
	{ID: "VolumeList", Method: "GET", Pattern: "/volumes"},
	{ID: "VolumeInspect", Method: "GET", Pattern: "/volumes/{name:.*}"},
	{ID: "VolumeCreate", Method: "POST", Pattern: "/volumes/create"},
	{ID: "VolumePrune", Method: "POST", Pattern: "/volumes/prune"},
	{ID: "VolumeUpdate", Method: "PUT", Pattern: "/volumes/{name:.*}"},
	{ID: "VolumeDelete", Method: "DELETE", Pattern: "/volumes/{name:.*}"},
	{ID: "ImageBuild", Method: "POST", Pattern: "/build", Streams: true},
	{ID: "BuildPrune", Method: "POST", Pattern: "/build/prune"},
	{ID: "BuildCancel", Method: "POST", Pattern: "/build/cancel"},
	{ID: "Session", Method: "POST", Pattern: "/session", Streams: true, Hijacks: true},
	{ID: "SwarmInit", Method: "POST", Pattern: "/swarm/init"},
	{ID: "SwarmJoin", Method: "POST", Pattern: "/swarm/join"},
	{ID: "SwarmLeave", Method: "POST", Pattern: "/swarm/leave"},
	{ID: "SwarmInspect", Method: "GET", Pattern: "/swarm"},
	{ID: "SwarmUnlockkey", Method: "GET", Pattern: "/swarm/unlockkey", NoRead: "hands out the key that unlocks the Swarm's managers"},
	{ID: "SwarmUpdate", Method: "POST", Pattern: "/swarm/update"},
	{ID: "SwarmUnlock", Method: "POST", Pattern: "/swarm/unlock"},
	{ID: "ServiceList", Method: "GET", Pattern: "/services"},
	{ID: "ServiceInspect", Method: "GET", Pattern: "/services/{id}"},
	{ID: "ServiceCreate", Method: "POST", Pattern: "/services/create"},
	{ID: "ServiceUpdate", Method: "POST", Pattern: "/services/{id}/update"},
	{ID: "ServiceDelete", Method: "DELETE", Pattern: "/services/{id}"},
	{ID: "ServiceLogs", Method: "GET", Pattern: "/services/{id}/logs", Streams: true},
	{ID: "NodeList", Method: "GET", Pattern: "/nodes"},
	{ID: "NodeInspect", Method: "GET", Pattern: "/nodes/{id}"},
	{ID: "NodeDelete", Method: "DELETE", Pattern: "/nodes/{id}"},
	{ID: "NodeUpdate", Method: "POST", Pattern: "/nodes/{id}/update"},
	{ID: "TaskList", Method: "GET", Pattern: "/tasks"},
	{ID: "TaskInspect", Method: "GET", Pattern: "/tasks/{id}"},
	{ID: "TaskLogs", Method: "GET", Pattern: "/tasks/{id}/logs", Streams: true},
	{ID: "SecretList", Method: "GET", Pattern: "/secrets"},
	{ID: "SecretCreate", Method: "POST", Pattern: "/secrets/create"},
	{ID: "SecretDelete", Method: "DELETE", Pattern: "/secrets/{id}"},
	{ID: "SecretInspect", Method: "GET", Pattern: "/secrets/{id}"},
	{ID: "SecretUpdate", Method: "POST", Pattern: "/secrets/{id}/update"},
	{ID: "ConfigList", Method: "GET", Pattern: "/configs"},
	{ID: "ConfigCreate", Method: "POST", Pattern: "/configs/create"},
	{ID: "ConfigDelete", Method: "DELETE", Pattern: "/configs/{id}"},
	{ID: "ConfigInspect", Method: "GET", Pattern: "/configs/{id}"},
	{ID: "ConfigUpdate", Method: "POST", Pattern: "/configs/{id}/update"},
	{ID: "PluginList", Method: "GET", Pattern: "/plugins"},
	{ID: "PluginInspect", Method: "GET", Pattern: "/plugins/{name:.*}/json"},
	{ID: "GetPluginPrivileges", Method: "GET", Pattern: "/plugins/privileges"},
	{ID: "PluginDelete", Method: "DELETE", Pattern: "/plugins/{name:.*}"},
	{ID: "PluginEnable", Method: "POST", Pattern: "/plugins/{name:.*}/enable"},
	{ID: "PluginDisable", Method: "POST", Pattern: "/plugins/{name:.*}/disable"},
	{ID: "PluginPull", Method: "POST", Pattern: "/plugins/pull", Streams: true},
	{ID: "PluginPush", Method: "POST", Pattern: "/plugins/{name:.*}/push", Streams: true},
	{ID: "PluginUpgrade", Method: "POST", Pattern: "/plugins/{name:.*}/upgrade", Streams: true},
	{ID: "PluginSet", Method: "POST", Pattern: "/plugins/{name:.*}/set"},
	{ID: "PluginCreate", Method: "POST", Pattern: "/plugins/create"},
	{ID: "DistributionInspect", Method: "GET", Pattern: "/distribution/{name:.*}/json"},
	{ID: "NetworkList", Method: "GET", Pattern: "/networks"},
	{ID: "NetworkList", Method: "GET", Pattern: "/networks/"},
	{ID: "NetworkInspect", Method: "GET", Pattern: "/networks/{id:.+}"},
	{ID: "NetworkCreate", Method: "POST", Pattern: "/networks/create"},
	{ID: "NetworkConnect", Method: "POST", Pattern: "/networks/{id:.*}/connect"},
	{ID: "NetworkDisconnect", Method: "POST", Pattern: "/networks/{id:.*}/disconnect"},
	{ID: "NetworkPrune", Method: "POST", Pattern: "/networks/prune"},
	{ID: "NetworkDelete", Method: "DELETE", Pattern: "/networks/{id:.*}"},
	{ID: "Grpc", Method: "POST", Pattern: "/grpc", Streams: true, Hijacks: true},
}
