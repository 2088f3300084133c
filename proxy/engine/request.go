package engine

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ownHeaders are the headers that WriteHeader writes itself.
var ownHeaders = map[string]bool{
	"Host":              true,
	"User-Agent":        true,
	"Content-Length":    true,
	"Transfer-Encoding": true,
	"Trailer":           true,
}

// WriteHeader writes the request line and the headers of a request that
// net/http has read. With hasBody it announces the body as the client did, with
// a length or chunked. No header can add a line: http.Header drops invalid
// names and takes line breaks out of values, and the rest is checked here.
func WriteHeader(w *bufio.Writer, req *http.Request, hasBody bool) error {
	uri, err := target(req)
	if err != nil {
		return err
	}
	host := req.Host
	if !isPrintable(req.Method) || !isPrintable(uri) || !isPrintable(host) {
		return errUnprintable
	}
	writeStrings(w, req.Method, " ", uri, " HTTP/1.1\r\nHost: ", host, "\r\n")
	// ReverseProxy sets an empty User-Agent where the client sent none.
	if agent := req.Header["User-Agent"]; len(agent) > 0 && agent[0] != "" && !strings.ContainsAny(agent[0], "\r\n\x00") {
		writeStrings(w, "User-Agent: ", agent[0], "\r\n")
	}
	req.Header.WriteSubset(w, ownHeaders)
	switch {
	case hasBody && req.ContentLength > 0:
		var digits [20]byte
		w.WriteString("Content-Length: ")
		w.Write(strconv.AppendInt(digits[:0], req.ContentLength, 10))
		w.WriteString("\r\n")
	case hasBody:
		w.WriteString("Transfer-Encoding: chunked\r\n")
		if len(req.Trailer) > 0 {
			names := slices.Sorted(maps.Keys(req.Trailer))
			writeStrings(w, "Trailer: ", strings.Join(names, ", "), "\r\n")
		}
	case req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch:
		w.WriteString("Content-Length: 0\r\n")
	}
	_, err = w.WriteString("\r\n")
	return err
}

func writeStrings(w *bufio.Writer, all ...string) {
	for _, s := range all {
		w.WriteString(s)
	}
}

// errUnprintable quotes nothing of the request: errors go into the log, and a query
// or a header can carry a secret.
var errUnprintable = errors.New("the request has a space or a control character in its method, its target or its Host header")

// ErrTarget is the error of a request whose target is neither a path nor an
// http URL.
var ErrTarget = errors.New("the request's target is neither a path nor an http URL")

// target returns the request's target as it came in, byte for byte. Decoding
// and encoding it again could turn it into another path than the one that was
// decided on. A query that Go cannot parse is for the engine to refuse:
// ReverseProxy drops the parameters that it cannot parse, so a prune with a
// broken filter, which the engine answers with 400, would prune everything.
// From a target in absolute form, target cuts the scheme and the host.
func target(req *http.Request) (string, error) {
	uri := req.RequestURI
	if uri == "" {
		uri = req.URL.RequestURI()
	}
	if strings.HasPrefix(uri, "/") {
		return uri, nil
	}
	// Only the first colon can end a scheme: a query may hold any number of
	// "://", and a cut there would send what follows it.
	if scheme, rest, _ := strings.Cut(uri, ":"); strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") {
		if i := strings.IndexAny(strings.TrimPrefix(rest, "//"), "/?#"); strings.HasPrefix(rest, "//") && i >= 0 {
			uri = rest[len("//")+i:]
		}
	}
	// The decision was made on the URL as net/http parsed it. If the two
	// readings of an absolute target ever differ, it must not go out.
	sent, err := url.ParseRequestURI(uri)
	if err != nil || !strings.HasPrefix(uri, "/") || sent.Path != req.URL.Path || sent.EscapedPath() != req.URL.EscapedPath() {
		return "", ErrTarget
	}
	return uri, nil
}

// isPrintable reports whether s has neither spaces nor control characters.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

func expectsContinue(req *http.Request) bool {
	return strings.EqualFold(req.Header.Get("Expect"), "100-continue")
}

var bodyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// writeChunk writes a piece of a body of unknown length in one system call.
func (c *conn) writeChunk(p []byte) (int, error) {
	line := strconv.AppendInt(make([]byte, 0, 20), int64(len(p)), 16)
	chunk := net.Buffers{append(line, "\r\n"...), p, []byte("\r\n")}
	n, err := chunk.WriteTo(c.UnixConn)
	return int(n), err
}

// writeBody sends the client's body as it comes. Its error is a [BodyError] if
// the client's side failed.
func writeBody(c *conn, req *http.Request) error {
	buffer := bodyBuffers.Get().(*[32 << 10]byte)
	defer bodyBuffers.Put(buffer)
	write := c.Write
	if req.ContentLength < 0 {
		write = c.writeChunk
	}
	for {
		n, readErr := req.Body.Read(buffer[:])
		if n > 0 {
			if _, err := write(buffer[:n]); err != nil {
				return err
			}
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return NewBodyError(readErr)
		}
	}
	if req.ContentLength >= 0 {
		return nil
	}
	// The trailers have come with the end of the body.
	var end strings.Builder
	end.WriteString("0\r\n")
	req.Trailer.Write(&end)
	end.WriteString("\r\n")
	_, err := io.WriteString(c, end.String())
	return err
}
