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

// errUnprintable does not say what it is about, for it goes into the log, and a
// query or a header can carry a secret.
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

// writeBody sends the client's body as it comes.
func writeBody(c *conn, req *http.Request) error {
	buffer := bodyBuffers.Get().(*[32 << 10]byte)
	defer bodyBuffers.Put(buffer)
	if req.ContentLength > 0 {
		n, err := io.CopyBuffer(onlyWriter{c}, req.Body, buffer[:])
		if err == nil && n != req.ContentLength {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	return writeChunks(c, req, buffer[:])
}

// onlyWriter hides the other methods of a connection from io.CopyBuffer, which
// would use ReadFrom in place of the buffer.
type onlyWriter struct{ io.Writer }

// writeChunks sends a body of unknown length. It writes each piece that it has
// read as one chunk, in one system call.
func writeChunks(c *conn, req *http.Request, buffer []byte) error {
	var size [20]byte
	for {
		n, err := req.Body.Read(buffer)
		if n > 0 {
			line := append(strconv.AppendInt(size[:0], int64(n), 16), "\r\n"...)
			chunk := net.Buffers{line, buffer[:n], []byte("\r\n")}
			if _, err := chunk.WriteTo(c.UnixConn); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	// The trailers have come with the end of the body.
	var end strings.Builder
	end.WriteString("0\r\n")
	req.Trailer.Write(&end)
	end.WriteString("\r\n")
	_, err := io.WriteString(c, end.String())
	return err
}
