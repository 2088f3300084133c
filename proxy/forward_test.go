package proxy

import (
	"bufio"
	"io"
	"net"
	"testing"
)

// BenchmarkForward sends a short request and receives its response, through a
// client's and an engine's connection that are kept. Both sides are here, too,
// and allocate nothing.
func BenchmarkForward(b *testing.B) {
	const request = "GET /_ping HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/28.2.2 (linux)\r\n\r\n"
	const response = "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Date: Thu, 26 Nov 2026 08:12:01 GMT\r\nServer: Docker/28.2.2 (linux)\r\nContent-Length: 2\r\n\r\nOK"
	s := play(b, func(c *net.UnixConn, r *bufio.Reader) {
		buffer := make([]byte, 4096)
		for {
			if _, err := r.Read(buffer); err != nil {
				return
			}
			io.WriteString(c, response)
		}
	})
	c := s.dial("tcp")
	buffer := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		io.WriteString(c, request)
		if _, err := c.Read(buffer); err != nil {
			b.Fatal(err)
		}
	}
}
