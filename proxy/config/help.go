package config

import (
	"fmt"
	"io"
	"strings"

	"postern/acl"
)

// WriteHelp writes the manual, which fits one screen.
func WriteHelp(w io.Writer) {
	var on, off, podman []string
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
variables switch on, and refuses everything else with the variable to set.

  postern [serve]      run the proxy
  postern explain      what the settings permit and why; --json for programs, --client NAME for one client
  postern explain POST /v1.41/containers/web/restart, postern explain ContainerRestart
                       whether this is allowed: exit 0, or 1 and the variables to set
  postern presets      what well-known programs need; postern presets traefik for one
  postern healthcheck  exit 0 if the engine answers through the proxy, else 1
  postern version, postern help [COMMAND]

Sections of the Docker API, one variable each, 1 or 0:
  on by default   %s
  off by default  %s
  Podman's LIBPOD %s

Operations, by the ids of Docker's API reference, with * for any letters:
  ALLOW           allow these, whatever the toggles say: ContainerList,ContainerInspect
  DENY            refuse these, whatever else allows them: *Prune,*Delete
  PRESET          allow the operations that these programs need: traefik,dozzle (see postern presets)

Clients with permissions of their own:
  CLIENT_<NAME>_FROM    addresses, subnets, host names: traefik,10.0.0.5,172.20.0.0/16
  CLIENT_<NAME>_LISTEN  or a listener of its own: unix:///run/portainer/docker.sock
  CLIENT_<NAME>_...     each of the variables above and the toggles below, for this client only

Toggles:
`, strings.Join(on, " "), fold(off, 60, "\n                  "), fold(podman, 60, "\n                  "))
	writeToggles(w)
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

// toggleGroups are the toggles that begin a group in the manual, each with the
// text for its group; an empty text means the toggle's own.
var toggleGroups = map[string]string{
	"POST":          "",
	"ALLOW_START":   "these POSTs under /containers/{id}/, even with CONTAINERS=0 and POST=0; RESTARTS: stop, restart, kill",
	"ALLOW_LOGS":    "0 refuses these reads under /containers/{id}/ though CONTAINERS=1",
	"ALLOW_ARCHIVE": "0 refuses files and file systems of containers; so does POST=0 without a 1 here",
}

// writeToggles writes the toggles that are not sections, group by group. It
// leaves out LIBPOD_ALLOW_*, linuxserver's older names, which the README lists.
func writeToggles(w io.Writer) {
	var names []string
	text := ""
	writeGroup := func() {
		if len(names) > 0 {
			fmt.Fprintf(w, "  %s\n      %s\n", strings.Join(names, " "), strings.ReplaceAll(text, "`", ""))
		}
		names = nil
	}
	for _, t := range acl.AllToggles()[len(acl.Sections):] {
		if strings.HasPrefix(t.Var, "LIBPOD_") {
			continue
		}
		if groupText, first := toggleGroups[t.Var]; first {
			writeGroup()
			text = groupText
			if text == "" {
				text = t.Opens
			}
		}
		names = append(names, t.Var)
	}
	writeGroup()
}

// fold joins words with spaces into lines of at most width bytes, separated by
// newline.
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
