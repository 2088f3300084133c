package acl

import "slices"

// Section is one part of the Docker API: a path, everything below it, and the
// toggle that switches both.
type Section struct {
	// Var is the environment variable that switches the section.
	Var string
	// Path is the section's path without a version prefix. The section is this
	// path and what follows it behind a slash: /containersx is not /containers.
	Path string
	// Default is the toggle's value when the variable is not set.
	Default bool
	// Exposes says, for README, help and the start-up log, what the section
	// hands out when it is on.
	Exposes string
}

// Sections lists every section, in the order in which people are shown them:
// Docker's, then Podman's; in each what is open by default first, then
// alphabetically.
var Sections = slices.Concat(engineSections, libpodSections)

var engineSections = []Section{
	{"EVENTS", "/events", true, "the stream of what happens in the engine"},
	{"PING", "/_ping", true, "whether the engine is up and which API it speaks"},
	{"VERSION", "/version", true, "the engine's version, kernel and platform"},
	{"AUTH", "/auth", false, "checking of registry credentials"},
	{"BUILD", "/build", false, "image builds and the build cache; a build runs any command"},
	{"COMMIT", "/commit", false, "making an image of a container's files"},
	{"CONFIGS", "/configs", false, "Swarm configs and their content"},
	{"CONTAINERS", "/containers", false, "containers: list, inspect (with their environment), logs; with POST create, start, remove"},
	{"DISTRIBUTION", "/distribution", false, "image data that the engine fetches from a registry"},
	{"EXEC", "/exec", false, "running commands in containers"},
	{"GRPC", "/grpc", false, "BuildKit's control connection; with POST as good as root"},
	{"IMAGES", "/images", false, "images: list, inspect, save, search; with POST pull, push, load, remove"},
	{"INFO", "/info", false, "the host: kernel, storage, registries, Swarm state"},
	{"NETWORKS", "/networks", false, "networks and the addresses in them; with POST create, connect, remove"},
	{"NODES", "/nodes", false, "Swarm nodes"},
	{"PLUGINS", "/plugins", false, "engine plugins; with POST install, which is as good as root"},
	{"SECRETS", "/secrets", false, "names and labels of Swarm secrets; Podman also hands out their content"},
	{"SERVICES", "/services", false, "Swarm services, their environment and logs; with POST create, which is as good as root"},
	{"SESSION", "/session", false, "BuildKit's session with a client"},
	{"SWARM", "/swarm", false, "the Swarm itself, join tokens included"},
	{"SYSTEM", "/system", false, "disk usage of images, containers and volumes"},
	{"TASKS", "/tasks", false, "Swarm tasks, their environment and logs"},
	{"VOLUMES", "/volumes", false, "volumes; with POST create and remove"},
}
