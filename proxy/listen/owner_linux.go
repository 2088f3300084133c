package listen

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// asOwner runs f with the file permissions of the user uid. Root in a container
// may lack the capability DAC_OVERRIDE, and then cannot connect to a socket file
// that it gave to another user at its last start. The change applies to the
// calling thread only; without the capability SETUID it has no effect.
func asOwner(uid int, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.SetfsuidRetUid(uid)
	if err == nil {
		defer unix.SetfsuidRetUid(before)
	}
	f()
}
