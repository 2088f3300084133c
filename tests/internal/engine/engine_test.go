package engine

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func start(t *testing.T, socket string) *Engine {
	t.Helper()
	e, err := Start(socket, Options{Tick: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func socketIn(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "docker.sock")
}

func dial(t *testing.T, socket string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

// send writes a request whose target is not touched by any URL parser, and
// early right behind it.
func send(t *testing.T, socket, method, target, header, body string, early ...string) (*net.UnixConn, *bufio.Reader, *http.Response) {
	t.Helper()
	c := dial(t, socket)
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: engine\r\n%sContent-Length: %d\r\n\r\n%s%s", method, target, header, len(body), body, strings.Join(early, ""))
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return c, in, resp
}

// do sends a request and reads all of a JSON response, into v unless v is nil.
func do(t *testing.T, socket, method, target, body string, v any) int {
	t.Helper()
	_, _, resp := send(t, socket, method, target, "", body)
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if v != nil {
		if err := json.Unmarshal(got, v); err != nil {
			t.Fatalf("%s %s: response %q: %v", method, target, got, err)
		}
	}
	return resp.StatusCode
}

func await(t *testing.T, e *Engine, match func(Request) bool) Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := e.Await(ctx, match)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEventsArriveAsTheyHappen(t *testing.T) {
	t.Parallel()
	socket := socketIn(t)
	e := start(t, socket)
	c, _, resp := send(t, socket, "GET", "/v1.41/events", "", "")
	events := json.NewDecoder(resp.Body)
	for _, want := range []struct {
		action string
		cause  func()
	}{
		{"start", func() { do(t, socket, "POST", "/containers/db/start", "", nil) }},
		{"oom", func() { e.Emit("oom", "db") }},
	} {
		want.cause()
		var got struct {
			Action string
			Actor  struct{ Attributes map[string]string }
		}
		if err := events.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Action != want.action || got.Actor.Attributes["name"] != "db" {
			t.Errorf("event = %+v, want %s of db", got, want.action)
		}
	}
	c.Close()
	await(t, e, func(r Request) bool { return r.Target == "/v1.41/events" && r.Ended })
}

func TestExecEchoesUntilHalfClose(t *testing.T) {
	t.Parallel()
	socket := socketIn(t)
	start(t, socket)
	const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
	const multiplexed = "application/vnd.docker.multiplexed-stream"
	for _, test := range []struct {
		header      string
		tty         bool
		status      int
		contentType string
		echo        string
	}{
		{"", false, 200, multiplexed, "\x01\x00\x00\x00\x00\x00\x00\x04HI\xff\n"},
		{upgrade, false, 101, multiplexed, "\x01\x00\x00\x00\x00\x00\x00\x04HI\xff\n"},
		{"", true, 200, "application/vnd.docker.raw-stream", "HI\xff\r\n"},
		{upgrade, true, 101, "application/vnd.docker.raw-stream", "HI\xff\r\n"},
	} {
		t.Run(fmt.Sprintf("%d tty=%v", test.status, test.tty), func(t *testing.T) {
			t.Parallel()
			var exec struct {
				ID      string `json:"Id"`
				Running bool
			}
			body := fmt.Sprintf(`{"Cmd": ["sh"], "AttachStdin": true, "Tty": %v}`, test.tty)
			if got := do(t, socket, "POST", "/containers/web/exec", body, &exec); got != 201 {
				t.Fatalf("creating the exec: status %d, want 201", got)
			}
			c, in, resp := send(t, socket, "POST", "/exec/"+exec.ID+"/start", test.header, "{}", "hi\xff\n")
			if got := resp.Header.Get("Content-Type"); resp.StatusCode != test.status || got != test.contentType {
				t.Fatalf("response = %d %s, want %d %s", resp.StatusCode, got, test.status, test.contentType)
			}
			for range 2 {
				got := make([]byte, len(test.echo))
				if _, err := io.ReadFull(in, got); err != nil || string(got) != test.echo {
					t.Fatalf("echo = %q, %v, want %q", got, err, test.echo)
				}
				io.WriteString(c, "hi\xff\n")
			}
			c.CloseWrite()
			if rest, err := io.ReadAll(in); err != nil || string(rest) != test.echo {
				t.Errorf("at the end of input: %q, %v, want %q and the end", rest, err, test.echo)
			}
			do(t, socket, "GET", "/exec/"+exec.ID+"/json", "", &exec)
			if exec.Running {
				t.Error("the exec still runs after the end of output")
			}
		})
	}
}

func TestComesBackOnTheSamePath(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		stop func(*Engine)
		want error
	}{
		{"closed", (*Engine).Close, syscall.ENOENT},
		{"crashed", (*Engine).Crash, syscall.ECONNREFUSED},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			socket := socketIn(t)
			e := start(t, socket)
			_, _, events := send(t, socket, "GET", "/events", "", "")
			_, attached, _ := send(t, socket, "POST", "/containers/worker/attach?stdin=1", "", "")
			test.stop(e)
			for name, r := range map[string]io.Reader{"events": events.Body, "attach": attached} {
				if n, err := io.Copy(io.Discard, r); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s after the engine stopped: %d bytes, %v, want it cut", name, n, err)
				}
			}
			if _, err := net.Dial("unix", socket); !errors.Is(err, test.want) {
				t.Errorf("dialling the stopped engine = %v, want %v", err, test.want)
			}
			start(t, socket)
			e.Close() // again, as a deferred call does: must spare the new socket
			if got := do(t, socket, "GET", "/version", "", nil); got != 200 {
				t.Errorf("GET /version of the new engine = %d, want 200", got)
			}
			if _, err := Start(socket, Options{}); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("starting a second engine on the path = %v, want %v", err, syscall.EADDRINUSE)
			}
		})
	}
}

