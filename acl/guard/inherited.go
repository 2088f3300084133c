package guard

import "postern/acl/body"

// composeProject is the label by which docker compose finds a project's containers.
const composeProject = "com.docker.compose.project"

// Inherit judges the labels that a new container gets from its image: who makes an
// image, or has one pulled, chooses them. It changes the body so that an image that
// compose has built puts no container into the project.
func (g *Guard) Inherit(image map[string]string, create *body.Object) []Violation {
	j := &judge{Guard: g}
	own := create.Object("Labels")
	for name, value := range image {
		switch {
		case own.Get(name) != nil, isStamp(name): // every container is made with a stamp
		case name == composeProject:
			create.Set("", "Labels", name)
		default:
			j.label("the image's label", name, value, "")
		}
	}
	return j.violations
}
