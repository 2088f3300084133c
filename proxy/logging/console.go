package logging

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
)

// newConsole returns a writer that turns each event into one line for people,
// and writes it to out. The line has colours if stdout, where it ends up, is a
// terminal.
func newConsole(out, stdout io.Writer) io.Writer {
	file, ok := stdout.(*os.File)
	return zerolog.ConsoleWriter{
		Out:           out,
		NoColor:       !ok || !isTerminal(file),
		TimeFormat:    zerolog.TimeFieldFormat,
		FormatPrepare: requestIntoMessage,
		// Other fields come after these.
		FieldsOrder: []string{"client", "operation", "rule", "status", "ms", "bytes", "received", "query", "address"},
	}
}

// requestIntoMessage appends method and path to the message of a request's event,
// as in "refused GET /info", and removes their fields.
func requestIntoMessage(event map[string]any) error {
	message, ok1 := event[zerolog.MessageFieldName].(string)
	method, ok2 := event["method"].(string)
	path, ok3 := event["path"].(string)
	if ok1 && ok2 && ok3 {
		event[zerolog.MessageFieldName] = message + " " + quoteSpaces(method) + " " + quoteSpaces(path)
		delete(event, "method")
		delete(event, "path")
		delete(event, "decision") // the message and the level say it
	}
	return nil
}

// quoteSpaces quotes a text that contains a space: a client chooses the path, and
// could otherwise append text that looks like another field, as in
// "/a status=200".
func quoteSpaces(s string) string {
	if strings.ContainsAny(s, ` "`) {
		return strconv.Quote(s)
	}
	return s
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
