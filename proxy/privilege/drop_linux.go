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

// Drop gives up every capability, sets no_new_privs, and hides memory and files
// of the process from other processes of its user. If the process runs as root,
// Drop also makes it the user `to`, with one group. An identity with UID 0 keeps
// user and groups; so does a process that is not root.
//
// Drop returns the credentials that the kernel reports afterwards. After an
// error the process must not serve: it may still have some of its privileges.
func Drop(to Identity) (State, error) {
	if err := hide(); err != nil {
		return State{}, err
	}
	before, err := readState()
	if err != nil {
		return before, err
	}
	change := before.UID[effective] == 0 && to.UID != 0
	if change {
		if err := before.checkCapabilities(to); err != nil {
			return before, err
		}
	}
	if err := prctl(unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return before, fmt.Errorf("cannot set no_new_privs: %w", err)
	}
	if err := dropInheritable(before); err != nil {
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
	if err := hide(); err != nil { // a change of user has set it to the sysctl fs.suid_dumpable
		return before, err
	}
	after, err := readState()
	if err != nil {
		return after, err
	}
	want := before.afterDrop()
	if change {
		want.setIdentity(to)
	}
	return after, after.verify(want)
}

// hide makes the process not dumpable: a process of the same user, in a container
// that shares the PID namespace, could otherwise trace it, or reach the engine
// through /proc/<pid>/fd and /proc/<pid>/root. It holds for all threads. It comes
// too late for one that traces the process from its first instruction on.
func hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot hide the process from others of its user: %w", err)
	}
	return nil
}

// effective is the index of the effective id in State.UID and State.GID.
const effective = 1

// checkCapabilities returns an error if the process lacks a capability that
// changing the user needs, as with cap_drop: [ALL].
func (s State) checkCapabilities(to Identity) error {
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

// dropInheritable empties the capability sets from which a program that is
// executed gets its own: the ambient set, and the bounding set if CAP_SETPCAP
// allows it. If it does not, no_new_privs keeps an executed program from gaining
// what is left in the bounding set.
func dropInheritable(s State) error {
	// EINVAL: this kernel has no ambient capabilities.
	if err := prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot clear the ambient capabilities: %w", err)
	}
	if !s.canDropBounding() {
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

func (s State) canDropBounding() bool { return s.Effective&(1<<unix.CAP_SETPCAP) != 0 }

// become changes root to another user. The groups change first: a process that
// is not root may not change them.
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
		// checkCapabilities has found the capabilities, so the cause is the user
		// namespace: it does not map one of the numbers, or denies setgroups(2).
		return fmt.Errorf("cannot become %d:%d in this user namespace: %w; set RUN_AS to a user that it has, or RUN_AS=0 where its root is an ordinary user outside", to.UID, to.GID, err)
	case err != nil:
		return fmt.Errorf("cannot become %d:%d: %w", to.UID, to.GID, err)
	}
	return nil
}

// dropCapabilities empties the permitted, effective and inheritable sets. A
// change of user has emptied the first two already; with RUN_AS=0 nothing has.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0)
	if errno != 0 {
		return fmt.Errorf("cannot drop capabilities: %w", errno)
	}
	return nil
}

// prctl sets an option on every thread.
func prctl(option int, arg uintptr) error {
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, uintptr(option), arg, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// afterDrop returns the state that a process in state s must have after the drop
// if its user stays the same.
func (s State) afterDrop() State {
	want := State{UID: s.UID, GID: s.GID, Groups: s.Groups, NoNewPrivs: true}
	if !s.canDropBounding() {
		want.Bounding = s.Bounding
	}
	return want
}

func (s *State) setIdentity(to Identity) {
	for i := range s.UID {
		s.UID[i], s.GID[i] = to.UID, to.GID
	}
	s.Groups = fmt.Sprint(to.GID)
}

// rootOnly are files that only root can read, on every kernel that has them.
var rootOnly = []string{"/proc/slabinfo", "/proc/vmallocinfo", "/proc/kpagecount", "/etc/shadow"}

// verify compares the state that the kernel reports with the one wanted, then
// tries two things that only root can do: setuid(0) and reading root's files.
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
