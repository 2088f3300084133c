package metrics

import (
	"html"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// seen makes a proxy with clients, refusals and an open stream, and returns
// its page and where it is.
func seen(t *testing.T) (monitor harness.Endpoint, page string) {
	t.Helper()
	_, socket := harness.StandIn(t)
	unix := filepath.Join(filepath.Dir(socket), "ci.sock")
	p, monitor := monitored(t, map[string]string{
		"SOCKET_PATH": socket, "CONTAINERS": "1", "DENY": "*Prune",
		"CLIENT_CI_LISTEN": "unix://" + unix, "CLIENT_CI_BUILD": "1", "CLIENT_CI_GRPC": "1", "CLIENT_CI_POST": "1",
		"CLIENT_BOARD_FROM": "10.1.2.3,10.9.0.0/16", "CLIENT_BOARD_ALLOW": "ContainerList",
	})
	for range 3 {
		p.Get("/v1.41/info")
	}
	for _, request := range []string{
		harness.Head("POST", "/containers/web/restart", "Content-Length: 0"),
		harness.Head("POST", "/images/prune", "Content-Length: 0"),
		harness.Head("GET", "/<script>document.title='owned'</script>"),
		harness.Head("GET", "/%3Cimg%20src=x%20onerror=%22document.title='owned'%22%3E"),
		harness.Head("GET", "/\"onmouseover=\"document.title='owned'"),
	} {
		harness.Send(t, p.Dial(), request)
	}
	harness.Send(t, harness.Dial(t, "unix", unix), harness.Head("GET", "/networks"))
	p.Open(harness.Head("GET", "/events"))
	harness.Await(t, "open stream", func() bool {
		page = monitor.Get(t, "/").Body
		return strings.Contains(page, "SystemEvents</small>")
	})
	return monitor, page
}

// facts are what the page of seen has to tell, as a person reads it.
var facts = []string{
	"The engine answers.", "version dev",
	"ci through a listener of its own may run 11 of 255 operations", "board from 10.1.2.3, 10.9.0.0/16 may run 8 of 255 operations",
	"all other clients may run 13 of 255 operations reads CONTAINERS PING EVENTS VERSION LIBPOD_PING LIBPOD_VERSION writes nothing",
	"root on the host : Grpc", "leaks secrets : ContainerInspect , ContainerLogs",
	"GET /v1.41/info SystemInfo INFO=1 or ALLOW=SystemInfo 127.0.0.1 ",
	"POST /containers/web/restart ContainerRestart ALLOW_RESTARTS=1 or POST=1 or ALLOW=ContainerRestart 127.0.0.1",
	"POST /images/prune ImagePrune nothing: DENY=*Prune forbids it",
	"GET /<script>document.title='owned'</script> nothing: this path is in no section of the Docker API",
	"GET /networks NetworkList CLIENT_CI_NETWORKS=1 or CLIENT_CI_ALLOW=NetworkList ci unix socket",
	"GET /events SystemEvents 127.0.0.1",
}

// text is what a person reads of a page.
func text(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(html.UnescapeString(page)), " ")
}

// TestStatusPageShowsFacts asserts that the page shows refusals, streams and
// permissions.
func TestStatusPageShowsFacts(t *testing.T) {
	t.Parallel()
	_, page := seen(t)
	checkFacts(t, page)
	if !regexp.MustCompile(`(?s)/v1\.41/info.*?data-is="times">3\n`).MatchString(page) {
		t.Errorf("the page does not say that /info was refused three times:\n%s", page)
	}
}

func checkFacts(t *testing.T, page string) {
	t.Helper()
	shown := text(page)
	for _, fact := range facts {
		if !strings.Contains(shown, fact) {
			t.Errorf("the page does not say %q:\n%s", fact, shown)
		}
	}
}
