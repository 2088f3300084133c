package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"postern/tests/engine"
)

// TestTargetsHideNothing asks for what is open in ways whose end, or whose
// query, is what is closed: the engine must see nothing but what was judged.
func TestTargetsHideNothing(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket, "ALLOW_START": "1"})
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
			send(t, p.dial(), head(method, target, "Content-Length: 0"))
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
// that were judged, byte for byte.
func TestTargetsArriveAsSent(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
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
		p.get(test.sent)
		if got := targets(e); !slices.Equal(got, []string{"GET " + test.want}) {
			t.Errorf("GET %s: the engine received %q, want %q", test.sent, got, test.want)
		}
	}
}

// targets lists what the engine received.
func targets(e *engine.Engine) []string {
	var all []string
	for _, r := range e.Requests() {
		all = append(all, r.Method+" "+r.Target)
	}
	return all
}

// TestHeadersArriveAsSent asserts that postern neither adds nor drops a header
// but those of the connection.
func TestHeadersArriveAsSent(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket})
	for _, headers := range [][]string{
		nil,
		{"User-Agent: Docker-Client/28.2.2 (linux)", "Accept-Encoding: gzip"},
		{"X-Registry-Auth: eyJ9", "X-Registry-Config: e30=", "X-Meta: a", "X-Meta: b", "Range: bytes=0-1"},
	} {
		e.Reset()
		p.get("/version", headers...)
		want := http.Header{}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			want.Add(name, value)
		}
		got := awaitRequest(t, e, func(engine.Request) bool { return true })
		if !maps.EqualFunc(got.Header, want, slices.Equal) || got.Host != "docker" {
			t.Errorf("the engine received host %q, %v, want docker, %v", got.Host, got.Header, want)
		}
	}
}

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

// TestUncleanPaths asserts that such a path never reaches the engine and is
// answered as the engine's router would.
func TestUncleanPaths(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter()
	router.HandleFunc("/{any:.*}", func(w http.ResponseWriter, r *http.Request) {})
	path := filepath.Join(socketDir(t), "router.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: router}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	checkRedirects(t, path)
}

// TestUncleanPathsOnEngine compares with the real engine.
func TestUncleanPathsOnEngine(t *testing.T) {
	t.Parallel()
	needDocker(t)
	checkRedirects(t, engineSocket)
}

func checkRedirects(t *testing.T, oracle string) {
	t.Helper()
	e, socket := standIn(t)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	for _, target := range uncleanTargets {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
			request := head(method, target)
			want := send(t, dial(t, "unix", oracle), request)
			got := send(t, p.dial(), request)
			if want.status != http.StatusMovedPermanently {
				t.Fatalf("%s %s: the router's status is %d, want 301", method, target, want.status)
			}
			if got.status != want.status || got.header.Get("Location") != want.header.Get("Location") {
				t.Errorf("%s %s: %d to %q, want %d to %q", method, target,
					got.status, got.header.Get("Location"), want.status, want.header.Get("Location"))
			}
		}
	}
	if got := targets(e); len(got) > 0 {
		t.Errorf("the engine received %q, want nothing", got)
	}
}

// TestUpgradeIsStripped asserts that a connection cannot leave HTTP but in the
// operations that need it: a tunnel is past every later decision.
func TestUpgradeIsStripped(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	for _, request := range []string{
		"GET /_ping", "GET /version", "GET /containers/json", "GET /events", "GET /containers/web/logs?follow=1",
		"POST /build", "POST /images/load", "POST /containers/web/exec", "GET /containers/web/novelty",
		"POST /containers/web/attach/novelty", "GET /containers/web/attach", "POST /session/novelty", "GET /grpc",
	} {
		for _, asked := range []string{
			"Connection: Upgrade\r\nUpgrade: tcp", "Connection: Upgrade\r\nUpgrade: h2c", "Connection: Upgrade\r\nUpgrade: websocket",
			"Connection: close, uPGRADE\r\nUpgrade: tcp", "Connection: keep-alive\r\nConnection: upgrade\r\nupgrade: tcp",
			"Connection:\r\n upgrade\r\nUpgrade:\r\n\ttcp", "Connection: X\r\nUpgrade: tcp",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
		} {
			e.Reset()
			method, target, _ := strings.Cut(request, " ")
			response, _, conn := open(t, p, head(method, target, asked, "Content-Length: 0"))
			conn.Close()
			if response.StatusCode == http.StatusSwitchingProtocols {
				t.Errorf("%s: status 101, want none", request)
			}
			for _, r := range e.Requests() {
				if r.Header.Get("Upgrade") != "" || r.Header.Get("Connection") != "" {
					t.Errorf("%s: the engine received %v, want no Upgrade", request, r.Header)
				}
			}
			if got := targets(e); !slices.Equal(got, []string{request}) {
				t.Errorf("%s: the engine received %q", request, got)
			}
		}
	}
}

