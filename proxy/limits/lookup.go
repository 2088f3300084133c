package limits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"postern/acl/guard"
)

// Engine is asked about objects before a request about them is forwarded. Make it
// with [NewEngine].
//
// It keeps nothing that can change: a name may belong to another container now. The
// labels of an image cannot change, since its id is the digest of its content.
type Engine struct {
	transport http.RoundTripper
	volumes   nameLocks
	tags      madeTags

	mu     sync.Mutex
	images map[string]map[string]string // labels, by the image's id
}

// NewEngine returns an Engine behind a transport.
func NewEngine(transport http.RoundTripper) *Engine {
	return &Engine{transport: transport, images: map[string]map[string]string{}}
}

// lookupLimit is how long the engine may take to answer a question. An engine that
// takes longer hangs.
const lookupLimit = 5 * time.Second

// maxAnswer limits what is read of an answer, in bytes. A list of all containers is
// the longest.
const maxAnswer = 64 << 20

// errAbsent is the error of a lookup of something that does not exist.
var errAbsent = errors.New("it does not exist")

// get asks for an object or a list. The error is errAbsent if the engine says 404.
func (e *Engine) get(ctx context.Context, target string, query url.Values, into any) error {
	return e.ask(ctx, http.MethodGet, target, query, nil, into)
}

// ask sends a request of postern's own. It lasts at most [lookupLimit], also when the
// client has gone: what the client asked for is then still decided on.
func (e *Engine) ask(ctx context.Context, method, target string, query url.Values, body, into any) error {
	if path.Clean(target) != target {
		return errAbsent // the engine would redirect it: nothing has such a name
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupLimit)
	defer cancel()
	req := (&http.Request{
		Method: method, URL: &url.URL{Scheme: "http", Host: "docker", Path: target, RawQuery: query.Encode()},
		Host: "docker", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}).WithContext(ctx)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		setBody(req, text)
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := e.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case len(answer) > maxAnswer:
		return fmt.Errorf("its answer to %s is longer than 64 MiB", method+" "+target)
	case res.StatusCode == http.StatusNotFound:
		return errAbsent
	case res.StatusCode >= 300:
		return &statusError{res.StatusCode, answer}
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}

// statusError is the engine's refusal of a lookup.
type statusError struct {
	status int
	answer []byte
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d %s", e.status, e.message()) }

func (e *statusError) message() string {
	var m struct{ Message string }
	json.Unmarshal(e.answer, &m)
	return m.Message
}

// container is what a scope and a guard need of an inspect.
type container struct {
	ID     string `json:"Id"`
	Name   string
	Image  string // the image's id
	Config struct {
		Image  string
		Labels map[string]string
	}
	HostConfig      json.RawMessage
	Mounts          []guard.Mounted
	NetworkSettings struct {
		Networks map[string]struct{ NetworkID string }
	}
}

func (e *Engine) container(ctx context.Context, name string) (*container, error) {
	var c container
	if err := e.get(ctx, "/containers/"+name+"/json", nil, &c); err != nil {
		return nil, err
	}
	if c.ID == "" {
		return nil, errors.New("its answer has no id")
	}
	c.Name = strings.TrimPrefix(c.Name, "/")
	return &c, nil
}

// summary is a container in a list.
type summary struct {
	ID      string `json:"Id"`
	Names   []string
	ImageID string
	Labels  map[string]string
	State   string
	Mounts  []struct{ Type, Name string }

	NetworkSettings json.RawMessage
}

// name is the container's own name: links add the names /parent/alias.
func (s summary) name() string {
	for _, name := range s.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

// containers lists containers, those that do not run included.
func (e *Engine) containers(ctx context.Context, filters filters) (all []summary, err error) {
	query := url.Values{"all": {"1"}}
	if len(filters) > 0 {
		query.Set("filters", filters.encode())
	}
	return all, e.get(ctx, "/containers/json", query, &all)
}

type network struct {
	ID     string `json:"Id"`
	Name   string
	Labels map[string]string
}

func (e *Engine) networks(ctx context.Context) (all []network, err error) {
	return all, e.get(ctx, "/networks", nil, &all)
}

type volume struct {
	Name    string
	Driver  string
	Labels  map[string]string
	Options map[string]string
}

func (e *Engine) volume(ctx context.Context, name string) (v volume, err error) {
	return v, e.get(ctx, "/volumes/"+name, nil, &v)
}

// maxImages limits how many images' labels are kept.
const maxImages = 4096

// imageLabels returns the labels of an image by its id, which a container may outlive.
func (e *Engine) imageLabels(ctx context.Context, id string) (map[string]string, error) {
	e.mu.Lock()
	labels, known := e.images[id]
	e.mu.Unlock()
	if known {
		return labels, nil
	}
	var image struct {
		ID     string `json:"Id"`
		Config struct{ Labels map[string]string }
	}
	if err := e.get(ctx, "/images/"+id+"/json", nil, &image); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.images) >= maxImages {
		clear(e.images)
	}
	e.images[id] = image.Config.Labels
	return image.Config.Labels, nil
}
