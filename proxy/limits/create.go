package limits

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"postern/acl/body"
	"postern/acl/guard"
	"postern/acl/scope"
)

// create holds what the client makes to its scope.
func (c *check) create() *Refusal {
	if refusal := c.readBody(); refusal != nil {
		return refusal
	}
	name := c.body.String("Name")
	if c.rule.Kind == scope.Container {
		name = strings.TrimPrefix(c.query.Get("name"), "/")
	}
	c.name = name
	if refusal := c.checkName(c.rule.Kind, name); refusal != nil {
		return refusal
	}
	if refusal := c.label(); refusal != nil {
		return refusal
	}
	if c.Scope == nil && c.Guard == nil {
		return nil
	}
	switch c.rule.Kind {
	case scope.Network:
		return c.createNetwork()
	case scope.Volume:
		return c.createVolume(name)
	}
	return c.createContainer()
}

// stampsHere reports whether the stamp concerns this request although nothing limits
// the client.
func (c *check) stampsHere() bool {
	return c.Stamps && (c.rule.Does == scope.Creates || c.d.OperationID() == "ImageCommit" || c.d.OperationID() == "ImageBuild")
}

// readBody reads the body of a request, of which c.body is then forwarded.
func (c *check) readBody() *Refusal {
	if c.body != nil {
		return nil
	}
	header := c.out.Header
	err := body.CheckHeaders(header.Get("Content-Type"), header.Get("Content-Encoding"))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(c.out.Body, body.MaxSize+1))
	}
	unknown := body.Keep
	if c.Guard != nil {
		unknown = body.Drop
	}
	if err == nil {
		c.body, c.unknown, err = body.Read(text, body.ByOperation[c.d.OperationID()], unknown)
	}
	switch problem := (*body.Error)(nil); {
	case errors.As(err, &problem) && problem.Problem == body.Empty:
		c.body = body.New(body.ByOperation[c.d.OperationID()])
	case errors.As(err, &problem) && problem.Problem == body.TooLarge:
		return &Refusal{Status: http.StatusRequestEntityTooLarge, Rule: c.rulePlace(), Reason: err.Error()}
	case err != nil:
		return &Refusal{Status: http.StatusBadRequest, Rule: c.rulePlace(), Reason: err.Error()}
	case len(c.unknown) > 0 && unknown == body.Keep:
		return c.refuse("the body has " + strings.Join(c.unknown, ", ") + " outside HostConfig")
	}
	return nil
}

// label puts the stamp and the scope's labels on what is made.
func (c *check) label() *Refusal {
	asked := map[string]string{}
	for key, value := range c.body.Object("Labels").All() {
		asked[key], _ = value.(string)
	}
	add, err := c.Scope.NewLabels(c.Client, asked)
	if err != nil {
		return c.refuse(err.Error())
	}
	for key, value := range add {
		c.body.Set(value, "Labels", key)
	}
	// An image could have the stamp, and a container would inherit it.
	if _, stamped := asked[scope.Stamp]; c.Stamps && !stamped {
		c.body.Set(c.Client, "Labels", scope.Stamp)
	}
	return nil
}

// createContainer puts ids in place of what a new container refers to.
func (c *check) createContainer() *Refusal {
	host := c.body.Object("HostConfig")
	for _, list := range []string{"VolumesFrom", "Links"} {
		if refusal := c.containerList(host, list); refusal != nil {
			return refusal
		}
	}
	for _, mode := range []string{"PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode", "Cgroup"} {
		if refusal := c.mode(host, mode); refusal != nil {
			return refusal
		}
	}
	if refusal := c.projects(); refusal != nil {
		return refusal
	}
	for _, step := range []func(*body.Object) *Refusal{c.networksOf, c.volumesOf} {
		if refusal := step(host); refusal != nil {
			return refusal
		}
	}
	return nil
}

// projectLabel says to which project of compose an object belongs.
const projectLabel = "com.docker.compose.project"