// TestUpgradeIsKept asserts that in the operations that need it bytes flow both
// ways, and that the client can end its side and still be answered.
func TestUpgradeIsKept(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	requests := map[string]string{
		"POST /containers/web/attach":   "tcp",
		"GET /containers/web/attach/ws": "websocket",
		"POST /exec/1234/start":         "tcp",
		"POST /session":                 "h2c",
		"POST /grpc":                    "h2c",
	}
	for pattern := range requests {
		e.Handle(pattern, http.HandlerFunc(echoUpgraded))
	}
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	for request, upgrade := range requests {
		for _, prefix := range []string{"", "/v1.41"} {
			t.Run(prefix+request, func(t *testing.T) {
				t.Parallel()
				method, target, _ := strings.Cut(request, " ")
				response, reader, conn := open(t, p, head(method, prefix+target, "Connection: Upgrade", "Upgrade: "+upgrade, "Content-Length: 0"))
				if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Upgrade") != upgrade {
					t.Fatalf("%s: status %d, %v, want 101 and Upgrade: %s", request, response.StatusCode, response.Header, upgrade)
				}
				for _, said := range []string{"hello\n", "are you there\n"} {
					io.WriteString(conn, said)
					if got, err := reader.ReadString('\n'); got != said {
						t.Errorf("%s: got %q, %v, want %q", request, got, err, said)
					}
				}
				conn.(*net.TCPConn).CloseWrite()
				if rest, err := io.ReadAll(reader); string(rest) != "end" || err != nil {
					t.Errorf("%s: got %q, %v after the end of input, want end", request, rest, err)
				}
			})
		}
	}
}

// echoUpgraded takes the connection over, sends back what it reads, and then
// says that it came to the end.
func echoUpgraded(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
	io.Copy(conn, buffered)
	io.WriteString(conn, "end")
}

