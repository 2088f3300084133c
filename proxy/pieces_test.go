package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestCompleteChunksAreForwardedAtOnce has the engine stop between any two bytes
// of a response: the chunks that are complete by then must reach the client before
// the engine goes on. It does not stop within a chunk: net/http waits for its end.
func TestCompleteChunksAreForwardedAtOnce(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	pieces := []string{"hello", "0123456789abcdef", strings.Repeat("x", 3000), "end"}
	whole, body := head, ""
	complete := map[int]string{len(head): ""} // the body up to each stop
	for _, piece := range append(pieces, "") {
		line := fmt.Sprintf("%x\r\n", len(piece))
		for i := range line {
			complete[len(whole)+i] = body
		}
		whole += line + piece
		body += piece
		if piece != "" {
			complete[len(whole)], complete[len(whole)+1] = body, body
		}
		whole += "\r\n"
	}
	complete[len(whole)] = body
	assertForwardedAtOnce(t, whole, body, complete)
}

// TestPartsOfABodyAreForwardedAtOnce is the same for a body with a length, of which each
// byte may be the last before the engine stops, or none at all.
func TestPartsOfABodyAreForwardedAtOnce(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 300)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
	complete := map[int]string{}
	for i := range len(body) + 1 {
		complete[len(head)+i] = body[:i]
	}
	assertForwardedAtOnce(t, head+body, body, complete)
}

// assertForwardedAtOnce has the engine send a whole response with one stop in it. It
// asserts that the client has what is complete by then before the engine goes on.
// complete is the body up to each stop.
func assertForwardedAtOnce(t *testing.T, whole, body string, complete map[int]string) {
	t.Helper()
	resume := make(chan struct{})
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			stop, _ := strconv.Atoi(req.URL.Query().Get("until"))
			io.WriteString(c, whole[:stop])
			<-resume
			io.WriteString(c, whole[stop:])
		}
	})
	client := s.dial("tcp")
	r := bufio.NewReader(client)
	for stop, early := range complete {
		s.send(client, fmt.Sprintf("GET /events?until=%d HTTP/1.1\r\nHost: x\r\n\r\n", stop))
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
		s.receive(res.Body, early)
		resume <- struct{}{}
		s.receive(res.Body, body[len(early):])
		s.receiveEnd(res.Body)
	}
}

// TestBodiesArriveWhole sends bodies of many lengths there and back on one
// connection, in chunks of random lengths or with a length.
func TestBodiesArriveWhole(t *testing.T) {
	t.Parallel()
	const seed = 5
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		random := rand.New(rand.NewPCG(seed, 1))
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+string(framed(random, body)))
		}
	})
	random := rand.New(rand.NewPCG(seed, 2))
	client := s.dial("tcp")
	r := bufio.NewReader(client)
	for _, size := range []int{0, 1, 100, 1023, 1024, 1025, 4095, 4096, 4097, 20_000, 24_576, 24_577, 65_536, 131_072, 131_073, 400_000, 1_000_000} {
		for range 8 {
			body := make([]byte, size)
			for i := range body {
				body[i] = byte(random.UintN(256))
			}
			request := append([]byte("POST /images/load HTTP/1.1\r\nHost: x\r\n"), framed(random, body)...)
			sent := make(chan error, 1)
			go func() {
				_, err := client.Write(request)
				sent <- err
			}()
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			got, err := io.ReadAll(res.Body)
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%d bytes: got %d, %v, want the same bytes", size, len(got), err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
	}
}

// framed returns a body with the rest of the header, with a length or in chunks.
func framed(random *rand.Rand, body []byte) []byte {
	if random.IntN(2) == 0 {
		return fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	b := []byte("Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := min(len(body), 1+random.IntN([]int{3, 500, 40_000, 300_000}[random.IntN(4)]))
		if n < 4 && len(body) > 10_000 {
			continue // else there would be 100,000 chunks
		}
		b = fmt.Appendf(b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return append(b, "0\r\n\r\n"...)
}
