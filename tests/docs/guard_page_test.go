package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestGuardPage asserts that the guard of the example in docs/guard.md refuses what the
// page shows, in these words.
func TestGuardPage(t *testing.T) {
	t.Parallel()
	for _, p := range readPages(t) {
		if p.name != "docs/guard.md" {
			continue
		}
		settings := environments(t, p, p.blocks[0])[0]
		body := filepath.Join(t.TempDir(), "create.json")
		if err := os.WriteFile(body, []byte(`{"Image":"alpine","HostConfig":{"CapAdd":["SYS_ADMIN"],"PidMode":"host"}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		r := harness.Finish(t, harness.QuickCommand(t, settings, "explain", "POST", "/containers/create", "--body", body))
		shown := regexp.MustCompile(`ContainerCreate is refused: (.*)`).FindStringSubmatch(p.blocks[1].text())
		if shown == nil || r.Status != 1 || !strings.Contains(r.Stdout, shown[1]) {
			t.Errorf("explain: %v\nwant what the page shows, %q", r, shown)
		}
		return
	}
	t.Error("there is no docs/guard.md")
}
