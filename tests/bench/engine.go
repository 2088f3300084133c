//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"sync/atomic"
)

// list is 22 KB of containers in one chunk, as the engine sends them.
var list = fmt.Sprintf("%x\r\n[%s{}]\r\n0\r\n\r\n", 60*len(container)+4, strings.Repeat(container, 60))

const container = `{"Id":"4f1d1c0b7d6e5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b1a0f","Names":["/stack_service_1"],` +
	`"Image":"registry.example.org/team/service:1.2.3","ImageID":"sha256:9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b1a0f4f1d1c0b7d6e5a4f3e2d1c0b",` +
	`"Command":"/usr/bin/service","Created":1760000000,"State":"running","Status":"Up 3 days","Labels":{"com.docker.compose.project":"stack"}},`

// responses are the stand-in's, by the last element of the path.
var responses = map[string][]byte{
	"_ping": response("200 OK", "Cache-Control: no-cache, no-store, must-revalidate\r\nPragma: no-cache\r\nContent-Length: 2", "OK"),
	"version": response("200 OK", "Content-Type: application/json\r\nContent-Length: 151",
		`{"Platform":{"Name":"Docker Engine - Community"},"Version":"28.3.3","ApiVersion":"1.51","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64","Go":"1.24"}`),
	"json":   response("200 OK", chunked, list), // of containers
	"events": response("200 OK", chunked, ""),
	"attach": response("101 UPGRADED", "Content-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp", ""),
	"get":    response("200 OK", chunked, ""), // an image
	"load":   response("200 OK", "Content-Length: 2", "{}"),
}

const chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked"

func response(status, fields, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nApi-Version: 1.51\r\nDocker-Experimental: false\r\nOstype: linux\r\n"+
		"Server: Docker/28.3.3 (linux)\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n%s\r\n\r\n%s", status, fields, body)
}

// engine is a stand-in for the Docker Engine. Its responses are ready-made, so
// that it takes little of the processor time for which the proxies compete;
// the stand-in of the tests records each request.
type engine struct {
	megabytes int          // length of an image
	silent    atomic.Int64 // number of /events and attached streams that are open
}

// start serves until the process ends.
func (e *engine) start(socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		for {
			if c, err := l.Accept(); err == nil {
				go e.serve(c)
			}
		}
	}()
	return os.Chmod(socket, 0o666)
}

func (e *engine) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if r.Body != http.NoBody {
			discard(r.Body)
		}
		last := path.Base(r.URL.Path)
		c.Write(responses[last])
		switch last {
		case "events", "attach":
			e.silent.Add(1)
			discard(in)
			e.silent.Add(-1)
			return
		case "get":
			chunk := bytes.Repeat(fmt.Appendf(nil, "8000\r\n%s\r\n", make([]byte, 32<<10)), 4)
			for range e.megabytes * 8 {
				c.Write(chunk)
			}
			io.WriteString(c, "0\r\n\r\n")
		}
		if r.Close || responses[last] == nil {
			return
		}
	}
}

// discard reads to the end, in pieces of 32 KiB. io.Discard would read 8.
func discard(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 32<<10))
}
