package config

import (
	"fmt"
	"io"
)

// manual is the text before the settings. A test compares it with the tables of
// toggles. LIBPOD_ALLOW_*, linuxserver's older names, are in the README alone.
const manual = `postern guards the Docker Engine's socket: it forwards only what environment
variables switch on, and refuses everything else with the variable to set.

  postern [serve]      run the proxy
  postern explain      what the settings permit and why; --json for programs, --client NAME for one client
  postern explain POST /v1.41/containers/web/restart, postern explain ContainerRestart
                       whether this is allowed: exit 0, or 1 and the variables to set
  postern presets      what well-known programs need; postern presets traefik for one
  postern check        what a compose file with another proxy is with postern: postern check < FILE
  postern certs        certificates for tls:// listeners: a CA, a server, people
  postern healthcheck  exit 0 if the engine answers through the proxy, else 1; and version, help [COMMAND]

Sections of the Docker API, one variable each, 1 or 0:
  on by default   EVENTS PING VERSION
  off by default  AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EXEC GRPC IMAGES INFO NETWORKS NODES
                  PLUGINS SECRETS SERVICES SESSION SWARM SYSTEM TASKS VOLUMES
  Podman's LIBPOD _PING _VERSION _ARTIFACTS _BUILD _COMMIT _CONTAINERS _EVENTS _EXEC _GENERATE _IMAGES _INFO
                  _KUBE _LOCAL _MANIFESTS _NETWORKS _PLAY _PODS _QUADLETS _SECRETS _SYSTEM _VOLUMES

Operations, by the ids of Docker's API reference, with * for any letters:
  ALLOW           allow these, whatever the toggles say: ContainerList,ContainerInspect
  DENY            refuse these, whatever else allows them: *Prune,*Delete
  PRESET          allow the operations that these programs need: traefik,dozzle (see postern presets)

Clients with permissions of their own:
  CLIENT_<NAME>_FROM    addresses, subnets, host names: traefik,10.0.0.5,172.20.0.0/16
  CLIENT_<NAME>_CERT    or names in its certificate: gerard,*.ci.example,sha256:<fingerprint>
  CLIENT_<NAME>_LISTEN  or a listener of its own: unix:///run/portainer/docker.sock
  CLIENT_<NAME>_...     each of the variables above and the toggles below, for this client only

Toggles:
  POST                                methods other than GET and HEAD, in the sections that are on
  ALLOW_START ALLOW_STOP ALLOW_RESTARTS ALLOW_PAUSE ALLOW_UNPAUSE
      these POSTs under /containers/{id}/, even with CONTAINERS=0 and POST=0; RESTARTS: stop, restart, kill
  ALLOW_LOGS ALLOW_TOP ALLOW_CHANGES  0 refuses these reads of containers though CONTAINERS=1
  ALLOW_ARCHIVE ALLOW_EXPORT          0 refuses files of containers; so does POST=0 without a 1 here

Settings:
`

const example = `
Example:
  docker run -d --name postern -p 127.0.0.1:2375:2375 -e CONTAINERS=1 \
    -v /var/run/docker.sock:/var/run/docker.sock postern
`

// WriteHelp writes the manual, which fits one screen.
func WriteHelp(w io.Writer) {
	fmt.Fprint(w, manual)
	for _, s := range Settings() {
		help := s.Help
		if s.Default != "" {
			help += " (" + s.Default + ")"
		}
		fmt.Fprintf(w, "  %-19s %s\n", s.Var, help)
	}
	fmt.Fprint(w, example)
}
