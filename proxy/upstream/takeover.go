package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// Takeover is the error of a request whose answer took the connection out of
// HTTP: there is no *http.Response that could stand for it. Whoever gets it
// owns the connection.
type Takeover struct {
	// Status is 101, or 200 where the engine turns the connection raw without
	// having been asked to (attach and exec start without Upgrade).
	Status int
	// Head is the answer up to the first byte of the stream, as it came.
	Head []byte
	// Early is what the engine has sent behind the head so far.
	Early []byte
	// Conn is the rest of the connection.
	Conn *net.UnixConn
}

func (t *Takeover) Error() string {
	return fmt.Sprintf("the engine took the connection over with status %d", t.Status)
}

// Hijacker returns a RoundTripper for the operations that may take the
// connection over; then its error is a *Takeover. Each request has a
// connection of its own, used neither before nor after, so that no byte of a
// raw stream can be read as the answer to another request.
func (t *Transport) Hijacker() http.RoundTripper { return hijacker{t} }

type hijacker struct{ t *Transport }

func (h hijacker) RoundTrip(req *http.Request) (*http.Response, error) {
	c, err := h.t.dial(req.Context())
	if err != nil {
		return nil, err
	}
	x := &exchange{t: h.t, c: c, ctx: req.Context(), req: req, raw: true}
	res, err := x.run()
	if err == nil && isTakeover(res) {
		err = x.waitBody()
		if err == nil {
			return nil, x.takeover(res.StatusCode)
		}
	}
	if err != nil {
		x.end(false)
		return nil, x.explain(err)
	}
	return x.answered(res, false), nil
}

// rawTypes are the content types of the streams into which attach and exec
// start turn a connection. Answers to /containers/{id}/logs have them too, but
// chunked: they stay HTTP.
var rawTypes = []string{"application/vnd.docker.raw-stream", "application/vnd.docker.multiplexed-stream"}

func isTakeover(res *http.Response) bool {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return true
	}
	return res.StatusCode == http.StatusOK &&
		res.ContentLength == -1 && len(res.TransferEncoding) == 0 &&
		slices.Contains(rawTypes, res.Header.Get("Content-Type"))
}

// waitBody waits until the client's body has been passed on: what follows it
// is the stream.
func (x *exchange) waitBody() error {
	sending := x.bodyGoroutine()
	if sending == nil {
		return nil
	}
	<-sending
	if !x.sent.Load() {
		return errors.New("the client's body broke off")
	}
	return nil
}

// linger limits the wait for an answer to a client that is done. Its end is
// not passed on: the server can know it while bytes of the stream, sent ahead of
// the answer, are still in its buffer. The tunnel delivers both in order.
func (x *exchange) linger() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.taken {
		x.c.SetReadDeadline(time.Now().Add(lingerLimit))
	}
}

// takeover gives the connection away: its end is no longer the exchange's to
// decide.
func (x *exchange) takeover(status int) *Takeover {
	x.stop()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.taken = true
	x.c.SetReadDeadline(time.Time{})
	early, err := x.c.r.Peek(x.c.r.Buffered())
	if err != nil {
		panic(err) // unreachable: as much is buffered
	}
	early = slices.Concat(early, x.c.ahead.Ahead())
	return &Takeover{Status: status, Head: x.head, Early: early, Conn: x.c.UnixConn}
}

// maxRawHead bounds the head of an answer that may take the connection over.
const maxRawHead = 64 << 10

// readRawHead reads up to and including the first empty line.
func readRawHead(r *bufio.Reader) ([]byte, error) {
	var head []byte
	for len(head) < maxRawHead {
		line, err := r.ReadSlice('\n')
		whole := len(head) == 0 || head[len(head)-1] == '\n'
		head = append(head, line...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if s := string(line); whole && (s == "\r\n" || s == "\n") {
			return head, nil
		}
	}
	return nil, errors.New("the head of its answer is too long")
}
