package proxy

import (
	"bytes"
	stdlog "log"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy/clients"
)

// logRequest writes the one event of a request, when it is over. The query is
// left out: it can carry secrets (build arguments).
func (p *Proxy) logRequest(start time.Time, x *exchange, r *http.Request, from *clients.Client, request acl.Request, v *acl.Verdict) {
	level, message := zerolog.InfoLevel, "allowed"
	// A client cannot have seen the end of an answer without a length yet: it
	// is written when the handler is over.
	gone := r.Context().Err() != nil && !x.taken
	whole := x.whole && (!gone || x.Header().Get("Content-Length") != "")
	switch {
	case request.Redirect != "":
		message = "redirected"
	case !v.Allowed:
		level, message = zerolog.WarnLevel, "refused"
	case gone && !whole:
		message = "cut off by the client"
	case !gone && !whole:
		level, message = zerolog.ErrorLevel, "cut off by the engine"
	case !gone && x.err != nil:
		level, message = zerolog.ErrorLevel, "failed"
	}
	e := p.log.WithLevel(level)
	if !e.Enabled() {
		return
	}
	if from.Name != "" {
		e.Str("client", from.Name)
	}
	e.Str("address", r.RemoteAddr).
		Str("method", r.Method[:min(len(r.Method), maxMethod)]).
		Str("path", ascii(r.URL.Path)).
		Str("operation", request.ID()).
		Str("rule", v.Rule).
		Int("status", x.status).
		Int64("bytes", x.bytes).
		Int64("received", x.received.Load()).
		Dur("ms", time.Since(start)).
		AnErr("error", x.err).
		Msg(message)
}

// errorLog is what net/http and ReverseProxy complain to: clients that go away
// in the middle, mostly.
func errorLog(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(levelWriter{log}, "", 0)
}

type levelWriter struct{ log zerolog.Logger }

func (w levelWriter) Write(b []byte) (int, error) {
	level := zerolog.DebugLevel
	if bytes.Contains(b, []byte("Accept error")) {
		level = zerolog.ErrorLevel // out of descriptors: nobody gets in
	}
	w.log.WithLevel(level).Msg(string(trimNewline(b)))
	return len(b), nil
}

func trimNewline(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1]
	}
	return b
}
