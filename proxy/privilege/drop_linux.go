package privilege

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// Drop gives up every capability and all hope of new ones, and, where the
// process is root, becomes another user with one group. An identity with UID 0
// keeps user and groups as they are; so does a process that is not root. The
// error says what is missing to do it; the process must not serve then.
func Drop(to Identity) (State, error) {
	before, err := read()
	if err != nil {
		return before, err
	}
	change := before.UID[effective] == 0 && to.UID != 0
	if change {
		if err := before.lacks(to); err != nil {
			return before, err
		}
	}
	if err := prctl(unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return before, fmt.Errorf("cannot set no_new_privs: %w", err)
	}
	if err := emptyBounds(before); err != nil {
		return before, err
	}
	if change {
		if err := become(to); err != nil {
			return before, err
		}
	}
	if err := dropCapabilities(); err != nil {
		return before, err
	}
	after, err := read()
	if err != nil {
		return after, err
	}
	want := before.wanted()
	if change {
		want.take(to)
	}
	return after, after.verify(want)
}

// The indices of State.UID and State.GID.
const (
	effective = 1
	all       = 4
)

// lacks names the capabilities that becoming another user takes and that are
// not there, as with cap_drop: [ALL].
func (s State) lacks(to Identity) error {
	var missing []string
	for _, c := range []struct {
		bit  int
		name string
	}{{unix.CAP_SETUID, "SETUID"}, {unix.CAP_SETGID, "SETGID"}} {
		if s.Effective&(1<<c.bit) == 0 {
			missing = append(missing, c.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("started as root without %s, capabilities that it takes to become %d:%d: add cap_add: [SETUID, SETGID], or start it as user: \"%d:%d\"",
		strings.Join(missing, " and "), to.UID, to.GID, to.UID, to.GID)
}

// emptyBounds empties the sets that execve would hand on: ambient, and the
// bounding set where CAP_SETPCAP allows it. Where it does not, no_new_privs
// keeps what is left of the bounding set out of reach.
func emptyBounds(s State) error {
	// EINVAL is a kernel without ambient capabilities.
	if err := prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot clear the ambient capabilities: %w", err)
	}
	if !s.mayBound() {
		return nil
	}
	for c := range 64 {
		if s.Bounding&(1<<c) == 0 {
			continue
		}
		if err := prctl(unix.PR_CAPBSET_DROP, uintptr(c)); err != nil {
			return fmt.Errorf("cannot drop capability %d from the bounding set: %w", c, err)
		}
	}
	return nil
}

func (s State) mayBound() bool { return s.Effective&(1<<unix.CAP_SETPCAP) != 0 }

// become goes from root to another user. The groups come first: without the
// user id 0 they could not be changed any more.
func become(to Identity) error {
	err := syscall.Setgroups([]int{to.GID})
	if err == nil {
		err = syscall.Setresgid(to.GID, to.GID, to.GID)
	}
	if err == nil {
		err = syscall.Setresuid(to.UID, to.UID, to.UID)
	}
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EPERM):
		// The capabilities are there: it is the user namespace that lacks one
		// of the numbers or was made without setgroups(2).
		return fmt.Errorf("cannot become %d:%d in this user namespace: %w; set RUN_AS to a user that it has, or RUN_AS=0 where its root is an ordinary user outside", to.UID, to.GID, err)
	case err != nil:
		return fmt.Errorf("cannot become %d:%d: %w", to.UID, to.GID, err)
	}
	return nil
}

// dropCapabilities empties the permitted, effective and inheritable sets. The
// change of user has emptied the first two unless the user stays the same.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0)
	if errno != 0 {
		return fmt.Errorf("cannot drop capabilities: %w", errno)
	}
	return nil
}

func prctl(option int, arg uintptr) error {
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, uintptr(option), arg, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// wanted is what has to be left of a state after the drop.
func (s State) wanted() State {
	want := State{UID: s.UID, GID: s.GID, Groups: s.Groups, NoNewPrivs: true}
	if !s.mayBound() {
		want.Bounding = s.Bounding
	}
	return want
}

// take puts an identity in.
func (s *State) take(to Identity) {
	for i := range all {
		s.UID[i], s.GID[i] = to.UID, to.GID
	}
	s.Groups = fmt.Sprint(to.GID)
}

// rootOnly are files that only root can read, on every kernel that has them.
var rootOnly = []string{"/proc/slabinfo", "/proc/vmallocinfo", "/proc/kpagecount", "/etc/shadow"}

// verify compares what the kernel says with what was asked of it, then tries
// what root could do.
func (s State) verify(want State) error {
	want.Threads = s.Threads
	if s != want {
		return fmt.Errorf("privileges were not given up: the kernel says %+v, want %+v", s, want)
	}
	if want.UID[effective] == 0 {
		return nil
	}
	if syscall.Setuid(0) == nil {
		return errors.New("privileges were not given up: setuid(0) brings root back")
	}
	for _, path := range rootOnly {
		if f, err := os.Open(path); err == nil {
			f.Close()
			return fmt.Errorf("privileges were not given up: %s can still be read", path)
		}
	}
	return nil
}
