package command

import (
	"strings"
	"testing"
)

// TestProbeNotice asserts which command lines are told that there is no shell.
func TestProbeNotice(t *testing.T) {
	t.Parallel()
	for line, probe := range map[string]bool{
		"wget --spider http://localhost:2375/_ping":       true,
		"curl -f http://127.0.0.1:2375/version":           true,
		"curl --unix-socket /var/run/docker.sock http:/x": true,
		"nc -z ::1 2375": true,
		"sh -c wget -qO- http://docker-proxy:2375/": true,
		"/bin/sh -c /postern healthcheck":           true,
		"sh":                                        false,
		"sh -c ls":                                  false,
		"/bin/sh -l":                                false,
		"wget http://example.com":                   false,
		"nc":                                        false,
	} {
		if got := ProbeNotice(strings.Fields(line)) == ""; got != probe {
			t.Errorf("%s is taken for a probe: %v, want %v", line, got, probe)
		}
	}
	for program, want := range map[string]bool{"sh": true, "/usr/bin/nc": true, "/postern": false, "postern": false, "bash": false} {
		if got := IsProbe(program); got != want {
			t.Errorf("IsProbe(%q) is %v, want %v", program, got, want)
		}
	}
}
