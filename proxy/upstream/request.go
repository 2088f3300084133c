package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"postern/proxy/readahead"
)

var headBuffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 4<<10) }}

// ownHeaders are written by writeHead itself.
var ownHeaders = map[string]bool{
	"Host":              true,
	"User-Agent":        true,
	"Content-Length":    true,
	"Transfer-Encoding": true,
	"Trailer":           true,
}

// writeHead sends the request line and the headers. Nothing in a request can
// add a line to them: names and values go through http.Header, which drops
// invalid names and takes line breaks out of values, and the rest is checked.
func writeHead(c io.Writer, req *http.Request, hasBody bool) error {
	uri, err := target(req)
	if err != nil {
		return err
	}
	host := req.Host
	if !isPlain(req.Method) || !isPlain(uri) || !isPlain(host) {
		return fmt.Errorf("request %q %q for host %q cannot be forwarded", req.Method, uri, host)
	}
	w := headBuffers.Get().(*bufio.Writer)
	w.Reset(c)
	defer func() {
		w.Reset(nil)
		headBuffers.Put(w)
	}()
	writeStrings(w, req.Method, " ", uri, " HTTP/1.1\r\nHost: ", host, "\r\n")
	// ReverseProxy sets an empty User-Agent where there was none.
	if agent := req.Header["User-Agent"]; len(agent) > 0 && agent[0] != "" && isValue(agent[0]) {
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
	w.WriteString("\r\n")
	return w.Flush()
}

func writeStrings(w *bufio.Writer, all ...string) {
	for _, s := range all {
		w.WriteString(s)
	}
}

// ErrTarget is the error of a request whose target is neither a path nor an
// http URL.
var ErrTarget = errors.New("the request's target is neither a path nor an http URL")

// target is the request's target as it came in, byte for byte: decoding and
// encoding it again could make another path of it than the one that was
// judged, and a query that this program cannot parse is the engine's to
// refuse (ReverseProxy drops the parameters it cannot parse, and a prune that
// the engine answers with 400 would become a prune of everything). Only the
// scheme and host of a target that was meant for a proxy are cut off.
func target(req *http.Request) (string, error) {
	uri := req.RequestURI
	if uri == "" {
		uri = req.URL.RequestURI()
	}
	if strings.HasPrefix(uri, "/") {
		return uri, nil
	}
	// Only the first colon can end a scheme: a query may hold any number of
	// "://", and cutting there would send what stands behind it.
	if scheme, rest, _ := strings.Cut(uri, ":"); isScheme(scheme) {
		if i := strings.IndexAny(strings.TrimPrefix(rest, "//"), "/?#"); strings.HasPrefix(rest, "//") && i >= 0 {
			uri = rest[len("//")+i:]
		}
	}
	// What was judged is the URL as net/http parsed it. If the two readings of
	// an absolute target ever differ, it must not go out.
	sent, err := url.ParseRequestURI(uri)
	if err != nil || !strings.HasPrefix(uri, "/") || sent.Path != req.URL.Path || sent.EscapedPath() != req.URL.EscapedPath() {
		return "", fmt.Errorf("%w: %.100q", ErrTarget, req.RequestURI)
	}
	return uri, nil
}

func isScheme(s string) bool { return strings.EqualFold(s, "http") || strings.EqualFold(s, "https") }

// isPlain reports whether s has neither spaces nor control characters.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// isValue reports whether s can stand in one header line.
func isValue(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") }

func expectsContinue(req *http.Request) bool {
	return strings.EqualFold(req.Header.Get("Expect"), "100-continue")
}

// writeBody sends the client's body as it comes, piece by piece.
func writeBody(c *conn, req *http.Request) error {
	buffer := readahead.Buffers{}.Get()
	defer readahead.Buffers{}.Put(buffer)
	if req.ContentLength > 0 {
		n, err := io.CopyBuffer(writer{c}, req.Body, buffer)
		if err == nil && n != req.ContentLength {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	return writeChunks(c, req, buffer)
}

// writer hides a connection's other methods from io.CopyBuffer, which would
// rather use one of them than the buffer.
type writer struct{ io.Writer }

// writeChunks sends a body of unknown length: each piece that was read is a
// chunk, written in one system call.
func writeChunks(c *conn, req *http.Request, buffer []byte) error {
	var size [20]byte
	for {
		n, err := req.Body.Read(buffer)
		if n > 0 {
			head := append(strconv.AppendInt(size[:0], int64(n), 16), "\r\n"...)
			chunk := net.Buffers{head, buffer[:n], []byte("\r\n")}
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
	// The values of the trailers have come with the end of the body.
	var end strings.Builder
	end.WriteString("0\r\n")
	req.Trailer.Write(&end)
	end.WriteString("\r\n")
	_, err := io.WriteString(c, end.String())
	return err
}