func TestRecordsTheTargetAsSent(t *testing.T) {
	t.Parallel()
	socket := socketIn(t)
	e := start(t, socket)
	tests := []struct {
		target   string
		status   int
		location string
	}{
		{"/containers/a%2fb/json", 404, ""},
		{"/v1.41/containers/a%2Fb/json?x=%20", 404, ""},
		{"/v1.41/containers/w%65b/json", 200, ""},
		{"http://elsewhere/containers/json", 200, ""},
		{"/containers/nope/whatever/", 200, ""},
		{"//_ping", 301, "/_ping"},
		{"/images/../containers/./json?all=1&b=%2f", 301, "/containers/json?all=1&b=%2f"},
		{"/containers/%2e%2e/_ping", 301, "/_ping"},
		{"/containers/a%2f%2fb/json", 301, "/containers/a/b/json"},
		{"/containers/..%2f", 301, "/"},
	}
	for _, test := range tests {
		_, _, resp := send(t, socket, "GET", test.target, "", "")
		if got := resp.Header.Get("Location"); resp.StatusCode != test.status || got != test.location {
			t.Errorf("GET %s = %d %q, want %d %q", test.target, resp.StatusCode, got, test.status, test.location)
		}
	}
	all := e.Requests()
	for i, test := range tests {
		if got := all[i]; got.Method != "GET" || got.Target != test.target {
			t.Errorf("recorded %s %s, want GET %s", got.Method, got.Target, test.target)
		}
	}
	e.Reset()
	if got := e.Requests(); len(got) != 0 {
		t.Errorf("%d requests after Reset, want none", len(got))
	}
}

func TestRecordsBodies(t *testing.T) {
	t.Parallel()
	socket := socketIn(t)
	e := start(t, socket)
	body := strings.Repeat("context", 100_000)
	sum := sha256.Sum256([]byte(body))
	for _, target := range []string{"/build", "/images/load", "/containers/create"} {
		do(t, socket, "POST", target, body, nil)
		got := await(t, e, func(r Request) bool { return r.Target == target && r.Ended })
		if got.BodySize != int64(len(body)) || got.BodySHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: body of %d bytes, %s, want %d, %x", target, got.BodySize, got.BodySHA256, len(body), sum)
		}
	}
}

func TestActionsChangeStates(t *testing.T) {
	t.Parallel()
	socket := socketIn(t)
	start(t, socket)
	for _, step := range []struct {
		verb   string
		status int
		state  string
	}{
		{"start", 304, "running"},
		{"unpause", 500, "running"},
		{"pause", 204, "paused"},
		{"pause", 409, "paused"},
		{"unpause", 204, "running"},
		{"stop", 204, "exited"},
		{"stop", 304, "exited"},
		{"kill", 409, "exited"},
		{"restart", 204, "running"},
		{"kill", 204, "exited"},
		{"start", 204, "running"},
	} {
		if got := do(t, socket, "POST", "/v1.41/containers/web/"+step.verb, "", nil); got != step.status {
			t.Errorf("%s = %d, want %d", step.verb, got, step.status)
		}
		var web struct{ State struct{ Status string } }
		do(t, socket, "GET", "/containers/web/json", "", &web)
		if got := web.State.Status; got != step.state {
			t.Errorf("state after %s = %s, want %s", step.verb, got, step.state)
		}
	}
}

func TestLogsFollowUntilTheContainerStops(t *testing.T) {
	t.Parallel()
	socket := socketIn(t)
	start(t, socket)
	_, _, resp := send(t, socket, "GET", "/containers/web/logs?follow=1&tail=0", "", "")
	first := make([]byte, 8+len("web: line 1\n"))
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	do(t, socket, "POST", "/containers/web/stop", "", nil)
	var out, errOut bytes.Buffer
	if err := Demultiplex(&out, &errOut, io.MultiReader(bytes.NewReader(first), resp.Body)); err != nil {
		t.Fatal(err)
	}
	if want := "web: line 1\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("stdout = %q, want it to begin with %q", out.String(), want)
	}
	if strings.Contains(out.String(), "line 3\n") {
		t.Errorf("stdout = %q, want line 3 on stderr", out.String())
	}
}

func TestHandleReplacesAResponse(t *testing.T) {
	t.Parallel()
	socket := socketIn(t)
	e := start(t, socket)
	e.Handle("GET /containers/{id}/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.PathValue("id"), http.StatusTeapot)
	}))
	for target, want := range map[string]int{
		"/containers/web/json":         418,
		"/v1.41/containers/a%2fb/json": 418,
		"/v1.41x/containers/web/json":  200,
		"/containers/json":             200,
	} {
		if got := do(t, socket, "GET", target, "", nil); got != want {
			t.Errorf("GET %s = %d, want %d", target, got, want)
		}
	}
}

func TestAwaitGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	e := start(t, socketIn(t))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := e.Await(ctx, func(Request) bool { return true })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Await without a request = %v, want %v", err, context.DeadlineExceeded)
	}
}
