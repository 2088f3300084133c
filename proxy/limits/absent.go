package limits

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"postern/acl/scope"
)

// absent is what a request names and the client must not see, or what does not exist.
// Both get the engine's own answer: the request is sent with an id that nothing has,
// and the client's name is put back into the answer. So the words, the status, the
// header and the time are the same, whatever engine it is.
type absent struct {
	kind     scope.Kind
	name, id string
	hidden   bool
}

// answerAbsent sends the request with the ids that nothing has.
func (c *check) answerAbsent() *Refusal {
	if c.asksItself || c.rule.Does == scope.Creates {
		c.askForAbsent()
	}
	res, err := c.Engine.transport.RoundTrip(c.out)
	if err != nil {
		return c.failed(err)
	}
	if err := c.putBack(res); err != nil {
		return c.failed(err)
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Upgrade", "Transfer-Encoding"} {
		res.Header.Del(name)
	}
	if c.rule.Does == scope.Creates && c.absent[0].kind != scope.Container && res.StatusCode == http.StatusNotFound {
		// For docker run, a 404 is about the image, which it would pull. Engines answer a
		// create so only if a container that it names is missing.
		res.StatusCode, res.Status = http.StatusBadRequest, ""
	}
	r := &Refusal{Status: res.StatusCode, Response: res, Reason: "there is no such object"}
	for _, a := range c.absent {
		if a.hidden {
			r.Rule, r.Reason = c.rulePlace(), fmt.Sprintf("%s %s is out of scope", a.kind, a.name)
			if variable := listing[a.kind]; c.Guard != nil && variable != "" && !scope.IsHex(a.name) && c.out.Method != http.MethodDelete {
				v := c.Guard.Unlisted(variable, a.name)
				r.Violations, r.Remedy = append(r.Violations, v), v.Remedy()
			}
		}
	}
	return r
}

// listing has the variables that list what others made, to use and not to remove. The
// client is not told: this is for the log and for LEARN.
var listing = map[scope.Kind]string{scope.Network: "GUARD_NETWORK", scope.Volume: "GUARD_VOLUME"}

// askForAbsent asks for the first absent object itself: a create that names it could
// succeed, since an engine looks at some names only at the start.
func (c *check) askForAbsent() {
	a := c.absent[0]
	c.absent = append(c.absent[:0:0], a)
	target := map[scope.Kind]string{scope.Container: "/containers/" + a.id + "/json", scope.Network: "/networks/" + a.id, scope.Volume: "/volumes/" + a.id}[a.kind]
	c.out = (&http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: c.d.Version + target}, Host: c.out.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}).WithContext(c.ctx)
}

// maxError limits what is read of an answer in which names are put back, in bytes.
const maxError = 64 << 10

// putBack writes the client's names in place of the ids that nothing has.
func (c *check) putBack(res *http.Response) error {
	isJSON := strings.HasPrefix(res.Header.Get("Content-Type"), "application/json")
	if c.out.Method == http.MethodHead {
		n, err := strconv.Atoi(res.Header.Get("Content-Length"))
		if a := c.absent[0]; err == nil && res.StatusCode >= 400 {
			res.Header.Set("Content-Length", strconv.Itoa(n+len(written(a.name, isJSON))-len(a.id)))
		}
		return nil
	}
	return change(res, maxError, func(text []byte) ([]byte, error) {
		for _, a := range c.absent {
			text = bytes.ReplaceAll(text, []byte(a.id), written(a.name, isJSON))
		}
		return text, nil
	})
}

// written is a name as the engine writes it into a message.
func written(name string, inJSON bool) []byte {
	if !inJSON {
		return []byte(name)
	}
	text, err := json.Marshal(name)
	if err != nil {
		panic(err) // unreachable: a string always marshals
	}
	return text[1 : len(text)-1]
}

// change replaces the body of a response, which is read as a whole.
func change(res *http.Response, limit int64, f func([]byte) ([]byte, error)) error {
	if res.Header.Get("Content-Encoding") != "" {
		return errEncoded
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	res.Body.Close()
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("its answer is longer than %d bytes", limit)
	}
	if err == nil {
		text, err = f(text)
	}
	if err != nil {
		return err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	res.TransferEncoding = nil
	res.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}

// anID matches what could be an id in a message.
var anID = regexp.MustCompile(`\b[0-9a-f]{12,64}\b`)

// endpoints matches what newer engines say of a network that cannot be removed: the names
// of the containers in it.
var endpoints = regexp.MustCompile(` \(name:\\?"[^)]*\)`)

// onError blanks what the engine's errors say of hidden objects: "the name is already in
// use by container 9f1c..." says which one it is. What an engine does not find has the
// name that the client wrote.
func (c *check) onError() {
	if c.Scope == nil {
		return
	}
	c.passed.Then(func(res *http.Response) error {
		if res.StatusCode < 400 || res.StatusCode == http.StatusNotFound || c.out.Method == http.MethodHead {
			return nil
		}
		return change(res, maxError, func(text []byte) ([]byte, error) { return c.blank(endpoints.ReplaceAll(text, nil)) })
	})
}

// hiddenID is in place of an id.
const hiddenID = "(hidden)"

// blank replaces the ids of what the client cannot see in a text. The error may quote an
// id that the client chose, so hidden and absent ones are replaced alike.
func (c *check) blank(text []byte) ([]byte, error) {
	var failed error
	text = anID.ReplaceAllFunc(text, func(id []byte) []byte {
		seen, err := c.seesID(string(id))
		failed = errors.Join(failed, err)
		if seen {
			return id
		}
		return []byte(hiddenID)
	})
	// A list of what uses something would tell how many are hidden.
	text = bytes.ReplaceAll(text, []byte(", "+hiddenID), nil)
	return bytes.ReplaceAll(text, []byte(hiddenID+", "), nil), failed
}

// seesID reports whether the client may see the object of an id. Images are everybody's.
func (c *check) seesID(id string) (bool, error) {
	if strings.Contains(c.d.Path, id) {
		return true, nil
	}
	if found, _, err := c.findContainer(id); found != nil || err != nil {
		return found != nil, err
	}
	if found, _, err := c.findNetwork(id); found != nil || err != nil {
		return found != nil, err
	}
	i, err := c.Engine.image(c.ctx, id)
	if errors.Is(err, errAbsent) || isAnswer(err) { // Podman takes no 64 digits for an image
		return false, nil
	}
	return strings.Contains(i.ID, id), err
}
