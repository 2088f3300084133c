// Package console writes the log for people.
package console

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
)

// New returns a writer that makes one readable line of each event, in colour
// where out is a terminal.
func New(out io.Writer) io.Writer {
	file, ok := out.(*os.File)
	return zerolog.ConsoleWriter{
		Out:           out,
		NoColor:       !ok || !isTerminal(file),
		TimeFormat:    zerolog.TimeFieldFormat,
		FormatPrepare: headline,
		// The rest comes after them.
		FieldsOrder: []string{"client", "operation", "rule", "status", "ms", "bytes", "received", "query", "address"},
	}
}

// headline puts what a request asks for into the message: refused GET /info.
func headline(event map[string]any) error {
	message, method, path := event[zerolog.MessageFieldName], event["method"], event["path"]
	if words, ok := texts(message, method, path); ok {
		event[zerolog.MessageFieldName] = strings.Join(words, " ")
		delete(event, "method")
		delete(event, "path")
		delete(event, "decision") // the level and the message tell
	}
	return nil
}

// texts returns the values if all are strings, quoted after the first where a
// space in one could be taken for its end: a path is the client's to choose
// and must not look like a field.
func texts(values ...any) (words []string, ok bool) {
	for i, value := range values {
		s, ok := value.(string)
		if !ok {
			return nil, false
		}
		if i > 0 && strings.ContainsAny(s, ` "`) {
			s = strconv.Quote(s)
		}
		words = append(words, s)
	}
	return words, true
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
