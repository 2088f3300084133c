package config

import (
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestCommandsPrintAndExit asserts what postern's commands print, where, and their exit
// status.
func TestCommandsPrintAndExit(t *testing.T) {
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
		{"start", 2, "", `postern: unknown command "start": want serve, explain, presets, check, certs, healthcheck, version or help\n`},
		{"--verbose", 2, "", `postern: unknown flag "--verbose": settings are environment variables, see postern help\n`},
		{"presets traefk", 2, "", `postern: invalid preset "traefk": no preset has this name; the nearest are traefik and traefik-swarm, and LEARN=1 finds .*; postern presets lists all\n`},
		{"presets caddy", 2, "", `postern: invalid preset "caddy": no preset has this name; the nearest are caddy-docker-proxy and \S+, and LEARN=1 finds .*\n`},
		{"presets traefik dozzle", 0, `(?s)traefik: .*\nPRESET=traefik .*\ndozzle: .*\nPRESET=dozzle .*`, ""},
		{"serve now", 2, "", `postern: unexpected argument "now": serve takes none; settings are environment variables, see postern help\n`},
		{"--version", 0, `postern \S+ \(go1\.\S+ \w+/\w+\)\n`, ""},
		{"-v", 0, `postern \S+ \(go1\.\S+ \w+/\w+\)\n`, ""},
		{"postern version", 0, `postern \S+ \(.*` + "\n", ""},
		{"help explain", 0, `usage: postern explain (?s:.*)`, ""},
		{"explain --help", 0, `usage: postern explain (?s:.*)`, ""},
		{"explain GET /info -h", 0, `usage: postern explain (?s:.*)`, ""},
		{"presets --help", 0, `usage: postern presets (?s:.*)`, ""},
		{"help presets", 0, `usage: postern presets (?s:.*)`, ""},
		{"serve --help", 0, `usage: postern \[serve\](?s:.*)`, ""},
		{"check --help", 0, `usage: postern check < docker-compose\.yml\n(?s:.*)`, ""},
		{"check docker-compose.yml", 2, "", `postern: unexpected argument "docker-compose.yml": check reads stdin, as in postern check < docker-compose.yml\n`},
		{"healthcheck help", 0, `usage: postern healthcheck(?s:.*)`, ""},
		{"version --help", 0, `usage: postern version(?s:.*)`, ""},
		{"help nothing", 2, "", `postern: unknown command "nothing": want .*\n`},
		{"explian", 2, "", `postern: unknown command "explian": did you mean explain\?\n`},
		{"CONTAINERS=1", 2, "", `postern: unknown command "CONTAINERS=1": settings are environment variables, as in docker run -e CONTAINERS=VALUE\n`},
		{"-listenip=0.0.0.0", 2, "", `postern: unknown flag "-listenip=0.0.0.0": settings are .*\n`},
		{"presets traefik,dozzle", 0, `(?s)traefik: .*\nPRESET=traefik .*\ndozzle: .*\nPRESET=dozzle .*`, ""},
		{"presets traefik, nothing", 2, "", `postern: invalid preset "nothing": .*\n`},
		{"presets --json", 2, "", `postern: unknown flag "--json": .*\n`},
		{"explain --jsn", 2, "", `postern: unknown flag -jsn; usage: postern explain .*\n`},
		{"explain GET", 2, "", `postern: usage: postern explain .*\n`},
		{"explain GET /info now", 2, "", `postern: usage: postern explain .*\n`},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			// The environment does not matter to them.
			r := harness.Run(t, map[string]string{"POST": "ture"}, strings.Fields(test.args)...)
			whole := func(pattern, s string) bool { return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(s) }
			if r.Status != test.status || !whole(test.stdout, r.Stdout) || !whole(test.stderr, r.Stderr) {
				t.Errorf("postern %s: %v\nwant status %d, stdout %q, stderr %q", test.args, r, test.status, test.stdout, test.stderr)
			}
		})
	}
}
