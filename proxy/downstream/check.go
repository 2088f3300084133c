package downstream

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
)

// check refuses what http.Server refuses and its parser does not. hostless is
// set for a request that is known to have no Host line.
func check(r *http.Request, hostless bool) (status int, err error) {
	preface := r.Method == "PRI" && r.RequestURI == "*" && r.Proto == "HTTP/2.0"
	switch {
	case r.ProtoMajor != 1 && !preface:
		return http.StatusHTTPVersionNotSupported, errors.New("HTTP/1.1 is spoken here, not " + r.Proto)
	case hostless && r.ProtoAtLeast(1, 1) && !preface && r.Method != http.MethodConnect:
		return http.StatusBadRequest, errors.New("missing required Host header")
	case strings.ContainsFunc(r.Host, notInHost):
		return http.StatusBadRequest, errors.New("malformed Host header")
	}
	for name := range r.Header {
		// The parser lets a space before the colon pass: some would read a
		// Content-Length there, and some would not.
		if strings.Contains(name, " ") {
			return http.StatusBadRequest, errors.New("invalid header name")
		}
	}
	if expect := r.Header.Get("Expect"); expect != "" && !hasToken(expect, "100-continue") {
		return http.StatusExpectationFailed, errors.New("an Expect header can only be 100-continue")
	}
	return 0, nil
}

// hasToken reports whether a token is in a list, which net/http's server lets
// spaces separate as well as commas.
func hasToken(list, token string) bool {
	separates := func(c rune) bool { return strings.ContainsRune(", \t", c) }
	for field := range strings.FieldsFuncSeq(list, separates) {
		if strings.EqualFold(field, token) {
			return true
		}
	}
	return false
}

// notInHost is what RFC 3986 section 3.2.2 has no place for in a host.
func notInHost(c rune) bool {
	return c > 'z' && c != '~' || c <= ' ' || strings.ContainsRune("\"#/<>?\\^`{|}\x7f", c)
}

// scan reports whether a head is whole and whether it has a Host line.
func scan(head []byte) (whole, hasHost bool) {
	for {
		line, rest, found := bytes.Cut(head, []byte("\n"))
		if !found {
			return false, hasHost
		}
		if len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
			return true, hasHost
		}
		hasHost = hasHost || len(line) >= 5 && bytes.EqualFold(line[:5], []byte("Host:"))
		head = rest
	}
}
