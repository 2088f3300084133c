package engine

import (
	"bufio"
	"errors"
	"net/http"
	"net/textproto"
	"strings"
)

// errNotHTTP completes the sentence "the Docker Engine did not answer". It does
// not say what the response is instead, see ReadResponse.
var errNotHTTP = errors.New("its response is no valid HTTP")

// ReadResponse is [http.ReadResponse], with errors that quote nothing of the
// response: they go into the log, and where engine and proxy disagree about the end
// of a response, what is no valid HTTP is the content of a file or of a container's
// log.
func ReadResponse(r *bufio.Reader, req *http.Request) (*http.Response, error) {
	res, err := http.ReadResponse(r, req)
	if protocol := textproto.ProtocolError(""); errors.As(err, &protocol) || err != nil && strings.Contains(err.Error(), `"`) {
		err = errNotHTTP
	}
	return res, err
}
