//go:build real

package privilege

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
)

func init() { jobs["resolve"] = resolveJob }

// TestConfinedResolves asserts that a confined process can ask a name server by
// UDP and, where the response is too long for that, by TCP. Only root can listen
// on the port of name servers, and Landlock lets the process connect to no other.
func TestConfinedResolves(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		const why = "only root can listen on port 53: run the tests as root"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	serveNames(t)
	got := runJob(t, "resolve", "")
	for _, protocol := range []string{"UDP", "TCP"} {
		if got[protocol] != "ok" {
			t.Errorf("resolving a name by %s: %s, want ok", protocol, got[protocol])
		}
	}
}

func resolveJob(string) map[string]string {
	if _, err := Confine(Paths{}); err != nil {
		panic(err)
	}
	found := map[string]string{}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, nameServer)
	}}
	for _, protocol := range []string{"UDP", "TCP"} {
		addresses, err := resolver.LookupHost(context.Background(), strings.ToLower(protocol)+".test.")
		if err == nil && !slices.Equal(addresses, []string{"192.0.2.1"}) {
			err = fmt.Errorf("the addresses are %v", addresses)
		}
		found[protocol] = outcome(err)
	}
	return found
}

// nameServer is a loopback address that no other program uses.
const nameServer = "127.53.53.53:53"

// serveNames starts a name server for the confined process. Its UDP responses for
// tcp.test. are truncated, as if they were too long, so that the resolver tries TCP.
func serveNames(t *testing.T) {
	t.Helper()
	udp, err := net.ListenPacket("udp", nameServer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	tcp, err := net.Listen("tcp", nameServer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := udp.ReadFrom(query)
			if err != nil {
				return
			}
			udp.WriteTo(answerName(query[:n], bytes.Contains(query[:n], []byte("\x03tcp\x04test\x00"))), from)
		}
	}()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var length [2]byte
				if _, err := io.ReadFull(c, length[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(length[:]))
				if _, err := io.ReadFull(c, query); err != nil {
					return
				}
				answer := answerName(query, false)
				c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}()
		}
	}()
}

// answerName returns the response to a query, RFC 1035, section 4: 192.0.2.1 for
// type A.
func answerName(query []byte, truncated bool) []byte {
	const head, tail = 12, 4 // before a name, and its type and class behind it
	end := head + bytes.IndexByte(query[head:], 0) + 1 + tail
	answer := slices.Clone(query[:end])
	copy(answer[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // a response to one question
	switch {
	case truncated:
		answer[2] |= 0x02
	case answer[end-3] == 1: // type A
		answer[7] = 1
		answer = append(answer, 0xc0, head, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1)
	}
	return answer
}
