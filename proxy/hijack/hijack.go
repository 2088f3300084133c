// Package hijack forwards the requests whose connection may leave HTTP: attach,
// exec start, attach/ws, session and grpc. The engine decides: it hijacks the
// connection with 101, or, for a client that asked for no upgrade, with a 200
// whose body is a raw stream. Any other response stays HTTP.
//
// Each request has an engine connection of its own, used neither before nor
// after, so that no byte of a stream can become the response to another request.
// Until the engine has answered, it receives the request and not one byte more:
// the bytes that the client sends after it may be a second request, on which no
// decision was made. After the hijack, bytes pass in both directions unread,
// without a time limit.
package hijack

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/proxy/engine"
)

// Handler forwards requests that may hijack their connection. All fields must
// be set.
type Handler struct {
	// Dial connects to the engine.
	Dial func(context.Context) (*net.UnixConn, error)
	// Failure returns the response to a request that the engine did not answer.
	Failure func(r *http.Request, err error) *http.Response
	// ErrorLog receives panics.
	ErrorLog *log.Logger
}

// Result is what became of a request.
type Result struct {
	// Status is the response's.
	Status int
	// Sent counts the bytes of the response's body or of the engine's stream,
	// Received those of the request's body and of the client's stream.
	Sent, Received int64
	// Truncated is set when the response did not reach its end.
	Truncated bool
	// CutByClient is set when the response did not reach its end because the
	// client had gone, or postern cut the request.
	CutByClient bool
	// Err is why the engine did not answer, or an [engine.BodyError] if the client
	// broke its request, or nil.
	Err error
	// Resumable is the client's connection if it stayed HTTP and can serve
	// another request. Otherwise it is nil, and the connection is closed.
	Resumable *Conn
}

// drainLimit is how long a client may go on sending when the engine has closed
// the stream. Closing a TCP connection on which bytes arrive unread resets it,
// and the client could lose the end of the output.
const drainLimit = time.Second

// exchange is one request, from the client's connection to the engine's.
type exchange struct {
	*Handler
	request *http.Request
	client  net.Conn
	input   *bufio.Reader // of client, with the bytes that net/http has read ahead
	engine  *net.UnixConn
	result  Result

	senderDone  chan struct{}     // closed when the goroutine that sends has ended
	requestSent bool              // to its end; set before senderDone is closed
	broken      *engine.BodyError // how the client broke its request; set before senderDone is closed
	clientBroke bool              // the client's stream broke off; set before senderDone is closed
	clientDone  atomic.Bool       // the client has closed its direction of the connection

	mu       sync.Mutex
	answered chan struct{} // closed when the engine has answered
	hijacked bool          // set before answered is closed
	draining bool          // the client's connection has its last deadline
	watcher  *time.Timer   // calls watch; nil when the exchange is over
}

// ServeHTTP forwards r, whose body must not have been read unless r has a GetBody,
// which then returns the body to be sent in its place. ServeHTTP returns when
// the exchange is over, which may take days. It takes the connection from
// net/http, so w must not be used afterwards. The exchange is cut when r's
// context is done. That must not be the context that net/http made: net/http
// cancels it when the client closes one direction of the connection.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) Result {
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return Result{Err: err, Truncated: true} // HTTP/2, which postern does not serve
	}
	x := &exchange{
		Handler: h, request: r, client: client, input: buffered.Reader,
		senderDone: make(chan struct{}), answered: make(chan struct{}),
	}
	if x.engine, err = h.Dial(r.Context()); err != nil {
		close(x.senderDone)
		x.respond(x.failure(err))
		return x.result
	}
	defer x.engine.Close()
	defer context.AfterFunc(r.Context(), x.cut)()
	x.startWatch()
	defer x.stopWatch()
	go x.send()

	wire := &recordingReader{r: x.engine}
	output := bufio.NewReaderSize(wire, 1<<10)
	response, header, err := x.readResponse(output, wire)
	switch {
	case err != nil:
		x.decide(false)
		<-x.senderDone
		if x.broken != nil {
			err = x.broken
		}
		x.respond(x.failure(err))
	case x.isHijack(response):
		x.decide(true)
		x.stream(response.StatusCode, header, output)
	default:
		x.decide(false)
		x.respond(response)
	}
	return x.result
}

