package hijack

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// respond sends a response that stays HTTP.
func (x *exchange) respond(response *http.Response) {
	defer response.Body.Close()
	<-x.senderDone
	// The connection can serve another request if it has no rest of this one.
	keep := x.requestSent && !x.request.Close && x.request.ProtoAtLeast(1, 1)
	response.Close = !keep
	for _, name := range []string{"Connection", "Keep-Alive", "Upgrade"} {
		response.Header.Del(name)
	}
	response.ProtoMajor, response.ProtoMinor = x.request.ProtoMajor, x.request.ProtoMinor
	if response.ContentLength < 0 && keep {
		response.TransferEncoding = []string{"chunked"}
	}
	x.result.Status = response.StatusCode
	w := bufio.NewWriter(x.client)
	body := &countedBody{ReadCloser: response.Body, exchange: x, flush: w}
	response.Body = body
	err := response.Write(struct{ io.Writer }{w})
	if err == nil {
		err = w.Flush()
	}
	x.result.Truncated = err != nil
	x.result.CutByClient = x.result.CutByClient || err != nil && (!body.failed || x.isCut(err))
	if x.broken != nil && x.result.Err == nil {
		x.result.Err = x.broken
	}
	if err != nil {
		truncate(x.client)
	}
	if !keep || err != nil {
		closeWrite(x.client)
		x.drain()
		io.Copy(io.Discard, x.client)
		x.client.Close()
		return
	}
	x.result.Resumable = x.resumable()
}

// countedBody is a response's body. It flushes before each read, since the read
// may wait for the engine, but not for long once the client has gone.
type countedBody struct {
	io.ReadCloser
	*exchange
	flush  *bufio.Writer
	failed bool // the engine broke it off
}

func (b *countedBody) Read(p []byte) (int, error) {
	if err := b.flush.Flush(); err != nil {
		return 0, err
	}
	if b.clientDone.Load() {
		b.engine.SetReadDeadline(time.Now().Add(silenceLimit))
	}
	n, err := b.ReadCloser.Read(p)
	b.result.Sent += int64(n)
	b.failed = err != nil && err != io.EOF
	return n, err
}

// Conn is a client's connection that serves another request. It reads
// first what was read ahead.
type Conn struct {
	net.Conn
	ahead []byte
}

// resumable returns the client's connection with the bytes that were read ahead.
// One that is resumed again and again must not become a chain of readers.
func (x *exchange) resumable() *Conn {
	ahead, _ := x.input.Peek(x.input.Buffered())
	ahead = bytes.Clone(ahead)
	if c, ok := x.client.(*Conn); ok {
		return &Conn{c.Conn, append(ahead, c.ahead...)}
	}
	return &Conn{x.client, ahead}
}

func (c *Conn) Read(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	return n, nil
}

// CloseWrite ends postern's direction of the connection.
func (c *Conn) CloseWrite() error { return closeWrite(c.Conn) }

// Truncate marks a connection whose stream broke off.
func (c *Conn) Truncate() { truncate(c.Conn) }

// NetConn returns the connection below, as [crypto/tls.Conn.NetConn] does.
func (c *Conn) NetConn() net.Conn { return c.Conn }
