package redact

import (
	"slices"
	"strings"

	"postern/acl"
)

// podmanOpen are the sections of Podman's own API that show nothing to redact.
var podmanOpen = []string{"/libpod/_ping", "/libpod/version", "/libpod/info"}

// Refuses says why an operation is refused because its response could not be redacted.
// It returns "" if that is not so.
func (r Redaction) Refuses(d acl.Decision) string {
	switch {
	case r.Kinds == 0, d.Section == nil:
	case len(d.Subjects()) > 1:
		return "its path can be read as two operations"
	case d.Operation == nil && d.Method != "HEAD":
		return "what it responds is not known, so that nothing can be redacted"
	case strings.HasPrefix(d.Section.Path, "/libpod/") && !slices.Contains(podmanOpen, d.Section.Path):
		return "Podman's own API is not redacted; Docker's API, which Podman serves too, is"
	}
	return ""
}

// around lists the operations that give the same data away in a form that cannot be
// redacted: files of containers and images, what programs print, and what a client runs
// itself, see [AroundWhat].
const around = "ContainerArchive ContainerCopy ContainerExport ImageGet ImageGetAll ImagePush " +
	"ContainerLogs ContainerAttach ContainerAttachWebsocket ServiceLogs TaskLogs " +
	"ContainerExec ExecStart ContainerCreate ServiceCreate ServiceUpdate SwarmJoin ImageCommit ImageBuild Session Grpc " +
	"PutContainerArchive PluginCreate PluginPull PluginUpgrade CheckpointCreate"

// Around lists the ids of the operations that a policy allows and that give away what is
// redacted elsewhere.
func (r Redaction) Around(p *acl.Policy) (ids []string) {
	if r.Kinds == 0 {
		return nil
	}
	for id := range strings.FieldsSeq(around) {
		i := slices.IndexFunc(acl.Operations, func(op acl.Operation) bool { return op.ID == id })
		if p.Operation(i).Outcome == acl.Allowed {
			ids = append(ids, id)
		}
	}
	return ids
}

// AroundWhat says what the operations of [Redaction.Around] give away.
const AroundWhat = "files of containers and images, what programs print, and what a client runs itself"