// isCut reports whether an error comes from limitSilence or from cut.
func (x *exchange) isCut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || x.request.Context().Err() != nil
}

// cut ends the exchange when the request's context is done.
func (x *exchange) cut() {
	truncate(x.client)
	x.client.Close()
	x.engine.Close()
}

// longAgo is a deadline that interrupts a read or a write.
var longAgo = time.Unix(1, 0)

// decide tells the sending goroutine what the engine has answered, and
// interrupts it.
func (x *exchange) decide(hijacked bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.hijacked = hijacked
	x.engine.SetReadDeadline(time.Time{})
	x.client.SetReadDeadline(longAgo)
	if !hijacked {
		x.engine.SetWriteDeadline(longAgo)
	}
	close(x.answered)
}

// resumeReading takes back the interruption by decide.
func (x *exchange) resumeReading() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.draining {
		x.client.SetReadDeadline(time.Time{})
	}
}

// drain gives the client drainLimit to end what it sends.
func (x *exchange) drain() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.draining = true
	x.client.SetReadDeadline(time.Now().Add(drainLimit))
}

func (x *exchange) isAnswered() bool {
	select {
	case <-x.answered:
		return true
	default:
		return false
	}
}

// failure returns the response for a request that the engine did not answer.
func (x *exchange) failure(err error) *http.Response {
	if x.broken == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = errors.New("it closed the connection")
	}
	x.result.Err, x.result.CutByClient = err, x.isCut(err)
	return x.Failure(x.request, err)
}

// readResponse reads the engine's responses up to the final one, and forwards
// the informational ones. header is the final one as it came on the wire.
func (x *exchange) readResponse(r *bufio.Reader, wire *recordingReader) (response *http.Response, header []byte, err error) {
	wire.recording = true
	defer func() { wire.recording, wire.recorded = false, nil }()
	for {
		response, err = engine.ReadResponse(r, x.request)
		if err != nil {
			return nil, nil, err
		}
		end := len(wire.recorded) - r.Buffered()
		header, wire.recorded = wire.recorded[:end:end], wire.recorded[end:]
		switch {
		case response.StatusCode >= 200:
			return response, header, nil
		case response.StatusCode == http.StatusSwitchingProtocols && !wantsUpgrade(x.request):
			return nil, nil, errors.New("it switched protocols without being asked to")
		case response.StatusCode == http.StatusSwitchingProtocols:
			return response, header, nil
		}
		if _, err := x.client.Write(header); err != nil {
			return nil, nil, err
		}
	}
}

// maxHeader limits the header of the engine's response, in bytes.
const maxHeader = 64 << 10

// recordingReader keeps what it reads while recording is set.
type recordingReader struct {
	r         io.Reader
	recording bool
	recorded  []byte
}

func (r *recordingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.recording {
		if r.recorded = append(r.recorded, p[:n]...); len(r.recorded) > maxHeader {
			return 0, errors.New("the header of its response is too long")
		}
	}
	return n, err
}

// rawTypes are the content types of the streams into which attach and exec
// start turn a connection. Responses to /containers/{id}/logs have them too, but
// chunked: they stay HTTP.
var rawTypes = []string{"application/vnd.docker.raw-stream", "application/vnd.docker.multiplexed-stream"}

func (x *exchange) isHijack(response *http.Response) bool {
	if response.StatusCode == http.StatusSwitchingProtocols {
		return true
	}
	return response.StatusCode == http.StatusOK &&
		response.ContentLength == -1 && len(response.TransferEncoding) == 0 &&
		slices.Contains(rawTypes, response.Header.Get("Content-Type"))
}

// wantsUpgrade reports whether a request asks for another protocol. The engine looks
// at Upgrade alone, whether it has a value or not, whatever Connection says, and so must
// postern: some releases of Docker.DotNet send Connection: close beside it (issue 25
// there).
func wantsUpgrade(r *http.Request) bool { return r.Header["Upgrade"] != nil }
