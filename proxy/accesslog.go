package proxy

import (
	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy/logging"
)

// AccessLog is an [Observer] that logs requests: one line each when it has
// ended, and a line at the beginning of those that may stay open. A refusal is a
// warning, a failure of the engine an error, everything else info.
type AccessLog struct {
	Log zerolog.Logger
	// DeniedOnly leaves out everything but refusals.
	DeniedOnly bool
}

func (l AccessLog) Begin(e *Event) {
	if e.Streams() && !l.DeniedOnly {
		l.line(zerolog.InfoLevel, e).Msg("opened")
	}
}

func (l AccessLog) End(e *Event) {
	refused := e.Decision.Outcome == acl.Refused
	if l.DeniedOnly && !refused {
		return
	}
	level, message := zerolog.InfoLevel, e.Decision.Outcome.String()
	switch {
	case refused:
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
	l.line(level, e).
		Int("status", e.Status).
		Int64("bytes", e.Sent).
		Int64("received", e.Received).
		Dur("ms", e.Duration).
		AnErr("error", e.Err).
		Msg(message)
}

// line begins a line with the fields that are known when a request begins. It
// has the query only at level debug, since a query can carry secrets: build
// arguments, a search in logs.
func (l AccessLog) line(level zerolog.Level, e *Event) *zerolog.Event {
	line := l.Log.WithLevel(level)
	if !line.Enabled() {
		return line
	}
	if e.Client.Name != "" {
		line.Str("client", e.Client.Name)
	}
	if e.Cert != "" {
		line.Str("certificate", e.Cert)
	}
	line.Str("address", e.Address).
		Str("method", logging.ASCII(e.Method)).
		Str("path", cutPath(e.Path))
	if e.Query != "" && l.Log.GetLevel() <= zerolog.DebugLevel {
		line.Str("query", logging.ASCII(e.Query))
	}
	line.Str("operation", e.Decision.OperationID()).
		Str("decision", e.Decision.Outcome.String()).
		Str("rule", e.Decision.Rule)
	if e.Remedy != "" {
		line.Str("remedy", e.Remedy)
	}
	if e.Missing != "" {
		line.Str("missing", e.Missing)
	}
	return line
}

// maxPath limits a path in the log, in bytes of JSON. A client may send a longer
// one with every request, and each byte of it can take four in the log.
const maxPath = 2 << 10

// cutPath is [logging.ASCII] for a path. A longer one than maxPath ends in "...".
func cutPath(path string) string {
	if len(path) <= maxPath/8 {
		return logging.ASCII(path) // the escapes of a byte take 5 at most
	}
	const end = "..."
	s := logging.ASCII(path[:min(len(path), maxPath)])
	size, keep := len(end), 0
	for i := range len(s) {
		size++
		if s[i] == '"' || s[i] == '\\' {
			size++
		}
		if size <= maxPath {
			keep = i + 1
		}
	}
	if len(path) <= maxPath && size-len(end) <= maxPath {
		return s
	}
	return s[:keep] + end
}
