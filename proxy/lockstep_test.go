package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestNoByteIsHeldBack has an engine that sends more only when the client has all that
// was sent: in chunks of any size, several at a time, in any number of writes, and
// without a framing.
func TestNoByteIsHeldBack(t *testing.T) {
	t.Parallel()
	var sizes []int
	for _, around := range []int{1, 512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 129 << 10, 256 << 10} {
		for off := -14; off <= 14; off++ {
			if around+off > 0 {
				sizes = append(sizes, around+off)
			}
		}
	}
	for _, chunked := range []bool{true, false} {
		for _, network := range networks {
			t.Run(fmt.Sprintf("%s chunked %v", network, chunked), func(t *testing.T) {
				t.Parallel()
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				lockstep(t, network, chunked, randomBursts(chunked, sizes, rand.New(rand.NewPCG(seed, 0))))
			})
		}
	}
}

// burst is sent without waiting for the client, in one or more writes.
type burst struct {
	body   int // length of the body in it
	writes [][]byte
}

// randomBursts returns bursts that begin with a chunk of each size, three times, in a
// random order.
func randomBursts(chunked bool, sizes []int, random *rand.Rand) []burst {
	var bursts []burst
	for range 3 {
		for _, i := range random.Perm(len(sizes)) {
			var raw bytes.Buffer
			total := 0
			for range 1 + random.IntN(3) {
				size := sizes[i]
				if total > 0 {
					size = 1 + random.IntN(3000)
				}
				total += size
				if chunked {
					fmt.Fprintf(&raw, "%x\r\n%s\r\n", size, bytes.Repeat([]byte{'x'}, size))
				} else {
					raw.Write(bytes.Repeat([]byte{'x'}, size))
				}
			}
			s := burst{body: total}
			rest := raw.Bytes()
			for range random.IntN(3) {
				cut := random.IntN(min(len(rest), 40) + 1)
				if random.IntN(2) == 0 {
					cut = len(rest) - cut
				}
				s.writes, rest = append(s.writes, rest[:cut]), rest[cut:]
			}
			s.writes = append(s.writes, rest)
			bursts = append(bursts, s)
		}
	}
	return bursts
}

// lockstep sends each burst when the client has all of the one before.
func lockstep(t *testing.T, network string, chunked bool, bursts []burst) {
	next := make(chan burst)
	s := play(t, func(c *net.UnixConn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		c.SetDeadline(time.Time{})
		head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		if chunked {
			head += "Transfer-Encoding: chunked\r\n"
		}
		io.WriteString(c, head+"\r\n")
		for b := range next {
			for _, piece := range b.writes {
				c.Write(piece)
			}
		}
		if chunked {
			io.WriteString(c, "0\r\n\r\n")
		}
	})
	c := s.dial(network)
	s.send(c, "GET /containers/web/logs HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range bursts {
		c.SetDeadline(time.Now().Add(patience))
		next <- b
		if n, err := io.ReadFull(res.Body, make([]byte, b.body)); err != nil {
			close(next)
			t.Fatalf("burst %d: %d of %d bytes, which came in %d writes: %v", i, n, b.body, len(b.writes), err)
		}
	}
	close(next)
	if n, err := io.Copy(io.Discard, res.Body); n != 0 || err != nil {
		t.Errorf("then %d bytes and %v, want the end", n, err)
	}
}
