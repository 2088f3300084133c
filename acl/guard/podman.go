package guard

import "strings"

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

// mountWord judges a path of a mount, which Podman puts between commas, as in --mount.
func mountWord(j *judge, field string, value any) {
	if word := show(value); strings.Contains(word, ",") {
		j.never(field, word, "--mount", "Podman would read options after the comma")
	}
}
