package guard

import (
	"encoding/json"
	"slices"
	"strings"

	"postern/acl/body"
)

// Podman, which serves Docker's API too, reads a few fields as its command reads
// options. For these the rules here leave what both engines read alike.

// volumes judges the keys of Volumes, which are paths in the container. Podman takes
// /etc:/h for a mount of the host's /etc, as in -v /etc:/h.
func volumes(j *judge, field string, value any) {
	for path := range objectOf(value).All() {
		if strings.Contains(path, ":") {
			j.never(field, path, "-v", "it is no path: Podman would mount what is before the colon")
		}
	}
}

// env judges variables. Podman takes PASS* without a value for all variables of its own
// that begin so.
var env = texts(func(j *judge, field, variable string) {
	if !strings.Contains(variable, "=") && strings.HasSuffix(variable, "*") {
		j.never(field, variable, "-e", "Podman would hand on variables of its own")
	}
})

// groupAdd judges GroupAdd. Root in a container can join any group, but keep-groups is
// the groups that Podman itself has.
var groupAdd = texts(func(j *judge, field, group string) {
	if strings.Contains(group, "keep-groups") {
		j.never(field, group, "--group-add", "")
	}
})

// mountWord judges a word of a mount, which Podman puts between commas, as in --mount.
func mountWord(j *judge, field string, value any) {
	if word := show(value); strings.ContainsAny(word, ",\"\r\n") {
		j.never(field, word, "--mount", "Podman would read options after the comma")
	}
}

// dockerfile judges the path of a build's Dockerfile. Docker keeps it to the build's
// context. Podman does not, takes a JSON list too, and shows a file's first line as the
// instruction that it does not know.
func dockerfile(j *judge, field string, value any) {
	path := show(value)
	if slices.Contains(strings.Split(path, "/"), "..") || strings.ContainsAny(path, `["\`) {
		j.never(field, path, "-f", "Podman would read files of the host")
	}
}

// outputs judges where BuildKit puts what it builds, a JSON list. Podman would write to a
// path of the host.
func outputs(j *judge, field string, value any) {
	j.needBuildKit(field)
	var all []struct{ Type string }
	if err := json.Unmarshal([]byte(show(value)), &all); err != nil {
		j.never(field, show(value), "--output", "it is not a JSON list of outputs")
	}
}

// ignored leaves out what Docker writes or ignores, and programs send back. Podman removes
// the file ContainerIDFile from the host with the container, and takes IPAddress for an
// address that the container asks for.
func ignored(o *body.Object, fields ...string) {
	for _, field := range fields {
		if o.Get(field) != nil {
			o.Delete(field)
		}
	}
}
