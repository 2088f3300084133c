package guard

import (
	"slices"
	"strings"

	"postern/acl/scope"
)

func (s *Settings) parseImages(l list) error {
	for i, item := range l.items {
		l.items[i] = imagePattern(item)
	}
	return l.each(isImagePattern, "an image such as golang:1.* or ghcr.io/team/*, in small letters, with a comma between two")
}

func (s *Settings) parseTags(l list) error {
	for i, item := range l.items {
		if item != "new" {
			l.items[i] = imagePattern(item)
		}
	}
	return l.each(func(item string) bool { return item == "new" || isImagePattern(item) }, "new, or an image such as team/app:*, in small letters, with a comma between two")
}

// isImagePattern reports whether some image can have a name that matches. Registries and
// tags may have capital letters, the rest of a name has none.
func isImagePattern(pattern string) bool {
	name, _, _ := strings.Cut(pattern, "@")
	repo, _ := splitTag(name)
	path := repo[strings.IndexByte(repo, '/')+1:]
	return isName(pattern, "*/:@") && !strings.Contains(pattern, "//") && path == strings.ToLower(path)
}

// Reference returns an image's name as the engine writes it in full: golang is
// docker.io/library/golang:latest. A name with a digest and a tag loses the tag, which
// the engine does not look at.
func Reference(name string) string {
	name, digest, hasDigest := strings.Cut(name, "@")
	repo, tag := splitTag(name)
	repo = fullRepo(repo)
	switch {
	case hasDigest:
		return repo + "@" + digest
	case tag == "":
		tag = "latest"
	}
	return repo + ":" + tag
}

func splitTag(name string) (repo, tag string) {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i], name[i+1:]
	}
	return name, ""
}

// fullRepo adds the registry, if the first part of the name is none.
func fullRepo(repo string) string {
	first, rest, hasSlash := strings.Cut(repo, "/")
	isHost := hasSlash && (strings.ContainsAny(first, ".:") || first == "localhost" || first != strings.ToLower(first))
	switch {
	case isHost && first == "index.docker.io":
		first = "docker.io"
	case !isHost:
		first, rest = "docker.io", repo
	}
	if first == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return first + "/" + rest
}

// imagePattern completes a pattern as Reference completes a name. Without a tag it
// stands for every tag and digest.
func imagePattern(pattern string) string {
	if strings.HasPrefix(pattern, "*") {
		return pattern
	}
	pattern, digest, hasDigest := strings.Cut(pattern, "@")
	repo, tag := splitTag(pattern)
	repo = fullRepo(repo)
	switch {
	case hasDigest:
		return repo + "@" + digest
	case tag != "":
		return repo + ":" + tag
	}
	return repo
}

// matchesImage reports whether an item of a variable matches a full reference.
func (s *Settings) matchesImage(variable, reference string, defaults ...string) bool {
	repo, _, hasDigest := strings.Cut(reference, "@")
	if !hasDigest {
		repo, _ = splitTag(reference)
	}
	return s.matches(variable, reference, defaults...) || s.matches(variable, repo, defaults...)
}

// image judges the image that a container runs.
func image(j *judge, field string, value any) {
	name := show(value)
	switch {
	case j.target, !j.lists["GUARD_IMAGE"].set, j.any("GUARD_IMAGE"):
		return
	case !isImageID(name):
		if j.matchesImage("GUARD_IMAGE", Reference(name)) {
			return
		}
	case j.ImageNames == nil:
		return
	default:
		for _, reference := range j.ImageNames(name) {
			if j.matchesImage("GUARD_IMAGE", Reference(reference)) {
				return
			}
		}
	}
	j.wants(field, name, "", "GUARD_IMAGE", name)
}

// isImageID reports whether the engine may read a name as an image's id, or as the
// beginning of one.
func isImageID(name string) bool {
	return strings.HasPrefix(name, "sha256:") || name != "" && strings.Trim(name, "0123456789abcdef") == ""
}

// tag judges a tag that is written, pushed or removed.
func (j *judge) tag(field, name, flag string) {
	if name == "" {
		return
	}
	reference := Reference(name)
	repo, _ := splitTag(strings.TrimPrefix(reference, "docker.io/library/")) // as the engine writes it
	switch {
	case slices.Contains(j.Self.Tags, reference):
		j.own(field, name, flag)
	case scope.IsHex(repo):
		j.never(field, name, flag, "a name of 12 to 64 hexadecimal digits is read as an id")
	case j.matchesImage("GUARD_TAG", reference) || j.any("GUARD_TAG"):
	case j.TagsNew() && (j.NewTag == nil || j.NewTag(reference)):
	default:
		name = Familiar(name)
		j.wants(field, name, flag, "GUARD_TAG", name)
	}
}

