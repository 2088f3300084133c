// Package privilege gives up root for good and verifies that it is gone.
//
// A server opens what needs root (ports, socket files), calls [Drop], then
// [Confine], and only then accepts connections. Neither call can be undone.
//
// # Why it holds for every thread
//
// Linux keeps user, groups, capabilities and no_new_privs per thread, and a Go
// program has several threads before main begins. If only one of them gave up
// root, a goroutine could get root back when another thread runs it. So every
// system call here is made on all threads: by [syscall.Setgroups] and its
// relatives, and by psx.Syscall3 for what package syscall does not wrap. Both
// stop the runtime, repeat the call on each thread, and end the process if the
// results differ. Threads that start later are clones of these threads and
// inherit their credentials.
//
// A binary with cgo has threads that the Go runtime does not know; both then go
// through the C library, which does. [syscall.AllThreadsSyscall] refuses to run
// in a binary with cgo, which is why psx is used. Drop does not rely on any of
// this: it reads the credentials of each thread back from /proc.
//
// The alternative is to drop root and execute the program again, so that it
// starts with a single thread. The open listeners and a mark ("already
// dropped") would have to be passed on in the environment, and a user who can
// set that mark could skip the drop.
package privilege

// Identity is the user that a process runs as. GID is its primary group and its
// only one.
type Identity struct{ UID, GID int }

// State is the credentials of this process as the kernel reports them. All
// threads have the same.
type State struct {
	// UID and GID are the real, effective, saved and file-system ids.
	UID, GID [4]int
	// Groups are the supplementary groups, separated by spaces.
	Groups string
	// The capability sets, one bit for each capability.
	Inheritable, Permitted, Effective, Bounding, Ambient uint64
	// NoNewPrivs is set when executing a program cannot add privileges.
	NoNewPrivs bool
	// Dumpable is set when other processes of the same user may trace this one
	// and open its files through /proc, PR_SET_DUMPABLE(2const).
	Dumpable bool
	// Threads is the number of threads that were read.
	Threads int
}

// Paths are the only files that a confined process can still open.
type Paths struct {
	// Connect are sockets to connect to.
	Connect []string
	// Remove are files that the process may remove, such as its own sockets.
	Remove []string
}

// Confinement is what restricts a process after [Confine].
type Confinement struct {
	// Landlock is the version of Landlock, or 0 where the kernel has none or a
	// seccomp profile hides it.
	Landlock int
	// Seccomp is set where the filter of system calls is in force.
	Seccomp bool
}
