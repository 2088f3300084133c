//go:build !linux

package privilege

import (
	"errors"
	"os"
)

// Drop does nothing for an ordinary user and fails for root: giving up root for
// good is implemented for Linux only.
func Drop(to Identity) (State, error) {
	if os.Geteuid() == 0 && to.UID != 0 {
		return State{}, errors.New("root can only be given up on Linux: start it as another user, or set RUN_AS=0")
	}
	var s State
	for i := range s.UID {
		s.UID[i], s.GID[i] = os.Geteuid(), os.Getegid()
	}
	return s, nil
}

// Confine does nothing: Landlock and seccomp exist on Linux only.
func Confine(Paths) (Confinement, error) { return Confinement{}, nil }

// AsUser runs f. Other systems than Linux do not split root's rights into
// capabilities, so root can read every file anyway.
func AsUser(_ int, f func()) { f() }
