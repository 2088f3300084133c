//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The engine's headers, in its own answers.
const engineHeaders = "Api-Version: 1.51\r\nDocker-Experimental: false\r\nOstype: linux\r\n" +
	"Server: Docker/28.3.3 (linux)\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"

var (
	pingAnswer = []byte("HTTP/1.1 200 OK\r\n" + engineHeaders + "Cache-Control: no-cache, no-store, must-revalidate\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nPragma: no-cache\r\nContent-Length: 2\r\n\r\nOK")
	loadAnswer     = []byte("HTTP/1.1 200 OK\r\n" + engineHeaders + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	notFoundAnswer = []byte("HTTP/1.1 404 Not Found\r\n" + engineHeaders + "Content-Length: 0\r\n\r\n")
	streamHead     = []byte("HTTP/1.1 200 OK\r\n" + engineHeaders + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	attachAnswer   = []byte("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
)

// chunkSize is that of the pieces of a stream as the engine and the docker command send them.
const chunkSize = 32 << 10

var (
	// bulk is four chunks: as much as is written at once.
	bulk = bytes.Repeat([]byte(fmt.Sprintf("%x\r\n%s\r\n", chunkSize, strings.Repeat("x", chunkSize))), 4)
	// lastChunk ends a stream.
	lastChunk = []byte("0\r\n\r\n")
)

const bulkBytes = 4 * chunkSize // of payload in bulk

// listAnswer is /containers/json with 22 KB of containers, in one chunk, as the
// engine sends it.
func listAnswer() []byte {
	type container struct {
		ID, Image, ImageID, Command, State, Status string
		Names                                      []string
		Created                                    int64
		Labels                                     map[string]string
	}
	var all []container
	var list []byte
	for n := 0; len(list) < 22<<10; n++ {
		all = append(all, container{
			ID: fmt.Sprintf("%064x", n), Image: "registry.example.org/team/service:1.2.3", ImageID: fmt.Sprintf("sha256:%064x", n),
			Command: "/usr/bin/service --config /etc/service.yaml", State: "running", Status: "Up 3 days",
			Names: []string{fmt.Sprintf("/stack_service_%d", n)}, Created: 1_760_000_000,
			Labels: map[string]string{"com.docker.compose.project": "stack", "com.docker.compose.service": fmt.Sprint("service", n)},
		})
		list, _ = json.Marshal(all)
	}
	return fmt.Appendf(nil, "%s%x\r\n%s\r\n0\r\n\r\n", streamHead, len(list), list)
}

// engine is a stand-in for the Docker Engine that costs little: its answers are
// ready-made, and one thread serves all connections.
type engine struct {
	*loop
	list   []byte
	buffer [256 << 10]byte
}

// serveEngine answers on a unix socket until the process is killed.
func serveEngine(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	l, err := newLoop()
	if err != nil {
		return err
	}
	e := &engine{loop: l, list: listAnswer()}
	fd, err := detach(listener)
	if err != nil {
		return err
	}
	accepting := &conn{fd: fd}
	accepting.ready = func() error { return e.accept(accepting.fd) }
	if err := e.add(accepting); err != nil {
		return err
	}
	for {
		// An error is one client's, which has gone.
		e.wait(-1)
	}
}

func (e *engine) accept(listener int) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return nil // nobody is left to accept
		}
		s := &served{conn: conn{fd: fd}, engine: e}
		s.ready = s.serve
		if err := e.add(&s.conn); err != nil {
			return err
		}
	}
}

// served is one connection to the engine.
type served struct {
	conn
	engine  *engine
	request message
	out     []byte // what is left to write of what is being written
	bulk    int64  // bytes of a stream to send behind it
	// answered is set when a request has been answered whole, raw when the
	// connection has been taken over.
	answered, raw bool
}

func (s *served) serve() error {
	for {
		if err := s.send(); err != nil {
			return err
		}
		buffer := s.engine.buffer[:]
		n, drained, err := s.read(buffer)
		if err != nil {
			return err
		}
		if n == 0 && !drained {
			return net.ErrClosed
		}
		for b := buffer[:n]; len(b) > 0 && !s.raw; {
			rest, whole, err := s.request.feed(b)
			if err != nil {
				return err
			}
			if whole {
				s.answer()
			}
			b = rest
		}
		if err := s.send(); err != nil || drained {
			return err
		}
	}
}

func (s *served) answer() {
	s.answered = true
	_, target, _ := bytes.Cut(s.request.first, []byte(" "))
	target, _, _ = bytes.Cut(target, []byte(" "))
	path, query, _ := bytes.Cut(target, []byte("?"))
	is := func(route string) bool { return bytes.HasSuffix(path, []byte(route)) }
	switch {
	case is("/_ping"):
		s.queue(pingAnswer)
	case is("/containers/json"):
		s.queue(s.engine.list)
	case is("/events"):
		s.queue(streamHead)
		s.answered = false // there is no end to it
	case is("/attach"):
		s.queue(attachAnswer)
		s.raw, s.answered = true, false
	case is("/images/get"):
		s.queue(streamHead)
		s.bulk, _ = strconv.ParseInt(string(bytes.TrimPrefix(query, []byte("names="))), 10, 64)
	case is("/images/load"):
		s.queue(loadAnswer)
	default:
		s.queue(notFoundAnswer)
	}
}

// queue appends to what is to be written. Answers are shared, so that nothing
// may be appended to them in place.
func (s *served) queue(answer []byte) {
	if len(s.out) == 0 {
		s.out = answer
		return
	}
	s.out = append(slices.Clip(s.out), answer...)
}

// send writes what there is room for.
func (s *served) send() error {
	for len(s.out) > 0 {
		rest, err := s.write(s.out)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			s.out = rest
			return nil
		}
		s.out = more(&s.bulk)
	}
	if s.answered && s.request.last {
		return net.ErrClosed
	}
	return nil
}

// more is the next piece of a stream of which left bytes are to be sent.
func more(left *int64) []byte {
	if *left <= 0 {
		return nil
	}
	if *left -= bulkBytes; *left <= 0 {
		return append(bytes.Clone(bulk), lastChunk...)
	}
	return bulk
}
