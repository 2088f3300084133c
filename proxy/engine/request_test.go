package engine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
)

// TestWriteHeader asserts the header as the engine receives it. No text of the client
// can add a line to it.
func TestWriteHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*http.Request)
		want string
	}{
		{"plain", func(r *http.Request) {}, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"target as it came", func(r *http.Request) { r.RequestURI = `/a%2fb/%7e"^?q=%zz;a&&` },
			"GET /a%2fb/%7e\"^?q=%zz;a&& HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"absolute form", func(r *http.Request) {
			r.RequestURI = "http://evil:1/a%20b?c=http://d/"
			r.URL, _ = url.ParseRequestURI(r.RequestURI)
		},
			"GET /a%20b?c=http://d/ HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"host", func(r *http.Request) { r.Host = "10.0.0.1:2375" }, "GET /x HTTP/1.1\r\nHost: 10.0.0.1:2375\r\n\r\n"},
		{"no host", func(r *http.Request) { r.Host = "" }, "GET /x HTTP/1.1\r\nHost: \r\n\r\n"},
		{"headers", func(r *http.Request) { r.Header = http.Header{"B": {"1", "2"}, "A": {"3"}, "User-Agent": {"u"}} },
			"GET /x HTTP/1.1\r\nHost: docker\r\nUser-Agent: u\r\nA: 3\r\nB: 1\r\nB: 2\r\n\r\n"},
		{"no agent", func(r *http.Request) { r.Header.Set("User-Agent", "") }, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"POST of nothing", func(r *http.Request) { r.Method = "POST" }, "POST /x HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"},
		{"injected value", func(r *http.Request) { r.Header.Set("A", "1\r\nB: 2") }, "GET /x HTTP/1.1\r\nHost: docker\r\nA: 1  B: 2\r\n\r\n"},
		{"injected name", func(r *http.Request) { r.Header["A: 1\r\nB"] = []string{"2"} }, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"injected agent", func(r *http.Request) { r.Header.Set("User-Agent", "u\r\nB: 2") }, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"forged framing", func(r *http.Request) {
			r.Header.Set("Content-Length", "9")
			r.Header.Set("Transfer-Encoding", "chunked")
			r.Header.Set("Host", "b")
		}, "GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"},
		{"injected target", func(r *http.Request) { r.RequestURI = "/x HTTP/1.1\r\nA:" }, ""},
		{"injected host", func(r *http.Request) { r.Host = "a\r\nb" }, ""},
		{"injected method", func(r *http.Request) { r.Method = "GET /y" }, ""},
		{"absolute form with another path than the decision's", func(r *http.Request) { r.RequestURI = "http://h/y" }, ""},
		{"no path", func(r *http.Request) { r.RequestURI = "*" }, ""},
		{"no path behind a host", func(r *http.Request) { r.RequestURI = "http://a?/b" }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			req := request(t, "GET", "/x", "")
			test.edit(req)
			var got bytes.Buffer
			w := bufio.NewWriter(&got)
			if err := WriteHeader(w, req, false); (err != nil) != (test.want == "") {
				t.Errorf("error: %v", err)
			}
			w.Flush()
			if got.String() != test.want {
				t.Errorf("got  %q\nwant %q", got.String(), test.want)
			}
		})
	}
}

func TestRequestBodiesArriveWhole(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 100_000)
	for _, body := range []string{"x", large} {
		for _, length := range []int64{int64(len(body)), -1} {
			t.Run(fmt.Sprint(len(body), length), func(t *testing.T) {
				t.Parallel()
				got := make(chan string, 1)
				transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
					req, err := http.ReadRequest(r)
					if err != nil {
						t.Error(err)
						return
					}
					all, err := io.ReadAll(req.Body)
					got <- fmt.Sprint(req.ContentLength, req.TransferEncoding, req.Trailer, string(all) == body, err)
					io.WriteString(c, ok)
				})
				req := request(t, "POST", "/x", body)
				req.ContentLength = length
				want := fmt.Sprint(length, []string{}, http.Header(nil), true, nil)
				if length == -1 {
					req.Trailer = http.Header{"Sum": {"1"}}
					want = fmt.Sprint(length, []string{"chunked"}, req.Trailer, true, nil)
				}
				if got, want := outcome(transport.RoundTrip(req)), `200 "ok"`; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if got := <-got; got != want {
					t.Errorf("the engine got %s, want %s", got, want)
				}
			})
		}
	}
}

// TestBrokenBodyDoesNotLookComplete asserts that the engine can tell that a client
// broke its body off.
func TestBrokenBodyDoesNotLookComplete(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{100, -1} {
		completed := make(chan bool, 1)
		transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
			_, complete := readRequest(r)
			completed <- complete
		})
		req := request(t, "POST", "/x", "")
		req.ContentLength = length
		req.Body = io.NopCloser(io.MultiReader(strings.NewReader("part"), errorReader{}))
		if got, want := outcome(transport.RoundTrip(req)), "error: unexpected EOF"; got != want {
			t.Errorf("length %d: got %s, want %s", length, got, want)
		}
		if <-completed {
			t.Errorf("length %d: part of a body looks complete to the engine", length)
		}
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestResponseBeforeTheEndOfTheBody asserts that a response is returned although the
// request's body never ends.
func TestResponseBeforeTheEndOfTheBody(t *testing.T) {
	t.Parallel()
	transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
		waitEOF(c)
	})
	body, client := io.Pipe()
	req := request(t, "PUT", "/x", "")
	req.Body, req.ContentLength = body, 1<<30
	go client.Write([]byte("some"))
	if got, want := outcome(transport.RoundTrip(req)), `404 "no"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	transport.mu.Lock()
	if len(transport.idle) != 0 {
		t.Error("a connection with half a request on it became idle")
	}
	transport.mu.Unlock()
	client.CloseWithError(errors.New("gone"))
}

// TestBodyWaitsForContinue asserts that a body with Expect: 100-continue is sent only
// when the engine has requested it.
func TestBodyWaitsForContinue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		first string // the engine's response to the header
		sent  bool   // the body follows
		want  string
	}{
		{"continue", "HTTP/1.1 100 Continue\r\n\r\n", true, `200 "ok"`},
		{"refusal", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", false, `403 "no"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			transport, _ := play(t, func(t *testing.T, c *net.UnixConn, r *bufio.Reader) {
				req, err := http.ReadRequest(r)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(c, test.first)
				if !test.sent {
					if n, _ := io.Copy(io.Discard, r); n > 0 {
						t.Errorf("%d bytes of a body came without a 100", n)
					}
					return
				}
				if body, err := io.ReadAll(req.Body); string(body) != "body" || err != nil {
					t.Errorf("body %q, %v, want \"body\"", body, err)
				}
				io.WriteString(c, ok)
			})
			var informed []int
			req := request(t, "POST", "/x", "body")
			req.Header.Set("Expect", "100-continue")
			req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
					informed = append(informed, code)
					return nil
				},
			}))
			if got := outcome(transport.RoundTrip(req)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if passed := len(informed) == 1; passed != test.sent {
				t.Errorf("informational responses passed on: %v, want 100 if the engine sent it, and no other", informed)
			}
		})
	}
}
