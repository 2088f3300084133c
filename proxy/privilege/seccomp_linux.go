package privilege

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refused are the system calls that postern never makes once it serves. The
// filter lists what is refused and not what is allowed: Go's runtime may make
// other calls with each version, and a kernel has new ones.
var refused = []uint32{
	// Programs and other processes.
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_KCMP,
	unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD,
	// All listeners are open. Landlock refuses bind(2) alone, and listen(2)
	// without it takes a free port.
	unix.SYS_LISTEN,
	// A user namespace would give the process capabilities inside it.
	unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_OPEN_BY_HANDLE_AT,
	// Large parts of the kernel that postern has no use for. A ring's operations
	// also pass no filter.
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
}

// architecture is what the filter must know of a processor.
type architecture struct {
	audit uint32 // how the kernel names the calling convention
	// others are numbers that not every processor has: fork(2) and vfork(2), and
	// socketcall(2), whose arguments no filter can read.
	others []uint32
}

// architectures are by runtime.GOARCH. They have the low half of an argument
// first. On others there is no filter.
//
// Go makes sockets by socketcall(2) on 386, so there the filter does not restrict
// sockets.
var architectures = map[string]architecture{
	"386":     {unix.AUDIT_ARCH_I386, []uint32{2, 190}},
	"amd64":   {unix.AUDIT_ARCH_X86_64, []uint32{57, 58}},
	"arm":     {unix.AUDIT_ARCH_ARM, []uint32{2, 190}},
	"arm64":   {unix.AUDIT_ARCH_AARCH64, nil},
	"loong64": {unix.AUDIT_ARCH_LOONGARCH64, nil},
	"ppc64le": {unix.AUDIT_ARCH_PPC64LE, []uint32{2, 189, 102}},
	"riscv64": {unix.AUDIT_ARCH_RISCV64, nil},
}

// Actions of a filter, seccomp(2).
const (
	allow        = unix.SECCOMP_RET_ALLOW
	deny         = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	doesNotExist = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// program is a filter in the kernel's classic BPF. Each method adds a test that
// ends the program with an action, or does not and falls through.
type program []unix.SockFilter

// Offsets in struct seccomp_data, which the program runs on.
const (
	numberOffset  = 0
	archOffset    = 4
	firstArgument = 16
)

func (p *program) add(code int, k uint32, ifTrue, ifFalse uint8) {
	*p = append(*p, unix.SockFilter{Code: uint16(code), Jt: ifTrue, Jf: ifFalse, K: k})
}

func (p *program) load(offset uint32) { p.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset, 0, 0) }

// loadArgument loads the low half of an argument, which is all that the kernel
// takes of an int.
func (p *program) loadArgument(n uint32) { p.load(firstArgument + 8*n) }

func (p *program) end(action uint32) { p.add(unix.BPF_RET|unix.BPF_K, action, 0, 0) }

// endIf ends the program if the comparison of what is loaded with k is true.
func (p *program) endIf(comparison int, k, action uint32) {
	p.add(unix.BPF_JMP|comparison|unix.BPF_K, k, 0, 1)
	p.end(action)
}

// denyUnless ends the program unless what is loaded is one of the values.
func (p *program) denyUnless(values ...uint32) {
	for i, v := range values {
		p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, v, uint8(len(values)-i), 0)
	}
	p.end(deny)
}

// call adds a block that holds for one system call and allows what it does not
// end with another action.
func (p *program) call(number uint32, block func(*program)) {
	var b program
	block(&b)
	b.end(allow)
	p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, number, 0, uint8(len(b)))
	*p = append(*p, b...)
}

// filter returns the program for an architecture.
func filter(name string, a architecture) program {
	var p program
	// On amd64 a program can also call as 386 (another architecture) and as x32
	// (numbers from 1<<30), whose numbers are not in the list.
	p.load(archOffset)
	p.denyUnless(a.audit)
	p.load(numberOffset)
	if name == "amd64" {
		p.endIf(unix.BPF_JGE, 1<<30, deny)
	}
	for _, number := range slices.Concat(refused, a.others) {
		p.endIf(unix.BPF_JEQ, number, deny)
	}
	// A new thread is allowed, a new process is not. The flags of clone3(2) are in memory, where
	// a filter cannot read them; the C library takes clone(2) where there is none.
	p.endIf(unix.BPF_JEQ, unix.SYS_CLONE3, doesNotExist)
	p.call(unix.SYS_CLONE, func(p *program) {
		p.loadArgument(0)
		p.add(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, unix.CLONE_THREAD, 1, 0)
		p.end(deny)
	})
	// Landlock restricts TCP alone, and not the protocols that act as TCP:
	// Multipath TCP, SMC.
	p.call(unix.SYS_SOCKET, func(p *program) {
		p.loadArgument(0)
		p.denyUnless(unix.AF_UNIX, unix.AF_INET, unix.AF_INET6)
		p.loadArgument(1)
		p.add(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0xf, 0, 0) // without SOCK_CLOEXEC and SOCK_NONBLOCK
		p.denyUnless(unix.SOCK_STREAM, unix.SOCK_DGRAM)
		p.loadArgument(2)
		p.denyUnless(0, unix.IPPROTO_TCP, unix.IPPROTO_UDP)
	})
	// TCP Fast Open connects without connect(2), which is what Landlock restricts.
	for _, send := range []struct{ number, flags uint32 }{{unix.SYS_SENDTO, 3}, {unix.SYS_SENDMSG, 2}, {unix.SYS_SENDMMSG, 3}} {
		p.call(send.number, func(p *program) {
			p.loadArgument(send.flags)
			p.endIf(unix.BPF_JSET, unix.MSG_FASTOPEN, deny)
		})
	}
	p.end(allow)
	return p
}

// restrictCalls installs the filter on every thread. It reports false where the
// kernel or the processor has none. no_new_privs must be set.
func restrictCalls() (bool, error) {
	a, ok := architectures[runtime.GOARCH]
	if !ok {
		return false, nil
	}
	p := filter(runtime.GOARCH, a)
	code := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	// Before Linux 5.16 a filter also turned on what protects an interpreter from
	// its scripts (speculative stores), and slows every process down, unless this
	// flag is set. Linux before 4.17 does not know the flag.
	errno := unix.EINVAL
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, unix.SECCOMP_FILTER_FLAG_TSYNC} {
		if errno != unix.EINVAL {
			break
		}
		var thread uintptr
		thread, _, errno = unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&code)))
		if errno == 0 && thread != 0 {
			return false, fmt.Errorf("thread %d has another seccomp filter than the rest", thread)
		}
	}
	switch {
	case errno == 0:
		return true, nil
	case errors.Is(errno, unix.ENOSYS), errors.Is(errno, unix.EINVAL):
		return false, nil
	}
	return false, fmt.Errorf("cannot install a seccomp filter: %w", errno)
}
