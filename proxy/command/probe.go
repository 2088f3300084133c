package command

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// probes are the programs that the health checks of compose files run, and the
// shell that runs them for CMD-SHELL. In the image they are links to postern, which
// then does its own health check whatever the arguments are.
var probes = []string{"sh", "wget", "curl", "nc"}

// IsProbe reports whether postern was started under the name of a probe, as which
// it does nothing but the health check. program is the first word of the command
// line.
func IsProbe(program string) bool { return slices.Contains(probes, path.Base(program)) }

// targets are the words by which a probe of postern is told from other commands: the
// hosts, the port and the paths that health checks name.
var targets = []string{"localhost", "127.", "::1", "0.0.0.0", "2375", "/_ping", "/version", "docker.sock", "healthcheck"}

// ProbeNotice says that the image has no shell, "" if the command line is that of a
// probe.
func ProbeNotice(argv []string) string {
	line := strings.Join(argv, " ")
	if slices.ContainsFunc(targets, func(t string) bool { return strings.Contains(line, t) }) {
		return ""
	}
	last := len(probes) - 1
	return fmt.Sprintf("there is no shell in this image: %s and %s only do postern's health check; /postern help lists its commands",
		strings.Join(probes[:last], ", "), probes[last])
}
