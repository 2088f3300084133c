package limits

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"postern/acl"
	"postern/acl/body"
	"postern/acl/pattern"
	"postern/acl/scope"
)

// check is the check of one request.
type check struct {
	*Limits
	ctx    context.Context
	d      acl.Decision
	rule   scope.Rule
	out    *http.Request // a copy of the client's, to be forwarded
	query  url.Values
	target string // what the path is to name in place of the client's name, or ""
	body   *body.Object
	name   string     // of the object that the operation is about
	found  *container // the container that was found last
	absent []absent
	passed Passed
	// references counts what was asked for.
	references int

	queryChanged, headerIsOwn bool
	// asksItself is whether the answer about what is absent is that of a lookup, since
	// the request would succeed or be about something else.
	asksItself bool

	unknown     []string   // fields of the body that were left out
	judgedQuery url.Values // as the guard judged it
	isExec      bool       // the operation is about an exec, which is privileged or not
	privileged  bool
	undo        []func() // takes back what was made for the request
	volumes     []string // that a new container names
	dangling    *bool    // whether a list is to have what nothing uses, or what something uses
	made        string   // the id of the new container, which makes no volume the client's own
}

func newCheck(l *Limits, d acl.Decision, r *http.Request) *check {
	if l == nil {
		l = &Limits{}
	}
	out := *r
	return &check{Limits: l, ctx: r.Context(), d: d, rule: scope.RuleFor(d.OperationID()), out: &out}
}

// run is the whole check.
func (c *check) run() *Refusal {
	if c.Scope == nil && c.Guard == nil && len(c.d.Names) == 0 && !c.stampsHere() {
		c.passed.Request = c.out
		return nil
	}
	if c.Engine == nil {
		return c.refuseBy(c.d.Rule, "there is no engine to look it up at")
	}
	for _, step := range []func() *Refusal{c.shape, c.content, c.judge, c.named, c.powers, c.image} {
		if refusal := step(); refusal != nil {
			c.undoAll()
			return refusal
		}
	}
	c.readdress()
	if len(c.absent) > 0 {
		return c.answerAbsent()
	}
	c.onError()
	c.passed.Request = c.out
	return nil
}

// shape refuses what cannot be held to a scope, before any lookup.
func (c *check) shape() *Refusal {
	switch {
	case c.Scope != nil && c.rule.Does == scope.Refused && !c.loads():
		return c.refuse(c.subject() + " cannot be held to a scope")
	case len(c.d.Subjects()) > 1:
		return c.refuse("its path has two readings")
	case c.isForm():
		// The engine would take a parameter from there before it looks at the query.
		return c.refuse("its body is a form, which would stand in for the query")
	}
	query, err := url.ParseQuery(c.out.URL.RawQuery)
	if err != nil {
		return &Refusal{Status: http.StatusBadRequest, Rule: c.rulePlace(), Reason: "its query cannot be read"}
	}
	c.query = query
	for _, key := range []string{"name", "container", "filters", "limit", "all", "networkmode", "remote", "fromSrc", "fromImage", "repo", "labels", "changes"} {
		if len(query[key]) > 1 && key != "changes" {
			return c.refuse("its query has " + key + " twice")
		}
		for written := range query {
			if written != key && strings.EqualFold(written, key) { // Podman takes it for the same
				return c.refuse("its query has " + written + ": want " + key)
			}
		}
	}
	return c.reachesFurther()
}

func (c *check) subject() string {
	if id := c.d.OperationID(); id != "" {
		return id
	}
	return "an operation that postern does not know"
}

func (c *check) isForm() bool {
	return c.out.ContentLength != 0 && body.CheckHeaders(c.out.Header.Get("Content-Type"), "") != nil
}

// judge finds what the request names and holds it to the scope.
func (c *check) judge() *Refusal {
	if c.Scope != nil {
		c.ownHeader()
		c.out.Header.Del("Accept-Encoding") // the response is looked at
	}
	switch c.rule.Does {
	case scope.Names:
		return c.path()
	case scope.Lists:
		return c.list()
	case scope.Creates:
		return c.create()
	case scope.Prunes:
		return c.prune()
	case scope.Special:
		return map[string]func() *Refusal{
			"ImageCommit": c.commit, "ImageBuild": c.build, "ImageCreate": c.pull, "ImageTag": c.tagImage,
			"SystemEvents": c.events, "SystemDataUsage": c.usage, "SystemInfo": c.info, "SystemInfoLibpod": c.info,
			"ImageList": c.images, "ImageInspect": c.images, "ImageDelete": c.removeImage,
		}[c.d.OperationID()]()
	}
	return nil
}

// named holds an operation that is allowed on objects of some names only to these
// names. What is out of scope or absent is answered before.
func (c *check) named() *Refusal {
	if len(c.d.Names) == 0 || len(c.absent) > 0 {
		return nil
	}
	name := c.name
	if name == "" {
		return c.refuseBy(c.d.Rule, "it names nothing that "+c.d.Rule+" could allow")
	}
	if pattern.MatchAny(c.d.Names, name) {
		return nil
	}
	refusal := c.refuseBy(c.d.Rule, c.d.Rule+" does not name "+name)
	refusal.Remedy = "add " + c.d.OperationID() + ":" + name + " to " + c.Prefix + "ALLOW"
	return refusal
}

// readdress writes the path and the query as they were decided on.
func (c *check) readdress() {
	u := *c.out.URL
	u.Path, u.RawPath = c.d.Version+c.d.Path, ""
	if c.target != "" {
		u.Path = c.d.Target(c.target)
	}
	if c.queryChanged {
		u.RawQuery = c.query.Encode()
	}
	c.out.URL, c.out.RequestURI = &u, u.RequestURI()
	if c.body != nil {
		c.ownHeader()
		c.out.Header.Del("Expect") // the body has come
		c.out.Header.Set("Content-Type", "application/json")
		setBody(c.out, c.body.Encode())
	}
}

// ownHeader lets the header be changed.
func (c *check) ownHeader() {
	if !c.headerIsOwn {
		c.out.Header, c.headerIsOwn = c.out.Header.Clone(), true
	}
}

// refuse refuses because of the scope.
func (c *check) refuse(reason string) *Refusal { return c.refuseBy(c.rulePlace(), reason) }

func (c *check) refuseBy(rule, reason string) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Rule: rule, Reason: reason}
}

func (c *check) rulePlace() string {
	switch {
	case c.Scope != nil:
		return c.ScopeRule
	case len(c.d.Names) > 0:
		return c.d.Rule
	case c.Guard != nil:
		return c.GuardRule
	}
	return cmp.Or(c.ScopeRule, "SCOPE=mine") // of another client, whose stamp this is about
}

// failed refuses because the engine could not be asked.
func (c *check) failed(err error) *Refusal {
	status := http.StatusBadGateway
	if errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusGatewayTimeout
	}
	return &Refusal{Status: status, Rule: c.rulePlace(), Reason: "the engine did not answer a lookup of what the request names: " + err.Error(), Err: err}
}

// setBody gives a request a body.
func setBody(r *http.Request, body []byte) {
	// GetBody tells package hijack that the client's body has been read.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength, r.TransferEncoding = int64(len(body)), nil
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// nobody is a name that nothing has.
func nobody() string {
	var random [32]byte
	rand.Read(random[:])
	return hex.EncodeToString(random[:])
}
