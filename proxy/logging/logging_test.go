package logging

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// TestPrintable asserts that nothing that a client sends can forge a line of the
// log, control a terminal or turn the direction of text.
func TestPrintableEscapes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"/v1.41/containers/json", "/v1.41/containers/json"},
		{`/a "b" \c`, `/a "b" \c`},
		{"/a\nlevel=info", `/a\nlevel=info`},
		{"/a\x1b[31m\x00\x7f", `/a\x1b[31m\x00\x7f`},
		{"/a\u009b31m", `/a\u009b31m`},
		{"/a\u202e\"b\"", `/a\u202e"b"`},
		{"/a\xff", `/a\xff`},
		{"/é", `/\u00e9`},
		{strings.Repeat("a", 200), strings.Repeat("a", 200)},
		{strings.Repeat("a", 201), strings.Repeat("a", 200) + "..."},
		{strings.Repeat("a", 199) + "é", strings.Repeat("a", 199) + `\xc3...`},
	} {
		if got := Printable(test.text); got != test.want {
			t.Errorf("Printable(%q) = %s, want %s", test.text, got, test.want)
		}
	}
	long := strings.Repeat("a", 201)
	if got := ASCII(long); got != long {
		t.Errorf("ASCII of %d bytes has %d", len(long), len(got))
	}
}

// TestStdLevels asserts the level and the text of reports of http.Server.
func TestStdLevels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ report, want string }{
		{"http: Accept error: accept tcp: too many open files; retrying in 5ms", "error"},
		{"http: panic serving 10.0.0.5:4711: a fault\ngoroutine 1", "error"},
		{"http: TLS handshake error from 10.0.0.5:4711: EOF", "debug"},
	} {
		var out strings.Builder
		Std(zerolog.New(&out)).Print(test.report)
		want := `{"level":"` + test.want + `","message":"` + strings.ReplaceAll(test.report, "\n", `\n`) + "\"}\n"
		if out.String() != want {
			t.Errorf("%q gets\n%swant\n%s", test.report, out.String(), want)
		}
	}
}

// TestWriteErrorsAreReportedOnce asserts that a log that cannot be written is reported
// once and not for every line.
func TestWriteErrorsAreReportedOnce(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	report := reportErrors(&stderr)
	for range 3 {
		report(errors.New("no space left on device"))
	}
	const want = "postern: the log cannot be written, and requests go on without: no space left on device\n"
	if got := stderr.String(); got != want {
		t.Errorf("stderr has %q, want %q", got, want)
	}
}

// TestConsoleShowsRequests asserts that the console shows a request in its message, and
// that a path cannot look like a field.
func TestConsoleShowsRequests(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ event, want string }{
		{`{"level":"info","message":"started","version":"1"}`, "<nil> INF started version=1\n"},
		{`{"level":"warn","method":"GET","path":"/info","decision":"refused","rule":"INFO=0","message":"refused"}`, "<nil> WRN refused GET /info rule=INFO=0\n"},
		{`{"level":"warn","method":"GET","path":"/a status=200","message":"refused"}`, "<nil> WRN refused GET \"/a status=200\"\n"},
		{`{"level":"warn","method":"G\"","path":"/a","message":"refused"}`, "<nil> WRN refused \"G\\\"\" /a\n"},
	} {
		var out strings.Builder
		if _, err := io.WriteString(newConsole(&out, &out), test.event); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != test.want {
			t.Errorf("%s gives\n%swant\n%s", test.event, got, test.want)
		}
	}
}
