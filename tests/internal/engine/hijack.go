package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Streams of a multiplexed connection.
const (
	stdout = 1
	stderr = 2
)

// frames writes to one stream of a multiplexed connection: each write is sent
// as a frame of stream, three zero bytes, length in big endian, and payload. A
// terminal has a single stream and no frames.
type frames struct {
	io.Writer
	stream byte
	tty    bool
}

func (f frames) Write(p []byte) (int, error) {
	if f.tty {
		return f.Writer.Write(p)
	}
	frame := make([]byte, 8, 8+len(p))
	frame[0] = f.stream
	binary.BigEndian.PutUint32(frame[4:], uint32(len(p)))
	if _, err := f.Writer.Write(append(frame, p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Demultiplex reads frames until src ends and writes their payloads to out
// and, for stderr, errOut. An end between two frames is not an error.
func Demultiplex(out, errOut io.Writer, src io.Reader) error {
	var header [8]byte
	for {
		if _, err := io.ReadFull(src, header[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("header of a frame: %w", err)
		}
		to := map[byte]io.Writer{stdout: out, stderr: errOut}[header[0]]
		if to == nil || [3]byte(header[1:4]) != [3]byte{} {
			return fmt.Errorf("header of a frame %x: want stream 1 or 2 and three zero bytes", header)
		}
		if _, err := io.CopyN(to, src, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return fmt.Errorf("payload of a frame: %w", err)
		}
	}
}

// contentType is that of API 1.42 and newer; older ones say raw-stream for both.
func contentType(tty bool) string {
	if tty {
		return "application/vnd.docker.raw-stream"
	}
	return "application/vnd.docker.multiplexed-stream"
}

// hijack hijacks the connection: with 101 if the client sent Upgrade, whatever its
// value is, else with a 200 that has no length and never ends. The
// reader has what the client sent early, which the engine may lose.
func hijack(w http.ResponseWriter, r *http.Request, tty bool) (net.Conn, io.Reader, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		writeError(w, http.StatusInternalServerError, "hijacking the connection: %v", err)
		return nil, nil, err
	}
	var head bytes.Buffer
	if r.Header.Get("Upgrade") != "" {
		fmt.Fprintf(&head, "HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n", contentType(tty))
	} else {
		fmt.Fprintf(&head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n", contentType(tty))
	}
	w.Header().Write(&head)
	head.WriteString("\r\n")
	if _, err := conn.Write(head.Bytes()); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, buffered.Reader, nil
}

// attach follows the container's output or, with stdin=1, is a shell.
func (e *Engine) attach(w http.ResponseWriter, r *http.Request, c *container) {
	io.Copy(io.Discard, r.Body)
	conn, in, err := hijack(w, r, c.tty)
	if err != nil {
		return
	}
	defer conn.Close()
	if isTrue(r, "stdin") {
		shell(frames{conn, stdout, c.tty}, in)
		return
	}
	e.writeLog(e.ctx, conn, c, 0, true)
}

const controlD = 4

// shell answers what it reads with the same in upper case (ASCII letters only;
// every other byte as it is) until its input ends. A terminal also ends on
// control-D, and gets a carriage return with each line.
func shell(out frames, in io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Read(buf)
		said := buf[:n]
		for i, b := range said {
			if 'a' <= b && b <= 'z' {
				said[i] = b - 'a' + 'A'
			}
		}
		ended := err != nil
		if out.tty {
			var controlled bool
			said, _, controlled = bytes.Cut(said, []byte{controlD})
			ended = ended || controlled
			said = bytes.ReplaceAll(said, []byte("\r"), []byte("\n"))
			said = bytes.ReplaceAll(said, []byte("\n"), []byte("\r\n"))
		}
		if len(said) > 0 {
			if _, err := out.Write(said); err != nil {
				return
			}
		}
		if ended {
			return
		}
	}
}

// execution is a command run in a container.
type execution struct {
	id        string
	container *container

	Tty         bool
	AttachStdin bool
	Cmd         []string

	running bool // guarded by Engine.mu
}

func (e *Engine) createExec(w http.ResponseWriter, r *http.Request, c *container) {
	x := &execution{container: c}
	if err := readJSON(r, x); err != nil {
		writeError(w, http.StatusBadRequest, "%v", err)
		return
	}
	if len(x.Cmd) == 0 {
		writeError(w, http.StatusBadRequest, "No exec command specified")
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.state != "running" {
		writeError(w, http.StatusConflict, "container %s is not running", c.id)
		return
	}
	x.id = fakeID("exec " + strconv.Itoa(len(e.execs)))
	e.execs[x.id] = x
	e.emit("exec_create: "+strings.Join(x.Cmd, " "), c)
	writeJSON(w, http.StatusCreated, object{"Id": x.id})
}

type execHandler func(http.ResponseWriter, *http.Request, *execution)

func (e *Engine) withExec(h execHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		e.mu.Lock()
		x := e.execs[id]
		e.mu.Unlock()
		if x == nil {
			writeError(w, http.StatusNotFound, "No such exec instance: %s", id)
			return
		}
		h(w, r, x)
	}
}

// startExec runs a shell if the client attached its stdin; any other command
// says what it is and ends.
func (e *Engine) startExec(w http.ResponseWriter, r *http.Request, x *execution) {
	var start struct{ Detach bool }
	if err := readJSON(r, &start); err != nil {
		writeError(w, http.StatusBadRequest, "%v", err)
		return
	}
	if start.Detach {
		w.WriteHeader(http.StatusOK)
		return
	}
	conn, in, err := hijack(w, r, x.Tty)
	if err != nil {
		return
	}
	defer conn.Close()
	e.setRunning(x, true, "exec_start: "+strings.Join(x.Cmd, " "))
	defer e.setRunning(x, false, "exec_die")
	out := frames{conn, stdout, x.Tty}
	if x.AttachStdin {
		shell(out, in)
		return
	}
	fmt.Fprintf(out, "stand-in: %s\n", strings.Join(x.Cmd, " "))
}

func (e *Engine) setRunning(x *execution, running bool, event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.running = running
	e.emit(event, x.container)
}

func (e *Engine) inspectExec(w http.ResponseWriter, r *http.Request, x *execution) {
	e.mu.Lock()
	running := x.running
	e.mu.Unlock()
	writeJSON(w, http.StatusOK, object{
		"ID":            x.id,
		"ContainerID":   x.container.id,
		"Running":       running,
		"ExitCode":      0,
		"OpenStdin":     x.AttachStdin,
		"ProcessConfig": object{"tty": x.Tty, "entrypoint": x.Cmd[0], "arguments": x.Cmd[1:]},
	})
}

// readJSON reads the whole body, since a connection with an unread body cannot be
// hijacked. No body is an empty object.
func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || len(body) == 0 {
		return err
	}
	return json.Unmarshal(body, v)
}
