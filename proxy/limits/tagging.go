package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"postern/acl/guard"
)

// A build and a commit take as long as the client likes, and at their end the engine
// takes their tags from whatever has them. A client that may write new tags would only
// have to wait until somebody else has made one. So the engine makes the image without
// tags, and postern gives it those that are still new. One request lies between the look
// at a tag and the tag: the engine cannot be asked for a tag only if it is new.

// tags has postern give the tags that the request writes, if the client may write new
// ones. They then count as the client's own.
func (c *check) tags() {
	references := guard.Written(c.request(c.judgedQuery))
	if len(references) == 0 || !c.Guard.TagsNew() {
		return
	}
	c.ownHeader()
	c.out.Header.Del("Accept-Encoding") // the response is looked at
	switch c.d.OperationID() {
	case "ImageTag":
		setBody(c.out, nil) // an engine that waited for one would tag when the client likes
		tagged, err := c.Engine.image(c.ctx, c.d.Name())
		c.passed.Then(func(res *http.Response) error {
			if err == nil && res.StatusCode < 300 {
				c.Engine.tags.note(c.Client, references[0], tagged.ID)
			}
			return nil
		})
	case "ImageCommit":
		c.deleteQuery("repo")
		c.deleteQuery("tag")
		c.passed.Then(func(res *http.Response) error { return c.tagCommitted(res, references) })
	case "ImageBuild":
		c.deleteQuery("t")
		c.passed.Then(func(res *http.Response) error { return c.tagBuilt(res, references) })
	}
}

// give gives an image one tag after another, up to one that is not the client's to write
// any more. Each is looked at when its turn comes: a request may have thousands.
func (c *check) give(image string, references []string) error {
	l := looker{c: c}
	found, err := c.Engine.image(c.ctx, image)
	l.note(err)
	for _, reference := range references {
		colon := strings.LastIndexByte(reference, ':')
		query := url.Values{"repo": {reference[:colon]}, "tag": {reference[colon+1:]}}
		if l.err == nil {
			all := c.Guard.Judge(&guard.Request{Operation: "ImageTag", Query: query}, l.lookup())
			if len(all) > 0 && l.err == nil && !c.Observes {
				return fmt.Errorf("%s is refused: somebody else has made the tag %s meanwhile: %s", c.subject(), all[0].Asks, all[0].Remedy())
			}
		}
		if l.err == nil {
			l.note(c.Engine.ask(c.ctx, http.MethodPost, "/images/"+found.ID+"/tag", query, nil, nil))
		}
		if l.err != nil {
			return fmt.Errorf("the image does not get the tag %s: %w", guard.Familiar(reference), l.err)
		}
		c.Engine.tags.note(c.Client, reference, found.ID)
	}
	return nil
}

// tagCommitted gives the tags to an image that the engine has made of a container.
func (c *check) tagCommitted(res *http.Response, references []string) error {
	if res.StatusCode != http.StatusCreated {
		return nil
	}
	return change(res, maxError, func(text []byte) ([]byte, error) {
		var made struct{ ID string }
		err := json.Unmarshal(text, &made)
		if err == nil {
			err = c.give(made.ID, references)
		}
		if err == nil {
			return text, nil
		}
		res.StatusCode, res.Status = http.StatusForbidden, ""
		return json.Marshal(map[string]string{"message": "postern: " + err.Error()})
	})
}

// tagBuilt passes on what a build says, and gives the tags to the image at its end.
func (c *check) tagBuilt(res *http.Response, references []string) error {
	if res.StatusCode != http.StatusOK {
		return nil
	}
	return filter(res, true, func(v *values) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			var b build
			for message, err := range v.all {
				b.read(message)
				if !yield(append(message, "\r\n"...), err) || err != nil {
					return
				}
			}
			for _, message := range c.end(b, references) {
				text, err := json.Marshal(message)
				if !yield(append(text, "\r\n"...), err) {
					return
				}
			}
		}
	})
}

// build is what a build has said of its result.
type build struct {
	image  string // what it made, by its id or the beginning of it
	quiet  bool   // it says nothing but the id
	failed bool
}

// result is how a build ends that does not say it in a message of its own, before API
// 1.30 or with the parameter q.
var result = regexp.MustCompile(`^(Successfully built )?((?:sha256:)?[0-9a-f]{12,64})\n?$`)

// read reads a message. A program that the build runs may print what looks like a
// result, but not as the last one: so the last one counts.
func (b *build) read(message []byte) {
	var m struct {
		Stream, Error string
		Aux           json.RawMessage
	}
	if json.Unmarshal(message, &m) != nil {
		return
	}
	b.failed = b.failed || m.Error != ""
	if found := result.FindStringSubmatch(m.Stream); found != nil {
		b.image, b.quiet = found[2], found[1] == ""
	}
	var aux struct{ ID string }
	if json.Unmarshal(m.Aux, &aux) == nil && aux.ID != "" {
		b.image, b.quiet = aux.ID, false
	}
}

// end gives the tags to what a build has made. It returns what the engine would have
// said of them.
func (c *check) end(b build, references []string) (messages []any) {
	switch {
	case b.failed:
		return nil
	case b.image == "" && c.query.Get("outputs") != "":
		return nil // BuildKit has written files in place of an image
	case b.image == "":
		return failure(errors.New("the engine has not said which image it has made: it gets no tag"))
	}
	if err := c.give(b.image, references); err != nil {
		return failure(err)
	}
	for _, reference := range references {
		if !b.quiet {
			messages = append(messages, map[string]string{"stream": "Successfully tagged " + guard.Familiar(reference) + "\n"})
		}
	}
	return messages
}

// failure is the message with which the engine ends a build that has failed.
func failure(err error) []any {
	text := "postern: " + err.Error()
	return []any{map[string]any{"errorDetail": map[string]string{"message": text}, "error": text}}
}
