package docs

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"postern/tests/internal/harness"
)

// TestShownLogLines asserts that a line of the log on a page, in a block of its own,
// has the fields that postern's line with this message has. Their values differ from
// machine to machine.
func TestShownLogLines(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	shown := 0
	for _, page := range readPages(t) {
		for _, b := range page.blocks {
			if b.language != "json" {
				continue
			}
			for _, line := range b.lines {
				shown++
				var want harness.Entry
				if err := json.Unmarshal([]byte(line), &want); err != nil {
					t.Fatalf("%s:%d: %v", page.name, b.line, err)
				}
				got := p.AwaitLog(func(e harness.Entry) bool { return e["message"] == want["message"] })
				delete(got, "time") // which a page leaves out
				if fields := slices.Sorted(maps.Keys(want)); !slices.Equal(fields, slices.Sorted(maps.Keys(got))) {
					t.Errorf("%s:%d: the line has the fields %q, postern's is %v", page.name, b.line, fields, got)
				}
			}
		}
	}
	if shown == 0 {
		t.Error("no page shows a line of the log in a block of JSON")
	}
}
