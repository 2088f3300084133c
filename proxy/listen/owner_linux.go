package listen

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// asOwner runs f with a file's owner as the user whose permissions count for
// files. A container's root need not have the capability DAC_OVERRIDE and then
// cannot connect to a socket that it gave away at its last start. The change is
// the calling thread's alone; without the capability SETUID it is none.
func asOwner(uid int, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.SetfsuidRetUid(uid)
	if err == nil {
		defer unix.SetfsuidRetUid(before)
	}
	f()
}
