//go:build !linux

package privilege

import (
	"errors"
	"os"
)

// Drop has nothing to drop for a user who is not root, and refuses root: what
// it promises can only be kept on Linux.
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

// Confine does nothing: Landlock is Linux's.
func Confine(Paths) (version int, err error) { return 0, nil }
