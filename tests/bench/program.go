//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// program is one of the proxies that are compared.
type program struct {
	name         string
	command, env []string
	addr         string // where it listens

	cmd     *exec.Cmd // while it runs
	started time.Duration
}

// newProgram chooses a free port and the environment, which is postern's and
// HAProxy's: networks are refused.
func newProgram(name, socket string, command ...string) (*program, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	addr := l.Addr().String()
	return &program{name: name, command: command, addr: addr, env: []string{"LISTEN=tcp://" + addr, "ADDR=" + addr, "SOCKET_PATH=" + socket,
		"CONTAINERS=1", "IMAGES=1", "POST=1", "EVENTS=1", "PING=1", "VERSION=1"}}, nil
}

// haproxyConfig has the options, the rules and the log of the image
// tecnativa/docker-socket-proxy. The limit of connections is 3000 as there, or
// more where the silent streams need it.
func haproxyConfig(streams int) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, `global
 log stdout format raw daemon info
 maxconn %d
defaults
 mode http
 log global
 option httplog
 option dontlognull
 option http-server-close
 timeout connect 10s
 timeout client 10m
 timeout server 10m
 timeout http-request 10s
backend engine
 server engine "unix@${SOCKET_PATH}"
frontend clients
 bind "${ADDR}"
 http-request deny unless METH_GET || { env(POST) -m bool }
`, max(3000, streams+100))
	for _, path := range strings.Fields(`containers/[^/]+/restart containers/[^/]+/start containers/[^/]+/stop auth build commit configs
		containers distribution events exec grpc images info networks nodes _ping plugins secrets services session swarm system tasks version volumes`) {
		toggle := strings.ToUpper(strings.Trim(strings.Replace(path, "containers/[^/]+/", "ALLOW_", 1), "_"))
		fmt.Fprintf(&text, " http-request allow if { path,url_dec -m reg -i ^(/v[0-9.]+)?/%s } { env(%s) -m bool }\n", path, toggle)
	}
	return []byte(text.String() + " http-request deny\n default_backend engine\n")
}

// launch starts the program with its access log in a file, and waits until it
// responds to a ping.
func (p *program) launch(ctx context.Context, logFile string) error {
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	var stderr bytes.Buffer
	p.cmd = exec.CommandContext(ctx, p.command[0], p.command[1:]...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = p.env, log, &stderr, ownSession
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for {
		if _, err = p.send("GET", "/_ping", nil, 200); err == nil {
			p.started = time.Since(start)
			return nil
		}
		if time.Since(start) > 10*time.Second || ctx.Err() != nil {
			p.quit()
			return fmt.Errorf("does not serve: %w\n%s", err, stderr.String())
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// ownSession gives a program the share of the processors that a container has,
// where the kernel schedules by sessions.
var ownSession = &syscall.SysProcAttr{Setsid: true}

func (p *program) quit() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// cpu is the processor time of all threads of the program so far.
func (p *program) cpu() time.Duration {
	// The number of the clock is that of clock_getcpuclockid(3). /proc/PID/stat
	// has hundredths of a second, too coarse for one stream.
	const sched = 2
	var t unix.Timespec
	unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|sched), &t)
	return time.Duration(t.Nano())
}

// proc reads a file of the program's in /proc.
func (p *program) proc(name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name))
	return string(text)
}

// settledRSS is the program's resident memory in KB after half a second's rest.
func (p *program) settledRSS() (float64, error) {
	time.Sleep(500 * time.Millisecond)
	return strconv.ParseFloat(find(`VmRSS:\s+(\d+) kB`, p.proc("status")), 64)
}

// size is the length in bytes of the program's file and of the libraries that
// it has mapped.
func (p *program) size() (sum float64) {
	seen := map[string]bool{}
	for _, path := range regexp.MustCompile(`(?m)/\S+$`).FindAllString(p.proc("maps"), -1) {
		if info, err := os.Stat(path); err == nil && !seen[path] {
			seen[path] = true
			sum += float64(info.Size())
		}
	}
	return sum
}

// find is the first group of a pattern in a text.
func find(pattern, text string) string {
	if match := regexp.MustCompile(pattern).FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return "unknown"
}
