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
		"CLIENT_BOARD_FROM": "10.1.2.3,10.9.0.0/16,board.invalid", "CLIENT_BOARD_ALLOW": "ContainerList", "CLIENT_BOARD_REDACT": "env", "CONTAINER": "1",
	})
	for range 3 {
		p.Get("/v1.41/info")
	}
	p.Get("/v1.41/containers/json")
	for _, request := range []string{
		harness.Head("POST", "/containers/web/restart", "Content-Length: 0"),
		harness.Head("GET", "/containers/web/archive?path=/"),
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
		return strings.Contains(page, "SystemEvents</small>") && strings.Contains(page, "CLIENT_BOARD_FROM has board.invalid, ")
	})
	return monitor, page
}

// facts are what the page of seen has to tell, as a person reads it.
var facts = []string{
	"The engine answers.", "version dev",
	`Warnings CONTAINER="1" has no effect: did you mean CONTAINERS?`,
	"Host names CLIENT_BOARD_FROM has board.invalid, ", // the rest depends on the resolver
	"ci through a listener of its own Asked for so far: operation request allowed refused last NetworkList GET /networks 0 1 ",
	"may run 11 of 255 operations", "board from board.invalid, 10.1.2.3, 10.9.0.0/16 It has asked for nothing yet. may run 8 of 255 operations",
	"limits CLIENT_BOARD_REDACT=env: responses have *** for the values of environment variables",
	"all other clients 1 stream is open. Asked for so far: operation request allowed refused last ContainerList GET /containers/json 1 0 ",
	"SystemInfo GET /info 0 3 ", "no operation all other requests 0 3 ",
	"SystemEvents GET /events 1 0 ",
	"allow all that it was refused ALLOW=ContainerArchive,ContainerRestart,SystemInfo With it a client can read every file in containers. environment: # for all clients that are not declared ALLOW: ContainerArchive,ContainerRestart,SystemInfo Copy",
	"what covers these operations ALLOW=ContainerList,ContainerArchive,ContainerRestart,SystemInfo With it a client can read every file in containers. environment: # for all clients that are not declared, in place of the toggles, ALLOW, DENY, PRESET and LEARN that are there ALLOW: ContainerList,ContainerArchive,ContainerRestart,SystemInfo Copy",
	"may run 13 of 255 operations reads CONTAINERS PING EVENTS VERSION LIBPOD_PING LIBPOD_VERSION writes nothing",
	"root on the host : Grpc", "leaks secrets : ContainerInspect , ContainerLogs",
	"GET /v1.41/info SystemInfo allow this INFO=1 or ALLOW=SystemInfo environment: # for all clients that are not declared ALLOW: SystemInfo Copy 127.0.0.1 ",
	"POST /containers/web/restart ContainerRestart allow this ALLOW_RESTARTS=1 or POST=1 or ALLOW=ContainerRestart",
	"POST /images/prune ImagePrune nothing: DENY=*Prune forbids it",
	"GET /<script>document.title='owned'</script> nothing: this path is in no section of the Docker API",
	"GET /networks NetworkList allow this CLIENT_CI_NETWORKS=1 or CLIENT_CI_ALLOW=NetworkList environment: # for client ci CLIENT_CI_ALLOW: NetworkList Copy ci unix socket",
	"GET /events SystemEvents 127.0.0.1",
}

// text is what a person reads of a page.
func text(page string) string {
	page = strings.ReplaceAll(page, "<wbr>", "")
	page = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(html.UnescapeString(page)), " ")
}

// TestStatusPageShowsFacts asserts that the page shows refusals, streams and
// permissions.
func TestStatusPageShowsFacts(t *testing.T) {
	t.Parallel()
	_, page := seen(t)
	checkFacts(t, page)
	if !regexp.MustCompile(`(?s)v1\.41/<wbr>info.*?class="times">3 times<`).MatchString(page) {
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
