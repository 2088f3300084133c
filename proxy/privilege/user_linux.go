package privilege

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// AsUser runs f with the file permissions of the user uid. Root in a container may
// lack the capability DAC_OVERRIDE, and then cannot use a file that another user
// keeps for itself: a socket that root gave away at its last start, a private key.
// The change applies to the calling thread only, so f must not wait for other
// goroutines to open files; without the capability SETUID it has no effect.
func AsUser(uid int, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.SetfsuidRetUid(uid)
	if err == nil {
		defer unix.SetfsuidRetUid(before)
	}
	f()
}
