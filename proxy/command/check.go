package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"postern/proxy/compose"
)

// checkPatience is how long a compose file may take. Real ones take milliseconds; a
// file can have regular expressions that take hours.
const checkPatience = 20 * time.Second

// Check reads a compose file from stdin and writes what it is with postern. A
// terminal on stdin counts as an empty file: waiting there would look like a hang.
func Check(stdin *os.File, w io.Writer) error {
	var text []byte
	if info, err := stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		if text, err = io.ReadAll(io.LimitReader(stdin, compose.MaxFile+1)); err != nil {
			return fmt.Errorf("cannot read stdin: %w", err)
		}
	}
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- compose.Check(text, &out) }()
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-time.After(checkPatience):
		return fmt.Errorf("the file takes longer than %v to compare: want a compose file", checkPatience)
	}
	_, err := w.Write(out.Bytes())
	return err
}
