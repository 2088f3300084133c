package privilege

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// socket opens a socket and closes it.
func socket(domain, kind, protocol uintptr) string {
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, domain, kind, protocol)
	if errno != 0 {
		return outcome(errno)
	}
	syscall.Close(int(fd))
	return "ok"
}

// withHighHalf sets the half of an argument that the kernel ignores in an int. A
// 32-bit processor's arguments have no such half.
func withHighHalf(n uintptr) uintptr {
	high := uint64(none)
	return n | uintptr(high<<32)
}

// call makes a system call with arguments for which the kernel itself would have
// another error than EPERM, if it makes the call at all.
func call(number uintptr, arguments ...uintptr) string {
	var a [6]uintptr
	copy(a[:], arguments)
	if _, _, errno := syscall.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return outcome(errno)
	}
	return "ok"
}

const (
	mptcp = 262
	smc   = 256
	afSMC = 43
	none  = ^uintptr(0) // not a file, nor an address
)

// calls are made on every thread of a process under the filter.
var calls = []struct {
	name string
	want string
	make func() string
}{
	{"execute a program", "denied", func() string { return call(unix.SYS_EXECVE, none) }},
	{"execute an open file", "denied", func() string { return call(unix.SYS_EXECVEAT, none) }},
	{"make a process", "denied", func() string { return call(unix.SYS_CLONE, unix.CLONE_SIGHAND) }},
	{"make a process by clone3", "function not implemented", func() string { return call(unix.SYS_CLONE3, 0, 0) }},
	{"trace a process", "denied", func() string { return call(unix.SYS_PTRACE, unix.PTRACE_CONT, 1) }},
	{"read a process", "denied", func() string { return call(unix.SYS_PROCESS_VM_READV, 1, 0, 0, 0, 0, 1) }},
	{"make a user namespace", "denied", func() string { return call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER) }},
	{"make a ring", "denied", func() string { return call(unix.SYS_IO_URING_SETUP, 0, none) }},
	{"load a BPF program", "denied", func() string { return call(unix.SYS_BPF, none, 0, 0) }},
	{"use a keyring", "denied", func() string { return call(unix.SYS_KEYCTL, none) }},
	{"a thread", "ok", func() string {
		done := make(chan bool)
		go func() { runtime.LockOSThread(); close(done) }() // the thread ends with the goroutine
		<-done
		return "ok"
	}},
}

// socketCalls are made on processors where the filter restricts sockets.
var socketCalls = []struct {
	name string
	want string
	make func() string
}{
	{"a unix socket", "ok", func() string { return socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0) }},
	{"TCP", "ok", func() string { return socket(unix.AF_INET, unix.SOCK_STREAM, 0) }},
	{"TCP by its number", "ok", func() string { return socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP) }},
	{"UDP", "ok", func() string { return socket(unix.AF_INET, unix.SOCK_DGRAM, 0) }},
	{"Multipath TCP", "denied", func() string { return socket(unix.AF_INET, unix.SOCK_STREAM, mptcp) }},
	{"Multipath TCP as 64 bits", "denied", func() string { return socket(unix.AF_INET, unix.SOCK_STREAM, withHighHalf(mptcp)) }},
	{"Multipath TCP over IPv6", "denied", func() string { return socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, mptcp) }},
	{"SMC", "denied", func() string { return socket(unix.AF_INET, unix.SOCK_STREAM, smc) }},
	{"SMC as a family", "denied", func() string { return socket(afSMC, unix.SOCK_STREAM, 0) }},
	{"SCTP", "denied", func() string { return socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP) }},
	{"UDP-Lite", "denied", func() string { return socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE) }},
	{"ping", "denied", func() string { return socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP) }},
	{"raw IP", "denied", func() string { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_UDP) }},
	{"packets", "denied", func() string { return socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0) }},
	{"netlink", "denied", func() string { return socket(unix.AF_NETLINK, unix.SOCK_DGRAM, 0) }},
	{"the kernel's ciphers", "denied", func() string { return socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) }},
	{"virtual machines", "denied", func() string { return socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) }},
	{"listen", "denied", func() string { return call(unix.SYS_LISTEN, none, 1) }},
	{"send", "bad file descriptor", func() string { return call(unix.SYS_SENDTO, none, 0, 0, 0) }},
	{"send with TCP Fast Open", "denied", func() string { return call(unix.SYS_SENDTO, none, 0, 0, unix.MSG_FASTOPEN|unix.MSG_NOSIGNAL) }},
	{"send a message with TCP Fast Open", "denied", func() string { return call(unix.SYS_SENDMSG, none, 0, unix.MSG_FASTOPEN) }},
	{"send messages with TCP Fast Open", "denied", func() string { return call(unix.SYS_SENDMMSG, none, 0, 0, unix.MSG_FASTOPEN) }},
}

// TestFilterDeniesSystemCalls asserts which system calls every thread can make
// under the filter alone, without Landlock.
func TestFilterDeniesSystemCalls(t *testing.T) {
	t.Parallel()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, known := architectures[runtime.GOARCH]
	want := fmt.Sprint(known && strings.Contains(string(status), "\nSeccomp:\t"), " <nil>")
	got := runJob(t, "calls", "")
	if got["the filter"] != want {
		t.Errorf("the filter: %s, want %s", got["the filter"], want)
	}
	if want != "true <nil>" {
		return
	}
	all := calls
	if runtime.GOARCH != "386" {
		all = append(all, socketCalls...)
	}
	for _, test := range all {
		if got[test.name] != test.want {
			t.Errorf("%s: %s, want %s", test.name, got[test.name], test.want)
		}
	}
	for name, want := range map[string]string{
		"another calling convention": "denied",
		"serve":                      "ok",
	} {
		if got[name] != want && got[name] != "" {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
}

func callsJob(string) map[string]string {
	if _, err := Drop(Identity{UID: 65532, GID: 65532}); err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	inForce, err := restrictCalls()
	filter := fmt.Sprint(inForce, " ", err)
	if !inForce {
		return map[string]string{"the filter": filter}
	}
	return onThreads(func() map[string]string {
		found := map[string]string{"the filter": filter}
		for _, c := range append(calls, socketCalls...) {
			found[c.name] = c.make()
		}
		if runtime.GOARCH == "amd64" {
			const x32 = 1 << 30
			found["another calling convention"] = call(x32 | unix.SYS_GETPID)
		}
		found["serve"] = serve(l)
		return found
	})
}

// serve makes a connection to a listener and sends a byte through it.
func serve(l net.Listener) string {
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Write([]byte{1})
			c.Close()
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return outcome(err)
	}
	defer c.Close()
	_, err = c.Read(make([]byte, 1))
	return outcome(err)
}
