package downstream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what takes milliseconds when it works.
const patience = 20 * time.Second

// tell answers with what it understood of a request.
func tell(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
	}
	text := fmt.Sprintf("%s %s %s %s %q %d %v %v %q", r.Method, r.RequestURI, r.Proto, r.Host, r.Header, r.ContentLength, r.TransferEncoding, r.Trailer, body)
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// refuse answers what is no request.
func refuse(w *Response, status int, reason string) {
	w.Header().Set("Content-Length", fmt.Sprint(len(reason)))
	w.WriteHeader(status)
	io.WriteString(w, reason)
}

// pair is net/http's server and this one, with the same handler.
func pair(t testing.TB) (theirs, ours string) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listen := func(name string) net.Listener {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	silent := log.New(io.Discard, "", 0)
	a, b := listen("a"), listen("b")
	go (&http.Server{Handler: http.HandlerFunc(tell), ErrorLog: silent, DisableGeneralOptionsHandler: true}).Serve(a)
	go start(t, b, func(w *Response, r *http.Request) { tell(w, r) })
	return a.Addr().String(), b.Addr().String()
}

func start(t testing.TB, l net.Listener, handler func(*Response, *http.Request)) *Server {
	s := &Server{
		Handler: handler, Refuse: refuse,
		HeadTimeout: patience, IdleTimeout: patience, MaxHead: 1 << 20,
		Log: log.New(io.Discard, "", 0),
	}
	go s.Serve(l, func(net.Conn) context.Context { return context.Background() })
	return s
}

// ask sends bytes and tells what came back: the status of each answer, and the
// body of one that a handler made.
func ask(t testing.TB, path string, raw []byte) string {
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	c.Write(raw) // whoever has refused it may not read it to the end
	c.(*net.UnixConn).CloseWrite()
	var all strings.Builder
	r := bufio.NewReader(c)
	for {
		method := http.MethodGet
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			break
		}
		body, err := io.ReadAll(res.Body)
		if res.Header.Get("Content-Type") != "text/plain" {
			body = nil
		}
		fmt.Fprintf(&all, "%d %s %v\n", res.StatusCode, body, err)
	}
	return all.String()
}

// same compares what came back. A host in the target of the request is held to
// what net/http holds one in the Host line to, and a Host line beside it is not
// looked at.
func same(raw, got, want string) bool {
	if got != want && (strings.Contains(raw, "CONNECT ") || strings.Contains(raw, "://")) {
		const refused = "400  <nil>\n"
		shorter, longer := strings.TrimSuffix(got, refused), strings.TrimSuffix(want, refused)
		return strings.HasPrefix(shorter, longer) || strings.HasPrefix(longer, shorter)
	}
	return got == want
}

// forms are requests of every kind, right and wrong.
var forms = []string{
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.1\nHost: x\n\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"GET / HTTP/1.1\r\nhOST: y\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: \xe4\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	"GET http://y/z HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET http://y/z HTTP/1.1\r\n\r\n",
	"GET http://y y/z HTTP/1.1\r\nHost: x\r\n\r\n",
	"CONNECT x:80 HTTP/1.1\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
	"GET / HTTP/0.9\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"GET /\r\n\r\n",
	"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
	"G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET %zz HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\nab",
	"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
	"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nÄ: b\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n3;a=b\r\nabc\r\n0\r\nSum: 6\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 3\r\n\r\nabc",
	"HEAD / HTTP/1.0\r\n\r\n",
	"\r\n", "GET", "GET / HTTP/1.1\r\nHost: x\r\nA", "\x16\x03\x01\x02\x00\x01\x00",
}

// TestSameAsNetHTTP sends the same bytes to net/http's server and to this one,
// and asserts that both understand the same requests.
func TestSameAsNetHTTP(t *testing.T) {
	theirs, ours := pair(t)
	for _, raw := range forms {
		if want, got := ask(t, theirs, []byte(raw)), ask(t, ours, []byte(raw)); !same(raw, got, want) {
			t.Errorf("%q:\ngot  %s\nwant %s", raw, got, want)
		}
	}
}

// FuzzSameAsNetHTTP is the same with bytes that nobody thought of.
func FuzzSameAsNetHTTP(f *testing.F) {
	for _, raw := range forms {
		f.Add([]byte(raw))
	}
	theirs, ours := pair(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 4000 {
			return
		}
		if want, got := ask(t, theirs, raw), ask(t, ours, raw); !same(string(raw), got, want) {
			t.Errorf("%q:\ngot  %s\nwant %s", raw, got, want)
		}
	})
}
