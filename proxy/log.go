package proxy

import (
	"bytes"
	stdlog "log"

	"github.com/rs/zerolog"

	"postern/acl"
)

// AccessLog writes requests to a log: one line each, when it is over, and two
// for what may stay open. A refusal is a warning, a failure of the engine an
// error, all else info.
type AccessLog struct {
	Log zerolog.Logger
	// DeniedOnly leaves out all but refusals.
	DeniedOnly bool
}

func (l AccessLog) Begin(e *Event) {
	if e.Streams() && !l.DeniedOnly {
		l.event(zerolog.InfoLevel, e).Msg("opened")
	}
}

func (l AccessLog) End(e *Event) {
	if l.DeniedOnly && e.Decision.Outcome != acl.Refused {
		return
	}
	level, message := zerolog.InfoLevel, e.Decision.Outcome.String()
	switch {
	case e.Decision.Outcome == acl.Refused:
		level = zerolog.WarnLevel
	case e.Ending == CutByClient:
		message = "cut off by the client"
	case e.Ending == CutByEngine:
		level, message = zerolog.ErrorLevel, "cut off by the engine"
	case e.Ending == Failed:
		level, message = zerolog.ErrorLevel, "failed"
	case e.Streams():
		message = "closed"
	}
	l.event(level, e).
		Int("status", e.Status).
		Int64("bytes", e.Bytes).
		Int64("received", e.Received).
		Dur("ms", e.Duration).
		AnErr("error", e.Err).
		Msg(message)
}

// event is a line with the fields that are known from the beginning. The query
// is left out, since it can carry secrets (build arguments, a search in logs),
// unless somebody is after a fault.
func (l AccessLog) event(level zerolog.Level, e *Event) *zerolog.Event {
	line := l.Log.WithLevel(level)
	if !line.Enabled() {
		return line
	}
	if e.Client.Name != "" {
		line.Str("client", e.Client.Name)
	}
	line.Str("address", e.Address).
		Str("method", ascii(e.Method)).
		Str("path", ascii(e.Path))
	if e.Query != "" && l.Log.GetLevel() <= zerolog.DebugLevel {
		line.Str("query", ascii(e.Query))
	}
	return line.Str("operation", e.Decision.OperationID()).
		Str("decision", e.Decision.Outcome.String()).
		Str("rule", e.Decision.Rule)
}

// errorLog is what the server and ReverseProxy complain to: clients that go away
// in the middle, mostly.
func errorLog(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(levelWriter{log}, "", 0)
}

// seriousErrors are in what the server says of no client's doing: nobody gets in
// when descriptors run out, and a panic is a mistake of postern's.
var seriousErrors = [][]byte{[]byte("Accept error"), []byte("panic serving")}

type levelWriter struct{ log zerolog.Logger }

func (w levelWriter) Write(b []byte) (int, error) {
	level := zerolog.DebugLevel
	for _, serious := range seriousErrors {
		if bytes.Contains(b, serious) {
			level = zerolog.ErrorLevel
		}
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
