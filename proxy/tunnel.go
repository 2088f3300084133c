package proxy

import (
	"context"
	"io"
	"net"
	"runtime/debug"
	"time"

	"postern/proxy/upstream"
)

// drainLimit is how long the client may still send when the engine has gone:
// closing a TCP connection on which bytes arrive unread resets it, and the
// client could lose the end of the output.
const drainLimit = time.Second

// tunnel joins the client's connection with the engine's until one of the two
// has gone, and closes both. Bytes go through unseen in both directions, those
// that were sent ahead of the answer first. The end of one direction is passed
// on and ends only that one. It has no time limit: an attached shell may be
// silent for days. It does not wait, so that the stack on which the request was
// served is free meanwhile.
func (p *Proxy) tunnel(x *exchange) {
	engine := x.takeover.Conn
	client, early := x.Hijack()
	x.status = x.takeover.Status
	cut := context.AfterFunc(x.ctx, func() {
		// A context without a cause says only that the client has sent
		// everything.
		if context.Cause(x.ctx) != context.Canceled {
			client.Close()
			engine.Close()
		}
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		x.input = copyToEngine(engine, client, early)
	}()
	go func() {
		defer p.survive()
		x.bytes = copyToClient(client, engine, x.takeover)
		// The engine has gone or the client does not read any more.
		engine.Close()
		client.SetReadDeadline(time.Now().Add(drainLimit))
		<-ended
		cut()
		client.Close()
		x.whole = true
		p.over(x)
	}()
}

// survive logs a mistake of postern's instead of ending the process with it, as
// the server does for requests that have not left it.
func (p *Proxy) survive() {
	if mistake := recover(); mistake != nil {
		p.log.Error().Msgf("panic serving a stream: %v\n%s", mistake, debug.Stack())
	}
}

// copyToEngine passes the client's bytes on until the client has gone, and
// closes the engine's connection then.
func copyToEngine(engine *net.UnixConn, client net.Conn, early []byte) int64 {
	defer engine.Close()
	n, err := engine.Write(early)
	sent := int64(n)
	if err == nil {
		var m int64
		m, err = pump(engine, client)
		sent += m
	}
	if err == nil {
		engine.CloseWrite()
	} else {
		// Either side may have failed. A client that is still there sends on
		// to nobody, as it would on a socket that is open for reading only.
		io.Copy(io.Discard, client)
	}
	awaitHangup(client)
	return sent
}

// copyToClient passes the engine's answer and its bytes on until the engine
// has gone. It returns the length of the stream.
func copyToClient(client net.Conn, engine *net.UnixConn, taken *upstream.Takeover) int64 {
	if _, err := client.Write(taken.Head); err != nil {
		return 0
	}
	n, err := client.Write(taken.Early)
	sent := int64(n)
	if err != nil {
		return sent
	}
	m, err := pump(client, engine)
	sent += m
	if err != nil {
		return sent
	}
	if half, ok := client.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	awaitHangup(engine)
	return sent
}
