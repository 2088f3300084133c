// Package privilege gives up root for good, and checks that it is gone.
//
// The order in a server is: open what needs root (ports, socket files),
// [Drop], [Confine], and only then accept. Neither can be undone.
//
// # Why it holds for every thread
//
// Linux keeps user, groups, capabilities and no_new_privs per thread, and a Go
// program has threads before main begins. Set on one thread only, root would
// come back with the next goroutine that another thread runs. So nothing here
// calls the kernel for one thread: [syscall.Setgroups] and its kin, and
// psx.Syscall3 for what package syscall does not wrap, stop the runtime and make
// the same call on every thread it has; a thread that answers differently ends
// the process. Threads that start later are clones of these and inherit what
// they have. A binary with cgo has threads that the runtime does not know; there
// both go through the C library's lists (that is why psx is used and not
// [syscall.AllThreadsSyscall], which refuses to work with cgo). Drop takes none
// of this on trust: it reads the result of each thread back from /proc.
//
// Running the program again after the drop, so that it begins with one thread
// that has nothing, would need the open listeners and a mark in the environment
// to be handed over, and whoever can set the mark could skip the drop.
package privilege

// Identity is whom a process runs as. GID is its primary and its only group.
type Identity struct{ UID, GID int }

// State is what the kernel says of this process. All threads share it.
type State struct {
	// UID and GID are the real, effective, saved and file-system ids.
	UID, GID [4]int
	// Groups are the supplementary groups, separated by spaces.
	Groups string
	// The capability sets, one bit for each capability.
	Inheritable, Permitted, Effective, Bounding, Ambient uint64
	// NoNewPrivs is set when no program that is executed gains anything.
	NoNewPrivs bool
	// Threads is how many threads were looked at.
	Threads int
}

// Paths are the only files that a confined process can still open.
type Paths struct {
	// Connect are sockets to connect to.
	Connect []string
	// Remove are files that it may remove, such as its own sockets.
	Remove []string
}
