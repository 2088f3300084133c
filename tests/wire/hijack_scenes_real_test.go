//go:build real

package wire

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
)

// scene is an exchange with a command in a container over a hijacked connection.
// It notes all that the client can notice.
type scene struct {
	name    string
	command string
	play    func(t *testing.T, s *stream)
	// terminals are the values of Tty for which the scene makes sense.
	terminals []bool
}

var (
	either  = []bool{false, true}
	without = []bool{false} // a terminal has one end for input and output
	only    = []bool{true}
)

const bothWays = "much both ways at once"

var scenes = []scene{
	{"echo until the end of input", "cat", func(t *testing.T, s *stream) {
		io.WriteString(s, "hello\n")
		if s.tty {
			io.WriteString(s, "\x04")
		} else {
			s.CloseWrite()
		}
		s.readAll(t)
	}, either},
	{"no input at all", "cat; echo over", func(t *testing.T, s *stream) {
		s.CloseWrite()
		s.readAll(t)
	}, without}, // with a terminal the engine itself may drop what comes after the end of input
	{"end of output first", "echo out; exec >&- 2>&-; cat >/tmp/in", func(t *testing.T, s *stream) {
		got := make([]byte, len("out\n"))
		_, err := io.ReadFull(s.payload(t), got)
		io.WriteString(s, "input after the end of output\n")
		s.CloseWrite()
		fmt.Fprintf(&s.seen, "%q %v", got, err)
	}, without},
	{"much up", "stty raw -echo 2>/dev/null; echo ready; head -c $SIZE | md5sum", func(t *testing.T, s *stream) {
		payload := s.payload(t)
		ready := make([]byte, len("ready\n"))
		_, err := io.ReadFull(payload, ready)
		go s.Write(bytes.Repeat([]byte("0123456789abcdef"), s.size()/16))
		sum := make([]byte, 32)
		_, err2 := io.ReadFull(payload, sum)
		fmt.Fprintf(&s.seen, "%q %v %q %v", ready, err, sum, err2)
	}, either},
	{"much down", "yes 0123456789abcdef | head -c $SIZE", func(t *testing.T, s *stream) { s.readAll(t) }, either},
	{bothWays, "stty raw -echo 2>/dev/null; echo ready; head -c $SIZE | tr a-z A-Z", func(t *testing.T, s *stream) {
		payload := s.payload(t)
		io.ReadFull(payload, make([]byte, len("ready\n")))
		go s.Write(bytes.Repeat([]byte("abcdefgh"), s.size()/8))
		sum := crc32.NewIEEE()
		n, err := io.CopyN(sum, payload, int64(s.size()))
		fmt.Fprintf(&s.seen, "%d %08x %v", n, sum.Sum32(), err)
	}, either},
	{"resize", "read a; stty size; read b; stty size", func(t *testing.T, s *stream) {
		for _, size := range []string{"h=30&w=100", "h=40&w=120"} {
			s.w.Call(t, "POST", s.path+"/resize?"+size, "")
			io.WriteString(s, "\n")
			got := make([]byte, len("\r\n30 100\r\n"))
			_, err := io.ReadFull(s, got)
			fmt.Fprintf(&s.seen, "%q %v ", got, err)
		}
	}, only},
	{"failure", "echo no >&2; exit 3", func(t *testing.T, s *stream) { s.readAll(t) }, either},
}
