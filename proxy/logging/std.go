package logging

import (
	"bytes"
	stdlog "log"

	"github.com/rs/zerolog"
)

// Std returns a logger of package log that writes to log, for the ErrorLog of
// http.Server and httputil.ReverseProxy. Most of what these report is that a
// client went away, and is logged at debug level. Two reports are errors: see
// seriousErrors.
func Std(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(stdWriter{log}, "", 0)
}

// seriousErrors are in the reports of http.Server that are not about a client: no
// client can connect when accept fails, as it does without free descriptors, and
// a panic is a fault of this program. ErrorLog passes text only, so the text is
// all there is to tell them from others. Nothing but the level depends on it.
var seriousErrors = [][]byte{[]byte("Accept error"), []byte("panic serving")}

type stdWriter struct{ log zerolog.Logger }

func (w stdWriter) Write(b []byte) (int, error) {
	level := zerolog.DebugLevel
	for _, serious := range seriousErrors {
		if bytes.Contains(b, serious) {
			level = zerolog.ErrorLevel
		}
	}
	w.log.WithLevel(level).Msg(string(bytes.TrimSuffix(b, []byte("\n"))))
	return len(b), nil
}
