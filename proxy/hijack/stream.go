package hijack

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
)

// stream passes the engine's stream to the client until the engine's side of
// the connection is gone, and ends the exchange. The end of one direction is
// forwarded and ends only that one.
func (x *exchange) stream(status int, header []byte, output *bufio.Reader) {
	x.result.Status = status
	ahead, _ := output.Peek(output.Buffered())
	_, err := x.client.Write(append(header, ahead...))
	if err == nil {
		var n int64
		n, err = copyStream(x.client, x.engine)
		x.result.Sent = int64(len(ahead)) + n
	}
	if err == nil {
		closeWrite(x.client)
		awaitHangup(x.engine)
	} else {
		truncate(x.client)
	}
	// The engine has gone, or the client reads no more.
	x.engine.Close()
	x.drain()
	<-x.senderDone
	if x.clientBroke {
		x.result.Truncated, x.result.CutByClient = true, true
	}
	x.client.Close()
}

// sendStream passes the client's stream to the engine until the client's side
// of the connection is gone, and then closes the engine's.
func (x *exchange) sendStream() {
	defer x.engine.Close()
	ahead, _ := x.input.Peek(x.input.Buffered())
	x.result.Received += int64(len(ahead))
	_, err := x.engine.Write(ahead)
	if err == nil {
		var n int64
		n, err = copyStream(x.engine, x.client)
		x.result.Received += n
	}
	if err == nil {
		x.engine.CloseWrite()
	} else {
		// The engine may have stopped reading only. What the client still
		// sends then goes nowhere, as on a socket that is shut down for
		// reading.
		if _, err := io.Copy(io.Discard, x.client); err != nil {
			// The client's direction broke. Over TLS that may be a FIN without
			// close_notify, which somebody else can send: the engine is not told
			// that the stream is complete, but loses its connection.
			x.clientBroke = errors.Is(err, io.ErrUnexpectedEOF)
			return
		}
	}
	awaitHangup(x.client)
}

// smallBuffer is enough for a terminal. largeBuffer is the size of io.Copy's.
const (
	smallBuffer = 512
	largeBuffer = 32 << 10
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// copyStream copies until src ends, like io.Copy. It holds a large buffer only
// while much is coming: an attached shell may be silent for days. io.Copy would
// hold one all the time, or a pipe with two file descriptors for splice(2).
func copyStream(dst io.Writer, src io.Reader) (copied int64, err error) {
	small := make([]byte, smallBuffer)
	buffer := small
	var large *[largeBuffer]byte
	release := func() {
		if large != nil {
			largeBuffers.Put(large)
			large, buffer = nil, small
		}
	}
	defer release()
	for {
		n, readErr := src.Read(buffer)
		m, err := dst.Write(buffer[:n])
		copied += int64(m)
		switch {
		case err != nil:
			return copied, err
		case readErr == io.EOF:
			return copied, nil
		case readErr != nil:
			return copied, readErr
		case large == nil && n == len(buffer):
			large = largeBuffers.Get().(*[largeBuffer]byte)
			buffer = large[:]
		case large != nil && n < largeBuffer/4:
			release()
		}
	}
}

// truncate marks a connection whose stream broke off, so that its end does not look
// like the stream's. A connection without TLS has no way to show the difference.
func truncate(c net.Conn) {
	if t, ok := c.(interface{ Truncate() }); ok {
		t.Truncate()
	}
}

// closeWrite ends one direction of a connection, as far as it can.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