// newTag judges a tag that is written. Programs that make up a name for each run cannot
// have it listed.
func (j *judge) newTag(field, name, flag string) {
	known := len(j.violations)
	j.tag(field, name, flag)
	if v := j.violations[known:]; len(v) > 0 && v[0].Variable != "" && !j.TagsNew() {
		v[0].Hint = "new if nothing has the name"
	}
}

// TagsNew reports whether the client may write tags that do not exist.
func (s *Settings) TagsNew() bool { return slices.Contains(s.lists["GUARD_TAG"].items, "new") }

// Familiar is an image's name as people write it, and the engine in its messages.
func Familiar(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
}

// tagOf is the reference that a name and a tag parameter make. A name that has a tag
// itself is refused: engines drop it, and what was judged would not be what is written.
func (j *judge) tagOf(field, repo, tag string) string {
	if _, own := splitTag(repo); tag != "" && (own != "" || strings.Contains(repo, "@")) {
		j.never(field, repo+" with the tag "+tag, "", "the engine takes one tag: leave it out of the name")
	}
	return joinTag(repo, tag)
}

// allTags reports whether a name stands for all tags of a repository, as engines read
// one without tag and digest where they pull and push.
func allTags(name string) bool {
	_, tag := splitTag(name)
	return tag == "" && !strings.Contains(name, "@")
}

// joinTag is the reference that the query parameters repo and tag make.
func joinTag(repo, tag string) string {
	switch {
	case repo == "" || tag == "":
		return repo
	case strings.Contains(tag, ":"):
		return repo + "@" + tag
	}
	return repo + ":" + tag
}

// Written lists the references that a request writes, each once.
func Written(r *Request) (all []string) {
	switch r.Operation {
	case "ImageTag", "ImageCommit":
		if name := joinTag(r.Query.Get("repo"), r.Query.Get("tag")); name != "" {
			all = append(all, Reference(name))
		}
	case "ImageBuild":
		for _, name := range r.Query["t"] {
			if reference := Reference(name); name != "" && !slices.Contains(all, reference) {
				all = append(all, reference)
			}
		}
	}
	return all
}

// pulled judges the image that docker pull asks for. A pull for another platform replaces
// the tag by an image that does not run here.
func pulled(j *judge, r *Request) {
	name := j.tagOf("fromImage", r.Query.Get("fromImage"), r.Query.Get("tag"))
	reference, all := Reference(name), allTags(name)
	if all {
		reference, _ = splitTag(reference)
	}
	isOwn := func(tag string) bool { return tag == reference || all && strings.HasPrefix(tag, reference+":") }
	switch {
	case slices.ContainsFunc(j.Self.Tags, isOwn):
		j.own("fromImage", name, "")
	case name != "" && !j.matchesImage("GUARD_IMAGE", reference, "*"):
		j.wants("fromImage", name, "", "GUARD_IMAGE", name)
	}
}

// tagged judges the tag that docker tag and docker commit write.
func tagged(j *judge, r *Request) {
	j.newTag("repo", j.tagOf("repo", r.Query.Get("repo"), r.Query.Get("tag")), "")
}

// pushed judges the tag that docker push sends. Without a tag the engine sends all.
func pushed(j *judge, r *Request) {
	name := j.tagOf("the image", r.Name, r.Query.Get("tag"))
	repo, _ := splitTag(Reference(name))
	if allTags(name) && !slices.Contains(j.Self.Tags, Reference(name)) && !j.matches("GUARD_TAG", repo) && !j.any("GUARD_TAG") {
		j.wants("the image", name+" with all tags", "", "GUARD_TAG", name)
		return
	}
	j.tag("the image", name, "")
}

// removed judges docker rmi: of a tag, or of all tags of an image that is given by its
// id.
func removed(j *judge, r *Request) {
	if !isImageID(r.Name) {
		j.tag("the image", r.Name, "")
		return
	}
	if j.ImageNames == nil {
		return
	}
	hasTag := false
	for _, name := range j.ImageNames(r.Name) {
		isDigest := strings.Contains(name, "@")
		hasTag = hasTag || !isDigest
		if !isDigest || slices.Contains(j.Self.Tags, Reference(name)) {
			j.tag("the image", name, "")
		}
	}
	if !hasTag && !j.any("GUARD_TAG") {
		j.wants("the image", r.Name, "", "GUARD_TAG", "*")
	}
}
