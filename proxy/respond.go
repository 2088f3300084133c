package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"

	"postern/acl"
	"postern/acl/guard"
	"postern/proxy/engine"
	"postern/proxy/limits"
	"postern/proxy/logging"
)

// maxMethod is longer than any HTTP method, in bytes. A longer one would only be
// copied into the log.
const maxMethod = 32

// notAllowedFrom follows an address that ALLOW_FROM shuts out, in messages.
const notAllowedFrom = " is not in ALLOW_FROM"

// refusal is the response to a request that is not allowed.
type refusal struct {
	status  int
	message string
	// remedy says which settings would allow the request. It is empty if none
	// would.
	remedy string
	// response, if it is not nil, is sent in place of the message: the engine's own
	// words about an object that does not exist.
	response *http.Response
	// violations are what GUARD refuses in the request.
	violations []guard.Violation
	// err is why the engine could not be asked, or nil.
	err error
}

// decide decides on a request. The refusal is nil for a request that is allowed
// or redirected. Besides the policy, ALLOW_FROM and the size of the header can
// refuse.
func (p *Proxy) decide(from identity, r *http.Request) (acl.Decision, *refusal) {
	d := from.client.Policy.Decide(r.Method, r.URL)
	switch {
	case !from.admitted:
		reason := from.addr.String() + notAllowedFrom
		return d.Refuse("ALLOW_FROM", reason), &refusal{status: http.StatusForbidden, message: subject(d) + reason}
	case len(r.RequestURI) > maxURL:
		return tooLarge(d, "512 KiB", http.StatusRequestURITooLong, "the URL is longer than 512 KiB")
	case headerSize(r.Header) > maxHeaders:
		return tooLarge(d, "64 KiB", http.StatusRequestHeaderFieldsTooLarge, "the headers are longer than 64 KiB")
	case d.Outcome == acl.Refused:
		return d, p.policyRefusal(from, d)
	}
	return d, nil
}

// limit holds an allowed request to the client's limits. The refusal is nil for a
// request that is within them. A request about an object that does not exist gets a
// response and stays allowed.
func (p *Proxy) limit(l *limits.Limits, d acl.Decision, r *http.Request) (limits.Passed, acl.Decision, *refusal) {
	passed, outside := l.Check(d, r)
	if outside == nil {
		return passed, d, nil
	}
	if engine.IsDown(outside.Err) {
		status, message := p.failure(r, outside.Err)
		return passed, d, &refusal{status: status, message: message, err: outside.Err}
	}
	message := outside.Message
	if message == "" {
		message = subject(d) + outside.Reason
		if outside.Remedy != "" {
			message += "; " + outside.Remedy
		}
	}
	if outside.Rule != "" {
		d = d.Refuse(outside.Rule, outside.Reason)
	}
	return passed, d, &refusal{
		status: outside.Status, message: message, remedy: outside.Remedy, response: outside.Response, err: outside.Err, violations: outside.Violations,
	}
}

func tooLarge(d acl.Decision, limit string, status int, reason string) (acl.Decision, *refusal) {
	return d.Refuse(limit, reason), &refusal{status: status, message: reason}
}

// OutsideAPI is why no setting allows a path outside every section.
const OutsideAPI = "this path is in no section of the Docker API"

// policyRefusal is the refusal by a policy. It names the settings that would
// allow the request, and the client's address if that is why the client has
// this policy.
func (p *Proxy) policyRefusal(from identity, d acl.Decision) *refusal {
	remedy := p.remedies.RemedyFor(from.client.Policy, d).String()
	reason := remedy
	if reason == "" {
		reason = OutsideAPI
	} else if from.unmatched.IsValid() {
		reason += "; " + from.unmatched.String() + " is none of the declared clients"
	}
	return &refusal{status: http.StatusForbidden, message: subject(d) + reason, remedy: remedy}
}

// subject begins the message of a refusal.
func subject(d acl.Decision) string {
	s := d.Method + " " + logging.Printable(d.Path)
	if id := d.OperationID(); id != "" {
		s += " (" + id + ")"
	}
	return s + " is not allowed: "
}

// refuse is the one place that refuses a request.
func refuse(w http.ResponseWriter, r *refusal) {
	if r.response == nil {
		writeError(w, r.status, r.message)
		return
	}
	defer r.response.Body.Close()
	maps.Copy(w.Header(), r.response.Header)
	w.WriteHeader(r.response.StatusCode)
	io.Copy(w, r.response.Body)
}

// redirect answers like the engine's router: 301 to the clean path. The
// client's next request is then decided on by the path that the engine uses.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	clean := *r.URL
	clean.Path = path
	w.Header().Set("Location", clean.String())
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMovedPermanently)
}

// statusClientGone is nginx's status for a client that closed the connection before
// it got a response. It is for the log only.
const statusClientGone = 499

// fail responds to a forwarded request in the engine's place.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	if rec, ok := w.(*recorder); ok {
		rec.event.Err = err
	}
	status, message := p.failure(r, err)
	writeError(w, status, message)
}

// failureResponse does the same for a request that may hijack its connection.
func (p *Proxy) failureResponse(r *http.Request, err error) *http.Response {
	return errorResponse(p.failure(r, err))
}

// errorResponse is what [writeError] writes.
func errorResponse(status int, message string) *http.Response {
	body := errorBody(message)
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(body)),
		Body:          io.NopCloser(bytes.NewReader(body)),
	}
}

// failure explains why the engine did not answer.
func (p *Proxy) failure(r *http.Request, err error) (status int, message string) {
	p.watchdog.Note(err)
	switch {
	case errors.Is(context.Cause(r.Context()), errStopping):
		return http.StatusServiceUnavailable, errStopping.Error()
	case errors.Is(err, engine.ErrTarget):
		return http.StatusBadRequest, err.Error()
	case errors.As(err, new(*engine.BodyError)):
		return http.StatusBadRequest, "the request's body is not complete: " + err.Error()
	case errors.Is(err, context.Canceled):
		return statusClientGone, "the client has closed the connection"
	case engine.IsDown(err):
		return http.StatusServiceUnavailable, p.engine.Explain(err)
	}
	return http.StatusBadGateway, p.engine.Explain(err)
}

// writeError answers in the form of the engine's errors, which the docker
// command prints as "Error response from daemon: ...".
func writeError(w http.ResponseWriter, status int, message string) {
	body := errorBody(message)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

func errorBody(message string) []byte {
	body, err := json.Marshal(struct {
		Message string `json:"message"`
	}{"postern: " + message})
	if err != nil {
		panic(err) // unreachable: a string always marshals
	}
	return append(body, '\n')
}

func headerSize(h http.Header) int {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	return size
}
