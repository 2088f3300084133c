package wire

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// TestOddTargetsReachNoClosedPath sends targets that begin with an open path and
// end in a closed one, or have it in their query: the engine must get the path
// that was decided on.
func TestOddTargetsReachNoClosedPath(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "ALLOW_START": "1"})
	for _, target := range []string{
		"a:/_ping?x=://h/containers/json?all=1", "a:/_ping?://h/containers/json", "a:/_ping://h/containers/json",
		"http:/_ping?://h/containers/json", "http:_ping?://h/containers/json", "https:/_ping?x=http://h/containers/json",
		"http://h/_ping?x=://h/containers/json", "http://h?x=://h/containers/json", "http://h?/containers/json",
		"http://a:/_ping@h/containers/json", "http://h/_ping#/containers/json", "HTTP://h/_ping?http://h/containers/json",
		"a://h/_ping?x=://h/containers/json", "a:///_ping", "http:///_ping?://h/containers/json", "http://h:80/_ping://h/containers/json",
		"/_ping?x=://h/containers/json", "/_ping?http://h/containers/json", "http://[::1]/_ping?://h/containers/json",
	} {
		for _, method := range []string{"GET", "POST"} {
			if method == "POST" {
				target = strings.ReplaceAll(strings.ReplaceAll(target, "_ping", "containers/x/start"), "h/containers/json", "h/containers/create")
			}
			e.Reset()
			harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 0"))
			for _, r := range e.Requests() {
				path, _, _ := strings.Cut(r.Target, "?")
				if path != "/_ping" && path != "/containers/x/start" {
					t.Errorf("%s %s reached the engine as %s", method, target, r.Target)
				}
			}
		}
	}
}

// TestTargetsArriveAsSent asserts that the engine gets the path and the query
// that were decided on, byte for byte.
func TestTargetsArriveAsSent(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}))
	for _, test := range []struct{ sent, want string }{
		{"/containers/json", ""},
		{"/v1.41/containers/json?all=1", ""},
		{"/v1.41.99/containers/json", ""},
		{"/v99/containers/json", ""},
		{"/containers/a%2fb/json", ""},
		{"/containers/a%2Fb/json", ""},
		{"/containers/%252e%252e/json", ""},
		{"/containers/%41%5f/json", ""},
		{"/%63ontainers/json", ""},
		{"/containers/a%20b+c/json", ""},
		{"/containers/..a/.../json", ""},
		{"/containers/a%0ab/json", ""},
		{"/containers/%00/json", ""},
		{"/containers/%ff%fe/json", ""},
		{"/containers/a:b@c,d=e;f!$&'()*~/json", ""},
		{"/containers/a|b\"c^d`e{f}g/json", ""},
		{"/containers/a[b]\\c/json", ""},
		{"/containers/a<b>%2fc/json", ""},
		{"/containers/\xc3\xa9%2f\xff/json", ""},
		{"/containers/a#b/json", ""},
		{"/containers/web/json/", ""},
		{"/containers/json?", ""},
		{"/containers/json?a=1;b=2", ""},
		{"/containers/json?a=%zz&b=%&c", ""},
		{"/containers/json?a=b?c=d&&=&e", ""},
		{"/containers/json?filters={\"label\":[\"a|b\"]}", ""},
		{"/containers/json?path=../../etc//passwd", ""},
		{"/containers/json?n=\xc3\xa9", ""},
		{"/containers/json?a=b#c", ""},
		{"http://docker/containers/a%2fb/json?c=d", "/containers/a%2fb/json?c=d"},
		{"http://elsewhere.example:99/containers/json", "/containers/json"},
	} {
		e.Reset()
		if test.want == "" {
			test.want = test.sent
		}
		p.Get(test.sent)
		if got := harness.Targets(e); !slices.Equal(got, []string{"GET " + test.want}) {
			t.Errorf("GET %s: the engine received %q, want %q", test.sent, got, test.want)
		}
	}
}

// TestHeadersArriveAsSent asserts that postern neither adds nor drops a header
// but those of the connection.
func TestHeadersArriveAsSent(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket})
	for _, headers := range [][]string{
		nil,
		{"User-Agent: Docker-Client/28.2.2 (linux)", "Accept-Encoding: gzip"},
		{"X-Registry-Auth: eyJ9", "X-Registry-Config: e30=", "X-Meta: a", "X-Meta: b", "Range: bytes=0-1"},
	} {
		e.Reset()
		p.Get("/version", headers...)
		want := http.Header{}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			want.Add(name, value)
		}
		got := harness.AwaitRequest(t, e, func(engine.Request) bool { return true })
		if !maps.EqualFunc(got.Header, want, slices.Equal) || got.Host != "docker" {
			t.Errorf("the engine received host %q, %v, want docker, %v", got.Host, got.Header, want)
		}
	}
}
