//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// message reads HTTP/1.1 messages as they come in pieces, and drops their
// bodies. It understands what the programs of a benchmark send, no more.
type message struct {
	// first is the first line of the message that came last.
	first []byte
	// body is the length of its body so far.
	body int64

	head    []byte // kept when it came in pieces
	state   state
	left    int64 // of the body or of the chunk
	line    []byte
	chunked bool
	last    bool // the connection is to be closed behind it
}

type state int

const (
	inHead  state = iota
	inBody        // left bytes remain
	inSize        // of a chunk
	inChunk       // left bytes remain, line break included
	inEnd         // after the last chunk: lines up to an empty one
)

var crlf2 = []byte("\r\n\r\n")

// feed takes what was read and reports whether a message is whole; rest is
// what came behind it.
func (m *message) feed(b []byte) (rest []byte, whole bool, err error) {
	for {
		switch m.state {
		case inHead:
			if len(b) == 0 {
				return nil, false, nil
			}
			end := bytes.Index(b, crlf2)
			if len(m.head) > 0 || end < 0 {
				before := len(m.head)
				m.head = append(m.head, b...)
				if end = bytes.Index(m.head, crlf2); end < 0 {
					return nil, false, nil
				}
				err = m.begin(m.head[:end+2])
				m.head = m.head[:0]
				end -= before
			} else {
				err = m.begin(b[:end+2])
			}
			b = b[end+len(crlf2):]
			if err != nil {
				return nil, false, err
			}
			if m.state == inHead {
				return b, true, nil
			}
		case inBody:
			n := min(m.left, int64(len(b)))
			m.left -= n
			m.body += n
			b = b[n:]
			if m.left > 0 {
				return nil, false, nil
			}
			m.state = inHead
			return b, true, nil
		case inChunk:
			n := min(m.left, int64(len(b)))
			m.left -= n
			b = b[n:]
			if m.left > 0 {
				return nil, false, nil
			}
			m.state = inSize
		case inSize, inEnd:
			end := bytes.IndexByte(b, '\n')
			if end < 0 {
				m.line = append(m.line, b...)
				return nil, false, nil
			}
			line := bytes.TrimRight(append(m.line, b[:end]...), "\r")
			m.line, b = m.line[:0], b[end+1:]
			if m.state == inEnd {
				if len(line) == 0 {
					m.state = inHead
					return b, true, nil
				}
				continue
			}
			size, err := strconv.ParseInt(string(line), 16, 64)
			if err != nil {
				return nil, false, fmt.Errorf("bad chunk size %q", line)
			}
			m.body += size
			m.left, m.state = size+2, inChunk
			if size == 0 {
				m.state = inEnd
			}
		}
	}
}

// begin looks at the head of a message. A message whose state is inHead then
// has no body.
func (m *message) begin(head []byte) error {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	m.first = append(m.first[:0], line...)
	m.body, m.left, m.chunked = 0, 0, false
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				return fmt.Errorf("bad length %q", value)
			}
			m.left = n
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			m.chunked = true
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			m.last = true
		}
	}
	switch {
	case m.chunked:
		m.state = inSize
	case m.left > 0:
		m.state = inBody
	}
	return nil
}

// status is an answer's, and whether the head of one has come.
func (m *message) status() int {
	var status int
	if len(m.first) > len("HTTP/1.1 ") {
		status, _ = strconv.Atoi(string(bytes.Fields(m.first)[1]))
	}
	return status
}
