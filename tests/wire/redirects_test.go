package wire

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/gorilla/mux"

	"postern/tests/internal/harness"
)

// uncleanTargets are paths that the engine's router redirects.
var uncleanTargets = []string{
	"//", "/.", "/..", "/./", "/../",
	"//containers/json",
	"/containers//json",
	"/containers/json//",
	"/./containers/json",
	"/containers/./json?all=1",
	"/containers/x/../json",
	"/_ping/../containers/json",
	"/_ping/../../containers/json",
	"/%2e/containers/json",
	"/_ping/%2e%2e/containers/json",
	"/_ping/%2E%2e/containers/json/",
	"/_ping/.%2e/containers/json",
	"/_ping/..%2fcontainers/json",
	"/_ping%2f..%2fcontainers/json",
	"/_ping/%2fcontainers%2f/json",
	"/v1.41/../v1.41//containers/json",
	"/containers/a%2fb/../c%2fd/json",
	"/containers/a%20b//json",
	"/events/%2e%2e/secrets?x=%zz;y",
	"http://docker//containers/json",
	"http://elsewhere.example/_ping/../containers/json?a=b",
}

// TestUncleanPathsAreRedirected asserts that such a path never reaches the engine,
// and gets the redirect of the engine's router.
func TestUncleanPathsAreRedirected(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter()
	router.HandleFunc("/{any:.*}", func(w http.ResponseWriter, r *http.Request) {})
	path := filepath.Join(harness.SocketDir(t), "router.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: router}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	checkRedirects(t, path)
}

func checkRedirects(t *testing.T, oracle string) {
	t.Helper()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	for _, target := range uncleanTargets {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
			request := harness.Head(method, target)
			want := harness.Send(t, harness.Dial(t, "unix", oracle), request)
			got := harness.Send(t, p.Dial(), request)
			if want.Status != http.StatusMovedPermanently {
				t.Fatalf("%s %s: the router's status is %d, want 301", method, target, want.Status)
			}
			if got.Status != want.Status || got.Header.Get("Location") != want.Header.Get("Location") {
				t.Errorf("%s %s: %d to %q, want %d to %q", method, target,
					got.Status, got.Header.Get("Location"), want.Status, want.Header.Get("Location"))
			}
		}
	}
	if got := harness.Targets(e); len(got) > 0 {
		t.Errorf("the engine received %q, want nothing", got)
	}
}
