package hijack

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
	response.Body = &countedBody{ReadCloser: response.Body, flush: w, n: &x.result.Sent}
	err := response.Write(struct{ io.Writer }{w})
	if err == nil {
		err = w.Flush()
	}
	x.result.Truncated = err != nil
	if !keep || err != nil {
		closeWrite(x.client)
		x.drain()
		io.Copy(io.Discard, x.client)
		x.client.Close()
		return
	}
	x.result.Resumable = &Conn{x.client, x.input}
}

// countedBody is a response's body. It flushes before each read, since the read
// may wait for the engine.
type countedBody struct {
	io.ReadCloser
	flush *bufio.Writer
	n     *int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	if err := b.flush.Flush(); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	*b.n += int64(n)
	return n, err
}

// Conn is a client's connection that serves another request. It reads
// first what was read ahead.
type Conn struct {
	net.Conn
	r *bufio.Reader
}

func (c *Conn) Read(p []byte) (int, error) { return c.r.Read(p) }

// CloseWrite ends postern's direction of the connection.
func (c *Conn) CloseWrite() error { return closeWrite(c.Conn) }

// NetConn returns the connection below, as [crypto/tls.Conn.NetConn] does.
func (c *Conn) NetConn() net.Conn { return c.Conn }
