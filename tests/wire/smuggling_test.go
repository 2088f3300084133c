package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestNothingIsSmuggled asserts that postern and the engine agree where a
// request ends: what follows is decided on as the next one.
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
		{"CONNECT with a path", "CONNECT /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n" + inner},
		{"folded header", "GET /_ping HTTP/1.1\r\nHost: docker\r\nA: b\r\n GET /secrets HTTP/1.1\r\n\r\n" + inner},
		{"bad chunk", "POST /containers/create HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + inner},
		{"upgrade of an ordinary request", "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + inner},
		{"line feed in the target", "GET /containers/%0d%0a%0d%0aGET%20/secrets%20HTTP/1.1%0d%0a/json HTTP/1.1\r\nHost: docker\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, socket := harness.StandIn(t)
			p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "SECRETS": "0"}))
			conn := p.Dial()
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
			p.Get("/version") // on the connection to the engine that the others left behind
			for _, target := range harness.Targets(e) {
				if strings.Contains(target, " /secrets") {
					t.Errorf("the engine received %q", harness.Targets(e))
				}
			}
			if got := harness.Targets(e); got[len(got)-1] != "GET /version" {
				t.Errorf("the engine received %q, want GET /version last", got)
			}
		})
	}
}
