// Package guarded says what programs need under GUARD=1. Package programs runs each of
// them with these settings and with one less; docs/guard.md shows the table.
package guarded

import "strings"

// Program is a program, or a use of one, that a guarded client runs.
type Program struct {
	// Name is Markdown. In it and in the other fields {port}, {dir}, {network} and {socket}
	// stand for what is the user's own.
	Name string
	// Preset is its preset, or "": then every toggle is on.
	Preset string
	// Lines are the settings besides GUARD=1. Each is necessary.
	Lines []string
	// Beside are arguments and environment variables of the program itself.
	Beside []string
	// Note is what else a user meets, in Markdown.
	Note string
}

// Programs is the table. Every row is run.
var Programs = []Program{
	{Name: "`docker run`, `exec`, `logs`, `network`, `volume`", Note: "`docker system prune` ends with a refusal"},
	{Name: "`docker run -p {port}:80`", Lines: []string{"GUARD_PUBLISH={port}"}, Note: "`-P` and `-p 80` need nothing: the engine chooses the port"},
	{Name: "`docker run -v {dir}:/x`", Lines: []string{"GUARD_VOLUME={dir}"}, Note: "the path is the host's; volumes by name need nothing"},
	{Name: "`docker run --network {network}`", Lines: []string{"GUARD_NETWORK=bridge,{network}"}, Note: "networks of the client's own need nothing"},
	{Name: "`docker cp`", Lines: []string{"GUARD_ARCHIVE=1"}},
	{Name: "`docker commit`, `tag`, `rmi`", Lines: []string{"GUARD_TAG=new"}},
	{Name: "`docker build`, the classic one", Lines: []string{"GUARD_TAG=new"}, Beside: []string{"DOCKER_BUILDKIT=0"}},
	{Name: "`docker buildx build`", Lines: []string{"GUARD_BUILDKIT=1"},
		Note: "it writes any tag, whatever `GUARD_TAG` says; without the line buildx turns to its docker-container driver, which asks for a privileged container"},
	{Name: "compose: networks, volumes", Note: "`ipam`, drivers and `driver_opts`: make the network or volume outside and list its name"},
	{Name: "compose: `ports`, bind mounts, file secrets, external networks",
		Lines: []string{"GUARD_PUBLISH={port}", "GUARD_VOLUME={dir}", "GUARD_NETWORK=bridge,{network}"}},
	{Name: "docker-py: containers, `put_archive`, `images.build`", Lines: []string{"GUARD_ARCHIVE=1", "GUARD_TAG=new"}},
	{Name: "Testcontainers for Go", Preset: "testcontainers", Lines: []string{"GUARD_ARCHIVE=1", "GUARD_TAG=new"},
		Beside: []string{"TESTCONTAINERS_RYUK_DISABLED=true"}, Note: "`GUARD_ARCHIVE` for files in containers, `GUARD_TAG` for images from a Dockerfile"},
	{Name: "Testcontainers for Go, with Ryuk", Preset: "testcontainers", Lines: []string{"GUARD_ARCHIVE=1", "GUARD_TAG=new", "GUARD_VOLUME={socket}"},
		Beside: []string{"DOCKER_HOST=unix://{socket}"}, Note: "the socket is the client's own listener, `CLIENT_CI_LISTEN=unix://{socket}`, at the same path on the host; where `DOCKER_HOST` is another one, set `TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE` to that path"},
	{Name: "act", Preset: "act", Lines: []string{"GUARD_ARCHIVE=1", "GUARD_TAG=act-*"},
		Beside: []string{"--container-daemon-socket", "-", "--network", "bridge"}, Note: "`GUARD_TAG` for actions with a Dockerfile. All jobs of an engine share the volume `act-toolcache`: if another client made it, `GUARD_VOLUME=act-toolcache`"},
}

// Fill puts values in place of {port}, {dir}, {network} and {socket}.
func Fill(s string, values map[string]string) string {
	for name, value := range values {
		s = strings.ReplaceAll(s, "{"+name+"}", value)
	}
	return s
}
