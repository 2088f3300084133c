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

	index  int          // in Sections
	routes []*Operation // the section's, in the order of Operations
}

// Sections lists every section in the order of README and help: Docker's, then
// Podman's; in each those that are open by default, then the others by name.
var Sections = slices.Concat(engineSections, libpodSections)

var engineSections = []Section{
	{Var: "EVENTS", Path: "/events", Default: true, Exposes: "the stream of what happens in the engine, with the labels of containers and the command lines of execs and health checks"},
	{Var: "PING", Path: "/_ping", Default: true, Exposes: "whether the engine is up and which API it speaks"},
	{Var: "VERSION", Path: "/version", Default: true, Exposes: "the engine's version, kernel and platform"},
	{Var: "AUTH", Path: "/auth", Exposes: "checking of registry credentials"},
	{Var: "BUILD", Path: "/build", Exposes: "image builds and the build cache; a build runs any command"},
	{Var: "COMMIT", Path: "/commit", Exposes: "making an image of a container's files"},
	{Var: "CONFIGS", Path: "/configs", Exposes: "Swarm configs and their content"},
	{Var: "CONTAINERS", Path: "/containers", Exposes: "containers: list, inspect and top (with their environment), logs; with POST create, start, remove"},
	{Var: "DISTRIBUTION", Path: "/distribution", Exposes: "image data that the engine fetches from a registry"},
	{Var: "EXEC", Path: "/exec", Exposes: "running commands in containers"},
	{Var: "GRPC", Path: "/grpc", Exposes: "BuildKit's control connection; with POST as good as root"},
	{Var: "IMAGES", Path: "/images", Exposes: "images: list, inspect, save, search; with POST pull, push, load, remove"},
	{Var: "INFO", Path: "/info", Exposes: "the host: kernel, storage, registries, Swarm state"},
	{Var: "NETWORKS", Path: "/networks", Exposes: "networks and the addresses in them; with POST create, connect, remove"},
	{Var: "NODES", Path: "/nodes", Exposes: "Swarm nodes"},
	{Var: "PLUGINS", Path: "/plugins", Exposes: "engine plugins; with POST install, which is as good as root"},
	{Var: "SECRETS", Path: "/secrets", Exposes: "names and labels of Swarm secrets; Podman also hands out their content"},
	{Var: "SERVICES", Path: "/services", Exposes: "Swarm services, their environment and logs; with POST create, which is as good as root"},
	{Var: "SESSION", Path: "/session", Exposes: "BuildKit's session with a client"},
	{Var: "SWARM", Path: "/swarm", Exposes: "the Swarm itself, join tokens included"},
	{Var: "SYSTEM", Path: "/system", Exposes: "disk usage of images, containers and volumes"},
	{Var: "TASKS", Path: "/tasks", Exposes: "Swarm tasks, their environment and logs"},
	{Var: "VOLUMES", Path: "/volumes", Exposes: "volumes and their options, which may hold passwords; with POST create and remove"},
}
