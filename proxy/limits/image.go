package limits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// image judges the labels that a new container gets from its image. A name can be given
// to another image between the look-up and the create: a container that is not of the
// image that was judged is removed again.
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
	c.passed.Then(func(res *http.Response) error {
		if res.StatusCode != http.StatusCreated {
			return nil
		}
		return change(res, maxError, func(text []byte) ([]byte, error) { return text, c.isOf(text, judged) })
	})
	return nil
}

var errImage = errors.New("the image's name was given to another image meanwhile, and the container was removed")

// isOf removes a container that was made of another image than was judged.
func (c *check) isOf(created []byte, judged image) error {
	var made struct{ ID string }
	if err := json.Unmarshal(created, &made); err != nil {
		return err
	}
	found, err := c.Engine.container(c.ctx, made.ID)
	if err == nil && found.Image != judged.ID {
		var now image
		if now, err = c.Engine.image(c.ctx, found.Image); err == nil && now.ID != judged.ID {
			err = errImage
		}
	}
	if err == nil || errors.Is(err, errAbsent) && found == nil {
		return nil
	}
	c.Engine.ask(c.ctx, http.MethodDelete, "/containers/"+made.ID, nil, nil, nil)
	return fmt.Errorf("container %.12s: %w", made.ID, err)
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
