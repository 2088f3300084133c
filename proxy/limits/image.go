package limits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"postern/acl/guard"
)

// image judges the labels that a new container gets from its image, and has the
// container looked at that is made. The name of an image or of a volume may stand for
// another one between the look-up and the create.
func (c *check) image() *Refusal {
	if c.Guard == nil || c.body == nil || c.d.OperationID() != "ContainerCreate" || len(c.absent) > 0 {
		return nil
	}
	judged, err := c.Engine.image(c.ctx, c.body.String("Image"))
	if err != nil && !errors.Is(err, errAbsent) {
		return c.failed(err)
	}
	if refusal := c.violated(c.Guard.Inherit(judged.Config.Labels, c.body)); refusal != nil || c.Observes {
		return refusal
	}
	c.outlive()
	c.ownHeader()
	c.out.Header.Del("Accept-Encoding") // an answer that cannot be read has made a container too
	c.passed.Then(func(res *http.Response) error {
		if res.StatusCode != http.StatusCreated {
			return nil
		}
		return change(res, maxAnswer, func(text []byte) ([]byte, error) { return text, c.verify(text, judged) })
	})
	return nil
}

var errImage = errors.New("the image's name was given to another image meanwhile")

// verify looks at the container that the engine has made, as the guard looks at those
// that a client wants to reach into. It removes one that has more than was judged: its
// names stood for something else by then.
func (c *check) verify(created []byte, judged image) error {
	var made struct{ ID string }
	if err := json.Unmarshal(created, &made); err != nil {
		return err
	}
	found, err := c.Engine.container(c.ctx, made.ID)
	switch {
	case errors.Is(err, errAbsent):
		return nil // somebody has removed it already
	case err == nil:
		for _, has := range []func() error{
			func() error { return c.hasImage(found, judged) }, func() error { return c.hasLabels(found) },
			func() error { return c.hasPowers(found) }, func() error { return c.hasVolumes(found) },
		} {
			if err = has(); err != nil {
				break
			}
		}
	}
	if err == nil {
		return nil
	}
	// The client knows its name, and may have started it.
	c.Engine.ask(c.ctx, http.MethodDelete, "/containers/"+made.ID, url.Values{"force": {"1"}, "v": {"1"}}, nil, nil)
	return fmt.Errorf("container %.12s is removed again: %w", made.ID, err)
}

func (c *check) hasImage(found *container, judged image) error {
	if found.Image == judged.ID {
		return nil
	}
	now, err := c.Engine.image(c.ctx, found.Image) // an image may have ids of two kinds
	if err == nil && now.ID != judged.ID {
		err = errImage
	}
	return err
}

// hasLabels judges the labels that the container has got from its image. An image for
// several platforms has labels for each, and the look-up has seen those of one.
func (c *check) hasLabels(found *container) error {
	labels := found.Config.Labels
	if all := c.Guard.Inherit(labels, c.body); len(all) > 0 {
		return errors.New(guard.Message(all))
	}
	if project := labels[projectLabel]; project != c.body.String("Labels", projectLabel) {
		return errors.New("its image puts it into the compose project " + project)
	}
	return nil
}

func (c *check) hasPowers(found *container) error {
	l := looker{c: c}
	all := l.has(found)
	if l.err == nil && len(all) > 0 {
		return errors.New("it has more than it may: " + guard.Message(all))
	}
	return l.err
}

// hasVolumes looks at the volumes that the client has named. One without a stamp must
// not count as the client's because the new container uses it.
func (c *check) hasVolumes(found *container) error {
	l := looker{c: c}
	c.made = found.ID
	for _, name := range c.volumes {
		if listed, _ := c.Guard.ListsVolume(name); !listed && !l.ownVolume(name) && l.err == nil {
			return errVolume
		}
	}
	return l.err
}

// afterwards is how long the engine may take for a request whose client has gone.
const afterwards = time.Minute

// outlive keeps a request from ending with its client: what is looked at in its response
// would then not be looked at, and the engine has done it all the same.
func (c *check) outlive() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.ctx))
	stop := context.AfterFunc(c.ctx, func() { time.AfterFunc(afterwards, cancel) })
	c.passed.end = append(c.passed.end, func() { stop(); cancel() })
	c.out = c.out.WithContext(ctx)
}