// projects keeps a client that sees what it made out of another's project: the next
// docker compose up or exec there would take what it makes for a part of its own, and
// put its containers into that network and its data into that volume.
func (c *check) projects() *Refusal {
	names := []string{c.body.String("Labels", projectLabel)}
	for _, mount := range c.body.Object("HostConfig").List("Mounts") {
		if m, isObject := mount.(*body.Object); isObject {
			names = append(names, m.String("VolumeOptions", "Labels", projectLabel))
		}
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		if refusal := c.project(name); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (c *check) project(name string) *Refusal {
	if name == "" || c.Scope == nil || c.Scope.Mine == "" || c.Scope.HasTerms() {
		return nil
	}
	all, err := c.Engine.containers(c.ctx, filters{"label": {projectLabel + "=" + name}})
	if err != nil {
		return c.failed(err)
	}
	for _, s := range all {
		if in, err := c.hasSummary(s); err != nil {
			return c.failed(err)
		} else if !in {
			return c.refuse("the compose project " + name + " has containers that the client did not make")
		}
	}
	return nil
}

// containerList puts ids in place of the names in a list such as VolumesFrom, whose
// items have options behind a colon.
func (c *check) containerList(o *body.Object, key string) *Refusal {
	items := o.Strings(key)
	for i, item := range items {
		name, rest, hasRest := strings.Cut(item, ":")
		id, refusal := c.reference(scope.Container, name)
		if refusal != nil {
			return refusal
		}
		items[i] = id
		switch {
		case hasRest:
			items[i] += ":" + rest
		case key == "Links": // the name is the alias too
			items[i] += ":" + strings.TrimPrefix(name, "/")
		}
	}
	if len(items) > 0 {
		o.Set(items, key)
	}
	return nil
}

// mode puts an id into a mode such as container:web.
func (c *check) mode(o *body.Object, key string) *Refusal {
	name, joins := strings.CutPrefix(o.String(key), "container:")
	if !joins {
		return nil
	}
	id, refusal := c.reference(scope.Container, name)
	if refusal == nil {
		o.Set("container:"+id, key)
	}
	return refusal
}

// commit holds an image that is made of a container to the scope, and takes the stamp
// from it: containers made from the image would inherit it.
func (c *check) commit() *Refusal {
	if c.Scope != nil || c.Guard != nil {
		id, refusal := c.reference(scope.Container, c.query.Get("container"))
		if refusal != nil {
			return refusal
		}
		c.setQuery("container", id)
		if refusal := c.tag(c.query.Get("repo")); refusal != nil {
			return refusal
		}
	}
	if c.Stamps {
		for _, change := range c.query["changes"] {
			// The next line, which takes the stamp away, would be a part of it.
			if change = strings.TrimRight(change, " \t"); strings.ContainsAny(change, "\r\n") || strings.HasSuffix(change, `\`) || strings.HasSuffix(change, "`") {
				return &Refusal{Status: http.StatusBadRequest, Rule: c.rulePlace(), Reason: "one of its changes is longer than a line: " + strconv.Quote(change)}
			}
		}
		c.query.Add("changes", "LABEL "+scope.Stamp+`=""`) // the last one counts
		c.queryChanged = true
	}
	return nil
}

// tag refuses to give an image a name that could stand in for another's id.
func (c *check) tag(references ...string) *Refusal {
	for _, reference := range references {
		repository, _, _ := strings.Cut(reference, ":")
		for _, written := range []string{"index.", "docker.io/", "library/"} {
			repository = strings.TrimPrefix(repository, written) // the engine leaves it out
		}
		if c.Scope != nil && scope.IsHex(repository) {
			return c.refuse("the image name " + repository + " looks like an id")
		}
	}
	return nil
}

// build takes the stamp from an image that the classic builder makes. A label of the
// request wins over one of the Dockerfile, which is in an archive.
func (c *check) build() *Refusal {
	remote := c.query.Get("remote")
	isSession := remote == guard.ClientSession && c.Guard != nil && c.Guard.BuildKit
	if c.Scope != nil && remote != "" && !isSession {
		return c.refuse("a build from a URL cannot be held to a scope")
	}
	if c.Stamps {
		labels := map[string]string{}
		if text := c.query.Get("labels"); text != "" {
			if err := json.Unmarshal([]byte(text), &labels); err != nil {
				return &Refusal{Status: http.StatusBadRequest, Rule: c.rulePlace(), Reason: "its labels cannot be read"}
			}
		}
		labels[scope.Stamp] = ""
		text, err := json.Marshal(labels)
		if err != nil {
			return c.failed(err)
		}
		c.setQuery("labels", string(text))
	}
	if c.Scope == nil && c.Guard == nil {
		return nil
	}
	if refusal := c.tag(c.query["t"]...); refusal != nil {
		return refusal
	}
	return c.buildNetwork()
}

// pull refuses an import, which can make an image of any content and label.
func (c *check) pull() *Refusal {
	if c.Scope != nil && c.query.Get("fromSrc") != "" {
		return c.refuse("an import cannot be held to a scope")
	}
	return c.tag(c.query.Get("fromImage"), c.query.Get("repo"))
}

func (c *check) tagImage() *Refusal { return c.tag(c.query.Get("repo")) }
