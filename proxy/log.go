package proxy

import (
	"github.com/rs/zerolog"

	"postern/proxy/logging"
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
	if l.DeniedOnly && e.Outcome != Refused {
		return
	}
	level, message := zerolog.InfoLevel, e.Outcome.String()
	switch {
	case e.Outcome == Refused:
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
		Str("method", logging.ASCII(e.Method)).
		Str("path", logging.ASCII(e.Path))
	if e.Query != "" && l.Log.GetLevel() <= zerolog.DebugLevel {
		line.Str("query", logging.ASCII(e.Query))
	}
	return line.Str("operation", e.Request.ID()).
		Str("verdict", e.Outcome.String()).
		Str("rule", e.Verdict.Rule)
}
