// Demo runs postern in front of a stand-in for the Docker Engine, with
// CONTAINERS=1 and otherwise its defaults, and says what to try. No Docker is
// needed; nothing of the machine's own Docker is touched. Control-C ends it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"postern/tests/internal/engine"
)

const whatToTry = `
postern listens on %[1]s, in front of a stand-in engine. Try, in another terminal:

  allowed    docker -H tcp://%[1]s ps
             curl http://%[1]s/containers/json
  refused    docker -H tcp://%[1]s stop web
             curl -X POST http://%[1]s/containers/web/stop
  a stream   docker -H tcp://%[1]s logs -f worker
             curl -N 'http://%[1]s/containers/worker/logs?follow=1&stdout=1&stderr=1'

Control-C ends it. Until then, postern's log:

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "postern-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Started as root, postern becomes another user, who has to reach the socket.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	socket := filepath.Join(dir, "docker.sock")
	e, err := engine.Start(socket, engine.Options{Tick: time.Second})
	if err != nil {
		return err
	}
	defer e.Close()
	// Without an engine no stream is left for postern to wait for.
	defer context.AfterFunc(ctx, e.Close)()

	binary := filepath.Join(dir, "postern")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "postern")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building postern: %w\n%s", err, output)
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}

	postern := exec.CommandContext(ctx, binary)
	postern.Env = []string{"SOCKET_PATH=" + socket, "LISTEN=tcp://" + address, "CONTAINERS=1"}
	postern.Stdout, postern.Stderr = os.Stdout, os.Stderr
	// Control-C reaches a terminal's whole process group: postern would take it
	// and the signal below for two, and a second one ends it at once.
	postern.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	postern.Cancel = func() error { return postern.Process.Signal(syscall.SIGTERM) }
	postern.WaitDelay = 10 * time.Second
	if err := postern.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		postern.Wait()
	}()
	if awaitResponse("http://"+address+"/_ping", gone) {
		fmt.Printf(whatToTry, address)
	}
	<-gone
	return fmt.Errorf("postern ended: %v", postern.ProcessState)
}

// awaitResponse sends requests to url until it gets a response, or until gone is closed.
func awaitResponse(url string, gone <-chan struct{}) bool {
	client := http.Client{Timeout: time.Second}
	for {
		if resp, err := client.Get(url); err == nil {
			resp.Body.Close()
			return true
		}
		select {
		case <-gone:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freeAddress is postern's usual port, or any other when something has that.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:2375")
	if errors.Is(err, syscall.EADDRINUSE) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