// TestMalformedRequests asserts that what is not HTTP harms nobody: it is
// refused in plain words, does not reach the engine, and the next client is
// served.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	e, socket := standIn(t)
	p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket}))
	for _, test := range []struct {
		sent   string
		status int
	}{
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		{"\x00\r\n\r\n", 400},
		{"GET /_ping\r\n\r\n", 400},
		{"GET _ping HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /%zz HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /containers/%/json HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping /x HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"G{T /_ping HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping\x00 HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping HTTP/9.9\r\nHost: docker\r\n\r\n", 505},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 301}, // HTTP/2 without having asked, which newer engines speak
		{"CONNECT docker:2375 HTTP/1.1\r\nHost: docker\r\n\r\n", 301},
		{"OPTIONS * HTTP/1.1\r\nHost: docker\r\n\r\n", 301},
		{"GET ftp://docker/_ping HTTP/1.1\r\nHost: docker\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker/secrets\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA\xc3\xa9: b\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA: a\rHost: b\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 2, 2\r\n\r\nab", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: +2\r\n\r\nab", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nnonsense\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA: \x00\r\n\r\n", 400},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nContent-Length : 3\r\n\r\nabc", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		{"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: identity, chunked\r\n\r\n", 501},
		{"GET /_ping HTTP/1.1\r\nHost: docker\r\nA: " + strings.Repeat("a", 100<<10) + "\r\n\r\n", 431},
		{"GET /" + strings.Repeat("a", 100<<10) + " HTTP/1.1\r\nHost: docker\r\n\r\n", 414},
	} {
		e.Reset()
		got := send(t, p.dial(), test.sent)
		if got.status != test.status {
			t.Errorf("%.80q: status %d, want %d", test.sent, got.status, test.status)
		}
		if strings.Contains(got.header.Get("Content-Type"), "html") || strings.Contains(got.body, "<") {
			t.Errorf("%.80q: the answer is %s: %q, want no HTML", test.sent, got.header.Get("Content-Type"), got.body)
		}
		if received := targets(e); len(received) > 0 {
			t.Errorf("%.80q: the engine received %q, want nothing", test.sent, received)
		}
		if got := p.get("/_ping"); got.status != http.StatusOK {
			t.Errorf("GET /_ping after %.80q: status %d, want 200", test.sent, got.status)
		}
	}
}

// TestNothingIsSmuggled asserts that postern and the engine agree where a
// request ends: what follows is judged as the next one.
func TestNothingIsSmuggled(t *testing.T) {
	t.Parallel()
	const inner = "GET /secrets HTTP/1.1\r\nHost: docker\r\n\r\n"
	for _, test := range []struct{ name, sent string }{
		{"pipelined", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}" + inner},
		{"chunked with a length", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner},
		{"length that a connection header hides", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: Content-Length\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner},
		{"body of a GET", "GET /containers/json HTTP/1.1\r\nHost: docker\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner},
		{"body of a refused request", "POST /secrets/create HTTP/1.1\r\nHost: docker\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner},
		{"length that is one of the chunks", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)},
		{"chunks that a connection header hides", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner},
		{"chunks in HTTP/1.0", "POST /containers/create HTTP/1.0\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner},
		{"chunks with a tab", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + inner},
		{"chunk extensions", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"\r\n{}\r\n0;b\r\n\r\n" + inner},
		{"chunks with bare line feeds", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n" + inner},
		{"chunk of too great a length", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" + inner},
		{"trailers that frame", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n0\r\nA: b\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\n\r\n" + inner},
		{"body that waits to be asked for", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nExpect: 100-continue\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner},
		{"refused body that waits to be asked for", "POST /secrets/create HTTP/1.1\r\nHost: docker\r\nExpect: 100-continue\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner},
		{"body of a HEAD", "HEAD /_ping HTTP/1.1\r\nHost: docker\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner},
		{"refused upgrade", "POST /secrets/x/attach HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + inner},
		{"tunnel to a path", "CONNECT /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n" + inner},
		{"folded header", "GET /_ping HTTP/1.1\r\nHost: docker\r\nA: b\r\n GET /secrets HTTP/1.1\r\n\r\n" + inner},
		{"bad chunk", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + inner},
		{"upgrade of an ordinary request", "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + inner},
		{"line feed in the target", "GET /containers/%0d%0a%0d%0aGET%20/secrets%20HTTP/1.1%0d%0a/json HTTP/1.1\r\nHost: docker\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, socket := standIn(t)
			p := start(t, with(everything(), map[string]string{"SOCKET_PATH": socket, "SECRETS": "0"}))
			conn := p.dial()
			io.WriteString(conn, test.sent)
			conn.(*net.TCPConn).CloseWrite()
			reader := bufio.NewReader(conn)
			for {
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					break
				}
				io.Copy(io.Discard, response.Body)
			}
			p.get("/version") // on the connection to the engine that the others left behind
			for _, target := range targets(e) {
				if strings.Contains(target, " /secrets") {
					t.Errorf("the engine received %q", targets(e))
				}
			}
			if got := targets(e); got[len(got)-1] != "GET /version" {
				t.Errorf("the engine received %q, want GET /version last", got)
			}
		})
	}
}

// TestRefusalsArePrintable asserts that a path cannot forge lines or colours
// on the terminal of whoever reads the refusal, nor fill it.
func TestRefusalsArePrintable(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket})
	for target, want := range map[string]string{
		"/secrets/%1b%5b31m":                   `GET /secrets/\x1b[31m (SecretInspect) is not`,
		"/secrets/a%0apostern:%20b":            `GET /secrets/a\npostern: b (`,
		"/secrets/%e2%80%ae%c2%9b":             `GET /secrets/\u202e\u009b (`,
		"/secrets/%22%ff":                      `GET /secrets/"\xff (`,
		"/secrets/" + strings.Repeat("a", 999): "GET /secrets/" + strings.Repeat("a", 191) + "... (",
	} {
		var refusal struct{ Message string }
		if err := json.Unmarshal([]byte(p.get(target).body), &refusal); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(refusal.Message, "postern: "+want) {
			t.Errorf("GET %.40s: %q, want %q", target, refusal.Message, want)
		}
	}
}

// TestRefusedUploadEndsItsConnection asserts that a client which is refused in
// the middle of a body is told that the connection ends: what is left of the
// body must not be read as a request.
func TestRefusedUploadEndsItsConnection(t *testing.T) {
	t.Parallel()
	_, socket := standIn(t)
	p := start(t, map[string]string{"SOCKET_PATH": socket})
	for size, want := range map[int]bool{0: false, 1 << 20: true} {
		conn := p.dial()
		io.WriteString(conn, fmt.Sprintf("POST /images/load HTTP/1.1\r\nHost: docker\r\nContent-Length: %d\r\n\r\n", size))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != 403 || response.Close != want {
			t.Errorf("refusal of %d bytes: status %d, connection ends is %v, want 403, %v", size, response.StatusCode, response.Close, want)
		}
	}
}
