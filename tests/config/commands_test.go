package config

import (
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestCommandLine asserts what postern's commands print, where, and their exit
// status.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args           string
		status         int
		stdout, stderr string // regular expressions for the whole
	}{
		{"version", 0, `postern \S+ \(go1\.\S+ \w+/\w+\)\n`, ""},
		{"help", 0, `(?s)postern guards .*CONTAINERS.*LISTEN.*`, ""},
		{"--help", 0, `(?s)postern guards .*`, ""},
		{"-h", 0, `(?s)postern guards .*`, ""},
		{"start", 2, "", `postern: unknown command "start": want serve, explain, presets, healthcheck, version or help\n`},
		{"--verbose", 2, "", `postern: unknown command "--verbose": want .*\n`},
		{"presets traefk", 2, "", `postern: invalid preset "traefk": no preset has this name; want one such as traefik, .*; postern presets lists them\n`},
		{"presets traefik dozzle", 0, `(?s)traefik: .*\nPRESET=traefik .*\ndozzle: .*\nPRESET=dozzle .*`, ""},
		{"serve now", 2, "", `postern: unexpected argument "now": postern help shows the commands\n`},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			// Nothing of the environment matters to them.
			r := harness.Run(t, map[string]string{"POST": "ture"}, strings.Fields(test.args)...)
			whole := func(pattern, s string) bool { return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(s) }
			if r.Status != test.status || !whole(test.stdout, r.Stdout) || !whole(test.stderr, r.Stderr) {
				t.Errorf("postern %s: %v\nwant status %d, stdout %q, stderr %q", test.args, r, test.status, test.stdout, test.stderr)
			}
		})
	}
}
