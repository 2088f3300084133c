package limits

import (
	"context"
	"sync"
)

// image is what a guard needs of an image's inspect.
type image struct {
	ID                    string `json:"Id"`
	RepoTags, RepoDigests []string
	Config                struct{ Labels map[string]string }
}

func (e *Engine) image(ctx context.Context, name string) (i image, err error) {
	return i, e.get(ctx, "/images/"+name+"/json", nil, &i)
}

// maxTags limits how many tags are remembered.
const maxTags = 4096

// madeTags remembers which image each client gave a tag to since postern's start. An
// image has no label that says who made it: those that are made from it would have
// the label too. The zero value is ready to use.
type madeTags struct {
	mu   sync.Mutex
	made map[[2]string]string // the image's id, by client and reference
}

func (t *madeTags) note(client, reference, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made == nil || len(t.made) >= maxTags {
		t.made = map[[2]string]string{}
	}
	t.made[[2]string{client, reference}] = id
}

// isMade reports whether a client gave the tag to the image that has it now.
func (t *madeTags) isMade(client, reference, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return id != "" && t.made[[2]string{client, reference}] == id
}
