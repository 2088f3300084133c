package limits

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/acl"
	"postern/acl/redact"
)

// Redaction is what responses do not show to a client. The zero value shows all.
type Redaction struct {
	redact.Redaction
	// Rule is the setting that says so, such as "CLIENT_UI_REDACT=env". Undo is the one
	// that would undo it for this client, such as "CLIENT_UI_REDACT=none".
	Rule, Undo string
}

// ResponseError is why an engine's response is not passed on.
type ResponseError struct {
	Rule string
	Err  error
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("the engine's response is not passed on, because %s cannot hold for it: %v", e.Rule, e.Err)
}

func (e *ResponseError) Unwrap() error { return e.Err }

// check refuses what cannot be redacted. Otherwise it has the response redacted, as the
// last change to it.
func (r Redaction) check(d acl.Decision, p *Passed) *Refusal {
	if r.Kinds == 0 {
		return nil
	}
	if reason := r.Refuses(d); reason != "" {
		return r.refusal(http.StatusForbidden, reason)
	}
	id := d.OperationID()
	if id == "ContainerTop" && r.Kinds == redact.Env && !plainPS(p.Request.URL.RawQuery) {
		return r.refusal(http.StatusForbidden, "ps_args can show environments: want none, -ef or aux")
	}
	if filter := r.Request(id); filter != nil && p.Request.Body != nil && p.Request.Body != http.NoBody {
		if refusal := r.checkBody(filter, p); refusal != nil {
			return refusal
		}
	}
	filter, isFailure := r.Redaction.Response(id), false
	if filter == nil {
		filter, isFailure = r.Failure(id), true
	}
	if filter != nil {
		asked := p.Request
		p.Request = asked.WithContext(asked.Context())
		p.Request.Header = asked.Header.Clone()
		p.Request.Header.Del("Accept-Encoding")
		p.Then(func(res *http.Response) error {
			if isFailure != (res.StatusCode >= 400) {
				return nil
			}
			return r.change(res, filter, d.Streams())
		})
	}
	return nil
}

func (r Redaction) refusal(status int, reason string) *Refusal {
	return &Refusal{Status: status, Rule: r.Rule, Reason: reason + " (" + r.Rule + ")", Remedy: "set " + r.Undo}
}

// plainPS reports whether the query has ps list processes without their environments.
// Podman reads the parameter's name in any case.
func plainPS(query string) bool {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false
	}
	for name, args := range values {
		plain := func(arg string) bool { return slices.Contains([]string{"", "-ef", "aux"}, arg) }
		if strings.EqualFold(name, "ps_args") && !(len(args) == 1 && plain(args[0])) {
			return false
		}
	}
	return true
}

// maxBody limits the bodies that are looked at, in bytes.
const maxBody = 1 << 20

// checkBody refuses a body that wants a redacted value. A client that reads a
// container, changes one thing and makes a new one of it would otherwise give it
// redacted values for real ones.
func (r Redaction) checkBody(filter *redact.Filter, p *Passed) *Refusal {
	body, err := io.ReadAll(io.LimitReader(p.Request.Body, maxBody+1))
	switch {
	case err != nil:
		return &Refusal{Status: http.StatusBadRequest, Rule: r.Rule, Reason: "the request's body is not complete"}
	case len(body) > maxBody:
		return &Refusal{Status: http.StatusRequestEntityTooLarge, Rule: r.Rule, Reason: "its body is longer than 1 MiB (" + r.Rule + ")"}
	}
	if len(bytes.TrimSpace(body)) > 0 {
		_, err := filter.Append(nil, body)
		if err == nil {
			err = filter.End()
		}
		switch {
		case errors.Is(err, redact.ErrMarked):
			return r.refusal(http.StatusBadRequest, `its body has "***" for a value, which stands for one that was not shown`)
		case err != nil:
			return &Refusal{Status: http.StatusBadRequest, Rule: r.Rule, Reason: "its body cannot be read: " + err.Error()}
		}
	}
	read := p.Request.WithContext(p.Request.Context())
	read.Header = p.Request.Header.Clone()
	read.Header.Del("Expect") // the client was told to go on
	read.Body, read.ContentLength, read.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	p.Request = read
	return nil
}

// held is how much of a response is read before its status is passed on, in bytes: what
// is wrong up to there is told with status 502. Almost every inspect is shorter.
const held = 48 << 10

// change redacts a response. Redirects and responses without a body have nothing in them.
func (r Redaction) change(res *http.Response, filter *redact.Filter, streams bool) error {
	if res.StatusCode < 200 || res.StatusCode/100 == 3 || res.Request != nil && res.Request.Method == http.MethodHead {
		return nil
	}
	if encoding := res.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &ResponseError{r.Rule, errors.New("it is compressed")}
	}
	body := &redacted{rule: r.Rule, engine: res.Body, filter: filter, in: make([]byte, 8<<10)}
	hasLength := res.Header.Get("Content-Length") != ""
	res.Header.Del("Content-Length")
	res.Body, res.ContentLength = body, -1
	if streams {
		return nil
	}
	for body.err == nil && len(body.out) < held {
		body.fill()
	}
	if body.err != nil && body.err != io.EOF {
		return body.err
	}
	if hasLength && body.err == io.EOF {
		res.ContentLength = int64(len(body.out))
		res.Header.Set("Content-Length", strconv.Itoa(len(body.out)))
	}
	return nil
}

// redacted is the body of a redacted response. It ends with an error where the engine's
// cannot be redacted any further, so that the client's connection breaks.
type redacted struct {
	rule   string
	engine io.ReadCloser
	filter *redact.Filter
	in     []byte
	out    []byte // filtered, of which read bytes were read
	read   int
	begun  bool  // the engine has sent something
	err    error // why nothing more is filtered
}

// fill filters what the engine has sent. It waits until there is something.
func (b *redacted) fill() {
	n, err := b.engine.Read(b.in)
	b.begun = b.begun || n > 0
	var bad error
	if b.out == nil && n == len(b.in) { // a long response; append would take many small steps
		b.out = make([]byte, 0, held+2*len(b.in))
	}
	if b.out, bad = b.filter.Append(b.out, b.in[:n]); bad == nil && err == io.EOF && b.begun {
		bad = b.filter.End() // a response without a body shows nothing
	}
	if b.err = err; bad != nil {
		b.err = &ResponseError{b.rule, bad}
	}
}

func (b *redacted) Read(p []byte) (int, error) {
	for b.read == len(b.out) {
		if b.err != nil {
			return 0, b.err
		}
		b.out, b.read = b.out[:0], 0
		b.fill()
	}
	n := copy(p, b.out[b.read:])
	b.read += n
	return n, nil
}

func (b *redacted) Close() error { return b.engine.Close() }
