//go:build real

package metrics

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestStatusPageRunsNoForeignScript has a browser load the page: it must show the same,
// run nothing that an attacker has put into a path, and violate no policy.
func TestStatusPageRunsNoForeignScript(t *testing.T) {
	t.Parallel()
	browser := harness.NeedCommand(t, "chromium", "chromium")
	// A page where both happen shows that the test would see it.
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "style-src 'none'")
		io.WriteString(w, `<style>p{}</style><p><script>document.title='owned'</script>`)
	}))
	defer bad.Close()
	dom, complaints := browse(t, browser, bad.URL)
	if !strings.Contains(dom, "<title>owned</title>") || len(complaints) == 0 {
		t.Fatalf("the browser does not show what the test looks for: %v in\n%s", complaints, dom)
	}

	monitor, _ := seen(t)
	dom, complaints = browse(t, browser, "http://"+monitor.Addr+"/")
	checkFacts(t, dom)
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(complaints, "\n"))
	}
	if strings.Contains(dom, "<title>owned") || !strings.Contains(dom, "<title>postern</title>") || strings.Count(dom, "<script") != 1 || strings.Contains(dom, "<img") {
		t.Errorf("a path has become a part of the page:\n%s", dom)
	}
}

// browse loads a page in headless chromium and returns the document as it then
// is, and what the console says: errors, and violations of the page's policy.
func browse(t *testing.T, browser, url string) (dom string, complaints []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--no-proxy-server", "--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--dump-dom", url)
	r := harness.Finish(t, cmd)
	if r.Status != 0 || r.Stdout == "" {
		t.Fatalf("chromium: %v", r)
	}
	for line := range strings.Lines(r.Stderr) {
		if strings.Contains(line, "CONSOLE") {
			complaints = append(complaints, line)
		}
	}
	return r.Stdout, complaints
}
