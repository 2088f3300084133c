//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"postern/acl"
)

// process is a program that runs.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// startProcess runs a command, on request in a session of its own: where the
// kernel schedules by sessions, each has the same share of the machine then, as
// containers do.
func startProcess(session bool, cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, stdin}, cmd.Start()
}

func (p *process) stop() {
	if p != nil {
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.stdin.Close()
		p.cmd.Wait()
	}
}

// cpu is the time that the process has spent in all its threads.
func (p *process) cpu() time.Duration {
	// The clock of another process, as clock_getcpuclockid computes it; /proc
	// counts in hundredths of a second.
	const scheduled = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|scheduled), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

var residentLine = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// resident is the process's resident memory in bytes.
func (p *process) resident() float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	match := residentLine.FindSubmatch(status)
	if match == nil {
		return 0
	}
	kilobytes, _ := strconv.ParseFloat(string(match[1]), 64)
	return kilobytes * 1024
}

// program is one of those that are compared.
type program struct {
	name          string
	network, addr string
	// command makes the proxy's command; nil for the bare socket.
	command func() (*exec.Cmd, error)
	log     string // where it writes its log

	*process // while it runs
}

// settings are postern's, and HAProxy's, which has the same variables.
var settings = []string{"CONTAINERS=1", "IMAGES=1", "POST=1", "LOG_LEVEL=info"}

// launch starts the program, waits until it answers, and returns how long that
// took.
func (p *program) launch(session bool) (time.Duration, error) {
	if p.command == nil {
		return 0, nil
	}
	cmd, err := p.command()
	if err != nil {
		return 0, err
	}
	log, err := os.Create(p.log)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = log, &complaints
	start := time.Now()
	if p.process, err = startProcess(session, cmd); err != nil {
		return 0, err
	}
	const patience = 10 * time.Second
	for !answers(p.network, p.addr) {
		if time.Since(start) > patience {
			p.quit()
			return 0, fmt.Errorf("%s does not answer: %s", p.name, complaints.String())
		}
		time.Sleep(200 * time.Microsecond)
	}
	return time.Since(start), nil
}

func (p *program) quit() {
	p.process.stop()
	p.process = nil
}

// answers reports whether a ping is answered with 200.
func answers(network, addr string) bool {
	c, err := net.Dial(network, addr)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	var answer [len("HTTP/1.1 200 ")]byte
	_, err = io.WriteString(c, request("GET", "/_ping"))
	if err == nil {
		_, err = io.ReadFull(c, answer[:])
	}
	return err == nil && string(answer[:]) == "HTTP/1.1 200 "
}

// freeAddr returns an address on which nothing listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// postern is the binary in dir, or with profile, this program with the same
// proxy in it.
func postern(dir, socket string, profile string) (*program, error) {
	addr, err := freeAddr()
	p := &program{name: "postern", network: "tcp", addr: addr, log: filepath.Join(dir, "postern.log")}
	p.command = func() (*exec.Cmd, error) {
		cmd := exec.Command(filepath.Join(dir, "postern"))
		if profile != "" {
			cmd = exec.Command("/proc/self/exe", "serve", profile)
		}
		cmd.Env = append([]string{"LISTEN=tcp://" + addr, "SOCKET_PATH=" + socket}, settings...)
		return cmd, nil
	}
	return p, err
}

// haproxy is HAProxy with rules that decide like postern's sections, one line
// each, and with the same timeouts and log. option says what becomes of the
// connections to the engine.
func haproxy(dir, socket, name, option string) (*program, error) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/haproxy")
	}
	if err != nil {
		return nil, errors.New("no haproxy")
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, name+".cfg")
	if err := os.WriteFile(config, []byte(haproxyConfig(addr, socket, option)), 0o644); err != nil {
		return nil, err
	}
	p := &program{name: name, network: "tcp", addr: addr, log: filepath.Join(dir, name+".log")}
	p.command = func() (*exec.Cmd, error) {
		cmd := exec.Command(path, "-db", "-f", config)
		for _, s := range acl.Sections {
			value := "0"
			if s.Default {
				value = "1"
			}
			cmd.Env = append(cmd.Env, s.Var+"="+value)
		}
		cmd.Env = append(cmd.Env, settings...)
		return cmd, nil
	}
	return p, nil
}

func haproxyConfig(addr, socket, option string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `global
    log stdout format raw local0 info
    maxconn 4000

defaults
    mode http
    log global
    option httplog
    %s
    timeout connect 10s
    timeout http-request 10s
    timeout http-keep-alive 10m
    timeout client 1d
    timeout server 1d
    timeout tunnel 1d

backend engine
    server engine unix@%s

frontend clients
    bind %s
    http-request deny unless METH_GET or METH_HEAD or { env(POST) -m bool }
`, option, socket, addr)
	for _, s := range acl.Sections {
		if strings.HasPrefix(s.Var, "LIBPOD_") {
			continue
		}
		fmt.Fprintf(&b, "    http-request allow if { path,url_dec -m reg ^(/v[0-9.]+)?%s(/|$) } { env(%s) -m bool }\n", s.Path, s.Var)
	}
	b.WriteString("    http-request deny\n    default_backend engine\n")
	return b.String()
}

// load runs a load generator and returns what it saw.
func load(session bool, j job) (outcome, *process, error) {
	cmd := exec.Command("/proc/self/exe", "load")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, nil, err
	}
	p, err := startProcess(session, cmd)
	if err != nil {
		return outcome{}, nil, err
	}
	var o outcome
	if err = json.NewEncoder(p.stdin).Encode(j); err == nil {
		err = json.NewDecoder(stdout).Decode(&o)
	}
	if err == nil && o.Error != "" {
		err = errors.New(o.Error)
	}
	if !j.Hold || err != nil {
		p.stdin.Close()
		p.cmd.Wait()
	}
	return o, p, err
}
