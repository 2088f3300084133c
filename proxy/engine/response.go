package engine

import (
	"bufio"
	"errors"
	"net/http"
	"net/textproto"
	"strings"
)

// errNotHTTP completes the sentence "the Docker Engine did not answer". It quotes
// nothing of the response, see ReadResponse.
var errNotHTTP = errors.New("its response is not valid HTTP")

// ReadResponse is [http.ReadResponse], with errors that quote nothing of the
// response. Errors go into the log. If engine and proxy disagreed about the end of
// a response, the bytes that are not valid HTTP would be from a file or from a
// container's log. A status below 100, with which net/http's server panics, is an error.
func ReadResponse(r *bufio.Reader, req *http.Request) (*http.Response, error) {
	res, err := http.ReadResponse(r, req)
	if err == nil && res.StatusCode < 100 {
		err = errNotHTTP
	}
	if protocol := textproto.ProtocolError(""); errors.As(err, &protocol) || err != nil && strings.Contains(err.Error(), `"`) {
		err = errNotHTTP
	}
	return res, err
}
