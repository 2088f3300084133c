//go:build real

package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"postern/acl"
	"postern/tests/internal/harness"
)

// TestCheckKnowsWhatHAProxyAllows gives random settings to HAProxy, with the rules of
// Tecnativa's image, and in a compose file to postern check. It asserts that the
// check says how many operations the old image allows.
func TestCheckKnowsWhatHAProxyAllows(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	random := seeded(t)
	var requests []harness.Request
	var ids []string
	for _, op := range acl.Operations {
		if !strings.HasPrefix(op.Pattern, "/libpod/") {
			target := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllLiteralString(op.Pattern, "web")
			requests = append(requests, harness.Request{Method: op.Method, Target: target})
			ids = append(ids, op.ID)
		}
	}
	values := []string{"0", "1", "2", "true", "no", ""}
	for range 15 {
		environ := map[string]string{"EVENTS": "1", "PING": "1", "VERSION": "1"}
		for _, name := range append(engineToggles(), "POST", "ALLOW_START", "ALLOW_STOP", "ALLOW_RESTARTS") {
			if random.IntN(2) == 0 {
				environ[name] = values[random.IntN(len(values))]
			}
		}
		allowed := map[string]bool{}
		for i, forwarded := range forwards(t, "unix", haproxy(t, environ, socket), requests) {
			if forwarded {
				allowed[ids[i]] = true
			}
		}
		file := "services:\n  proxy:\n    image: tecnativa/docker-socket-proxy\n    environment:\n"
		for name, value := range environ {
			file += fmt.Sprintf("      %s: %q\n", name, value)
		}
		cmd := harness.QuickCommand(t, nil, "check")
		cmd.Stdin = strings.NewReader(file)
		r := harness.Finish(t, cmd)
		count := regexp.MustCompile(`The old image allows (\d+) of`).FindStringSubmatch(r.Stdout)
		if count == nil {
			t.Fatalf("postern check: %v", r)
		}
		if got, _ := strconv.Atoi(count[1]); got != len(allowed) {
			t.Errorf("%v\npostern check says that HAProxy allows %d operations, and it allows %d", environ, got, len(allowed))
		}
	}
}
