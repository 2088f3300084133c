package config

import (
	"fmt"
	"io"
	"strings"

	"postern/acl"
)

// WriteHelp writes the manual: one screen.
func WriteHelp(w io.Writer) {
	var on, off []string
	var podman []string
	for _, s := range acl.Sections {
		if name, ok := strings.CutPrefix(s.Var, "LIBPOD_"); ok {
			podman = append(podman, "_"+name)
		} else if s.Default {
			on = append(on, s.Var)
		} else {
			off = append(off, s.Var)
		}
	}
	fmt.Fprintf(w, `postern guards the Docker Engine's socket: it forwards only what environment
variables switch on, and answers everything else with 403 and what to set.

  postern [serve]      run the proxy
  postern explain      what the settings permit and why; --json for programs
  postern explain POST /v1.41/containers/web/restart
                       whether this one is allowed: exit 0, or 1 and what to set;
                       --client NAME before it asks for a declared client
  postern presets      what well-known programs need; postern presets traefik for one
  postern healthcheck  exit 0 if the engine answers through the proxy, else 1
  postern version
  postern help

Sections of the Docker API, one variable each, 1 or 0:
  on by default   %s
  off by default  %s
  Podman's LIBPOD %s

Operations, by the ids of Docker's API reference, with * for any letters:
  ALLOW           allow these whatever the toggles say: ContainerList,ContainerInspect
  DENY            refuse these whatever else says: *Prune,*Delete
  PRESET          allow what these programs need: traefik,dozzle (see postern presets)

Clients with permissions of their own:
  CLIENT_<NAME>_FROM    addresses, subnets, host names: traefik,10.0.0.5,172.20.0.0/16
  CLIENT_<NAME>_LISTEN  or a listener of its own: unix:///run/portainer/docker.sock
  CLIENT_<NAME>_...     each of the variables above and the toggles below, for it alone

Toggles:
`, strings.Join(on, " "), fold(off, 60, "\n                  "), fold(podman, 60, "\n                  "))
	for _, t := range acl.AllToggles()[len(acl.Sections):] {
		if strings.HasPrefix(t.Var, "LIBPOD_") {
			continue // linuxserver's names, in README
		}
		fmt.Fprintf(w, "  %-15s %s\n", t.Var, strings.ReplaceAll(t.Opens, "`", ""))
	}
	fmt.Fprint(w, "\nSettings:\n")
	for _, s := range Settings() {
		help := s.Help
		if s.Default != "" {
			help += " (" + s.Default + ")"
		}
		fmt.Fprintf(w, "  %-19s %s\n", s.Var, help)
	}
	fmt.Fprint(w, `
Example:
  docker run -d --name postern -p 127.0.0.1:2375:2375 -e CONTAINERS=1 \
    -v /var/run/docker.sock:/var/run/docker.sock postern
`)
}

// fold joins words with spaces, in lines of at most width.
func fold(words []string, width int, newline string) string {
	var b strings.Builder
	column := 0
	for _, word := range words {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteString(newline)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
